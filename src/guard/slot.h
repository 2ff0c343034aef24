/* SPDX-License-Identifier: MIT */
/* slot.h - what is known of a guarded block */
#ifndef SEA_GUARD_SLOT_H
#define SEA_GUARD_SLOT_H

#include "guard/trace.h"

enum sea_slot_state {
	SEA_SLOT_UNUSED,
	SEA_SLOT_IN_WORK, /* a thread makes or frees the block */
	SEA_SLOT_LIVE,
	SEA_SLOT_FREED,
};

struct sea_slot {
	uint32_t state; /* atomic; who sets IN_WORK may write the other fields; LIVE and FREED release */
	char *block;	/* NULL: there was none yet */
	size_t size;
	size_t freed_as; /* how many blocks were freed before */
	struct sea_trace allocated, freed;
};

#endif
