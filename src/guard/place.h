/* SPDX-License-Identifier: MIT */
/* place.h - what is known of a guarded block */
#ifndef SEA_GUARD_PLACE_H
#define SEA_GUARD_PLACE_H

#include "guard/trace.h"

enum sea_guard_state {
	SEA_GUARD_UNUSED,
	SEA_GUARD_IN_WORK, /* a thread makes or frees the block */
	SEA_GUARD_LIVE,
	SEA_GUARD_FREED,
};

struct sea_guard_place {
	/* atomic; who sets IN_WORK may write the other fields; LIVE and FREED release */
	uint32_t state;
	char *block;	/* NULL: there was none yet */
	size_t size;
	size_t freed_as; /* how many blocks were freed before */
	struct sea_trace allocated, freed;
};

#endif
