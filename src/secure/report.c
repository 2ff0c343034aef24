/* SPDX-License-Identifier: MIT */
/* report.c - what stands in the line */
#include "secure/report.h"

#include "base/check.h"

void sea_report_freed(const char *verb, const void *block)
{
	sea_fatal_block(verb, block, "this block was freed already (double free)", 0, 0);
}

void sea_report_no_block(const char *verb, const void *block)
{
	sea_fatal_block(verb, block, "no block starts here, or zeros were written behind it (overflow)", 0, 0);
}

void sea_report_overflow(const char *verb, const void *block, size_t size)
{
	sea_fatal_block(verb, block, "the bytes behind this block of %z bytes were written to (overflow)", size, 0);
}

void sea_report_seal(const char *verb, const void *block)
{
	sea_fatal_block(verb, block, "the bytes behind this block were written to (overflow)", 0, 0);
}

void sea_report_underflow(const char *verb, const void *block, size_t size)
{
	sea_fatal_block(verb, block, "the bytes in front of this block of %z bytes were written to (underflow, or "
				     "overflow of the block before)", size, 0);
}

void sea_report_written(const void *block)
{
	sea_fatal_block("use", block, "this block was written to after it was freed", 0, 0);
}

void sea_report_size(const void *block, size_t told, size_t size)
{
	sea_fatal_block("free", block, "it is freed as a block of %z bytes, but %z were asked for", told, size);
}

/* "freed by delete[], but allocated by new". */
void sea_report_kind(const void *block, enum sea_kind freed_as, enum sea_kind kind)
{
	static const char *const texts[3][3] = {
		{"", "it is freed by free(), but allocated by new", "it is freed by free(), but allocated by new[]"},
		{"it is freed by delete, but not allocated by new", "", "it is freed by delete, but allocated by new[]"},
		{"it is freed by delete[], but not allocated by new[]", "it is freed by delete[], but allocated by new", ""},
	};
	sea_fatal_block("free", block, texts[freed_as][kind], 0, 0);
}
