/* SPDX-License-Identifier: MIT */
/* report.h - mistakes that hardened mode finds
 *
 * Each function writes one line and ends the process.
 */
#ifndef SEA_SECURE_REPORT_H
#define SEA_SECURE_REPORT_H

#include "base/kind.h"

/* `block` is no live block (check.h has two more reports of this). */
SEA_COLD _Noreturn void sea_report_freed(const char *verb, const void *block);
SEA_COLD _Noreturn void sea_report_no_block(const char *verb, const void *block);

/* The bytes behind or in front of the live block were written to. */
SEA_COLD _Noreturn void sea_report_overflow(const char *verb, const void *block, size_t size);
SEA_COLD _Noreturn void sea_report_seal(const char *verb, const void *block);
SEA_COLD _Noreturn void sea_report_underflow(const char *verb, const void *block, size_t size);

/* The free block was written to. */
SEA_COLD _Noreturn void sea_report_written(const void *block);

/* A free that does not fit the allocation. */
SEA_COLD _Noreturn void sea_report_size(const void *block, size_t told, size_t size);
SEA_COLD _Noreturn void sea_report_kind(const void *block, enum sea_kind freed_as, enum sea_kind kind);

#endif
