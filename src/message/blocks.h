/* SPDX-License-Identifier: MIT */
/* blocks.h - messages allocated and freed, and the handles that name them */
#ifndef SEA_BLOCKS_H
#define SEA_BLOCKS_H

#include "message/heap.h"

/* Allocates a message of `size` bytes.  ENOSPC: the heap is full and at its maximum; EDQUOT: the
 * peer's quota is used up. */
int sea_blocks_alloc(struct sea_message_view *view, size_t size, uint64_t *handle);

/* ESTALE: the peer owns no message with this handle. */
int sea_blocks_free(struct sea_message_view *view, uint64_t handle);

/* The block of a handle, if the peer owns it. */
int sea_blocks_find(const struct sea_message_view *view, uint64_t handle, size_t *offset);

/* The message's first byte; NULL: stale. */
void *sea_blocks_address(const struct sea_message_view *view, uint64_t handle);

/* The handle of a message that the peer owns, from its first byte. */
int sea_blocks_handle(const struct sea_message_view *view, const void *address, uint64_t *handle);

/* Bytes of the message as they were asked for. */
int sea_blocks_size(const struct sea_message_view *view, uint64_t handle, size_t *size);

/* Gives cached blocks back to the heap.  Takes mutex and lock. */
int sea_blocks_flush(struct sea_message_view *view);

/* Bytes that the peer may hold at a time; 0: no limit. */
int sea_blocks_set_quota(struct sea_message_view *view, size_t bytes);

/* --- for ports.c; the mutex ------------------------------------------------------------------ */

struct sea_message_block *sea_blocks_at(const struct sea_message_view *view, size_t offset);

/* A generation that no block has.  0 is none. */
uint32_t sea_blocks_new_generation(struct sea_message_view *view);

/* Counts bytes that the peer got or gave away, and tells the others. */
void sea_blocks_count_held(struct sea_message_view *view, int64_t bytes);

/* Claim: the peer may hold so many bytes more. */
bool sea_blocks_is_within_quota(const struct sea_message_view *view, size_t bytes);

#endif
