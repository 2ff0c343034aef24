/* SPDX-License-Identifier: MIT */
/* audit.h - whose each byte of a message heap is */
#ifndef SEA_AUDIT_H
#define SEA_AUDIT_H

#include "message/heap.h"

/* The bytes of a heap: metadata + free + live + cached + queued = length, exactly. */
struct sea_message_counts {
	size_t length, maximum; /* of the file */
	size_t metadata;	/* headers and bitmaps */
	size_t free, largest;	/* in holes; the longest hole */
	size_t live, nr_live;
	size_t cached, nr_cached;
	size_t queued, nr_queued;
	size_t orphaned; /* of live and cached: bytes of peers that died */
	unsigned nr_peers, nr_dead, nr_ports;
};

/* Counts by walking.  The lock, or inexact. */
void sea_message_count(const struct sea_message_view *view, struct sea_message_counts *counts);

/* Claim: MF1 to MF3, MP1, and SG1 to SG6 hold: every byte is free, owned by a peer, or
 * queued once.  The lock. */
bool sea_message_is_sound(const struct sea_message_view *view);

#endif
