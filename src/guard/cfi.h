/* SPDX-License-Identifier: MIT */
/* cfi.h - from a function to its caller, by the tables that the compiler leaves for exceptions
 *
 * Reads .eh_frame by its index (DWARF 4, section 6.4, and the Linux Standard Base).  Knows what
 * gcc and clang write for functions; for what else there is, the answer is "not known".
 */
#ifndef SEA_CFI_H
#define SEA_CFI_H

#include "base/context.h"

/* How a function's caller finds its registers again. */
enum sea_cfi_rule {
	SEA_CFI_SAME,
	SEA_CFI_SAVED,	 /* in memory, `offset` bytes from the frame's address */
	SEA_CFI_UNKNOWN,
};

struct sea_cfi {
	bool is_signal_frame;
	unsigned frame_register; /* the frame's address is this register's value ... */
	int64_t frame_offset;	 /* ... and so many bytes */
	struct {
		uint8_t rule;
		int32_t offset;
	} saved[SEA_NR_REGISTERS];
};

/* The rules at `pc`, from the index of its library's tables.  False: not known. */
bool sea_cfi_find(const void *frame_table, uintptr_t pc, struct sea_cfi *cfi);

#endif
