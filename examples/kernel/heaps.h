/* SPDX-License-Identifier: MIT */
/* heaps.h - the four heaps of this kernel, and their trial
 *
 * Two are textbook engines, each for one rung, under the names that kernel.mk gives them.  The
 * other two are the "two heaps" of rung 5: the production engine, under its own names
 * (engines/engine.h), and the heap for messages, a segment in a range of MESSAGE_ROOM bytes.
 */
#ifndef KERNEL_HEAPS_H
#define KERNEL_HEAPS_H

#include "engines/engine.h"
#include "segment/segment.h"
#include "kernel.h"

struct hole;
struct sea_chunk;
void *watermark_sea_engine_alloc(size_t size);
void watermark_sea_engine_free(void *block);
bool watermark_sea_engine_is_sound(void);
void *freelist_sea_engine_alloc(size_t size);
void freelist_sea_engine_free(void *block);
size_t freelist_sea_engine_trim(size_t keep);
bool freelist_sea_engine_is_sound(void);
struct hole *freelist_sea_index_above(const struct sea_chunk *chunk);

#define MESSAGE_ROOM SEA_MIB
extern struct sea_segment messages;
void messages_begin(void);
void *messages_alloc(size_t size);
void messages_free(void *block);
size_t messages_count(void);
bool messages_are_sound(void);

struct heap {
	const char *name;
	void *(*alloc)(size_t size);
	void (*free)(void *block);
	bool (*is_sound)(void);
};

/* Allocates and frees at random, with the contents checked; then frees everything, and audits.
 * Returns how many requests were refused. */
size_t heap_try(const struct heap *heap, size_t nr_operations);

/* Cycles for a malloc and for a free, of blocks of 16 to 512 bytes. */
struct heap_cost {
	size_t alloc, free;
};
struct heap_cost heap_measure(const struct heap *heap);

#endif
