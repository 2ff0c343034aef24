/* SPDX-License-Identifier: MIT */
/* mallctl.h - the tree of names that mallctl() knows */
#ifndef SEA_MALLCTL_H
#define SEA_MALLCTL_H

#include "engines/engine.h"

/* What a value is to the program. */
enum sea_ctl_type { CTL_NOTHING, CTL_BOOL, CTL_UNSIGNED, CTL_SIZE, CTL_SIGNED, CTL_U64, CTL_TEXT, CTL_ADDRESS };

/* An entry of the tree.  A # in a name stands for a number. */
struct sea_ctl {
	const char *name;
	enum sea_ctl_type type;
	/* The value, given the number in the name; NULL: it is only written. */
	uintptr_t (*read)(size_t index);
	/* Takes a value (of CTL_NOTHING: acts); an error number or 0.  NULL: it is only read. */
	int (*write)(size_t index, uintptr_t value);
	/* Is there this number?  NULL where the name has none. */
	bool (*has)(size_t index);
};

extern SEA_HIDDEN const struct sea_ctl sea_ctls[];
extern SEA_HIDDEN const size_t sea_nr_ctls;

#endif
