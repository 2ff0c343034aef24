/* SPDX-License-Identifier: MIT */
/* reclaim.h - giving memory inside zones back (layer 7) */
#ifndef SEA_RECLAIM_H
#define SEA_RECLAIM_H

#include "shard.h"

/* If more memory lies idle than the high watermark allows, gives some of it back,
 * free pages first.  Cheap if not.  No lock may be held. */
void sea_reclaim(void);

/* In the child of a fork: nobody else is reclaiming. */
void sea_reclaim_in_child(void);

/* Gives memory in the shard's holes back, where it is worth it, until at most `keep`
 * bytes are dirty in the process.  Returns how many bytes went.  No lock may be held. */
size_t sea_reclaim_shard(struct sea_shard *shard, size_t keep);

/* Gives the memory of every whole page in the shard's holes back.  Returns how many
 * bytes went.  No lock may be held. */
size_t sea_reclaim_all(struct sea_shard *shard);

/* Gives the memory of spare zones' metadata back.  No lock may be held. */
void sea_reclaim_metadata(struct sea_shard *shard);

#endif
