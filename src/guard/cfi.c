/* SPDX-License-Identifier: MIT */
/* cfi.c - reads one function's unwind program
 *
 *    index:  version, encodings | where .eh_frame is | count | (function, its entry) ... sorted
 *    entry:  length | distance to the common part | function | its length | program
 *    common: length | 0 | version | letters | units | register of the return address | program
 *
 * A program is a list of instructions: "from here on the frame is at register R plus N", "register
 * R is saved N bytes from the frame".  It runs up to the address in question.
 */
#include "guard/cfi.h"

#include <string.h>

/* Encodings of addresses (DW_EH_PE_...) that we know. */
enum {
	FOUR_BYTES = 0x03,	     /* udata4 */
	ABSOLUTE = 0x00,	     /* a word */
	FROM_HERE_SHORT = 0x1b,	     /* pcrel, sdata4 */
	FROM_HERE_LONG = 0x1c,	     /* pcrel, sdata8 */
	FROM_TABLE_SHORT = 0x3b,     /* datarel, sdata4 */
};

/* Nested "remember" instructions that we follow; compilers nest one. */
#define MOST_REMEMBERED 3

struct reader {
	const uint8_t *at, *end;
	bool is_bad;
};

static uint64_t read_fixed(struct reader *in, size_t nr_bytes)
{
	uint64_t value = 0;
	if ((size_t)(in->end - in->at) < nr_bytes) {
		in->is_bad = true;
		in->at = in->end;
		return 0;
	}
	memcpy(&value, in->at, nr_bytes);
	in->at += nr_bytes;
	return value;
}

static uint64_t read_leb(struct reader *in, bool is_signed)
{
	uint64_t value = 0, byte;
	unsigned shift = 0;
	do {
		byte = read_fixed(in, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && byte & 0x40 && shift < 64)
		value |= ~(uint64_t)0 << shift;
	return value;
}

static uint64_t read_unsigned(struct reader *in) { return read_leb(in, false); }
static int64_t read_signed(struct reader *in) { return (int64_t)read_leb(in, true); }

static void skip(struct reader *in, uint64_t nr_bytes)
{
	if (nr_bytes > (uint64_t)(in->end - in->at))
		in->is_bad = true;
	else
		in->at += nr_bytes;
}

/* An address in one of the encodings; relative ones count from where they stand. */
static uintptr_t read_address(struct reader *in, uint8_t encoding)
{
	uintptr_t here = (uintptr_t)in->at;
	switch (encoding) {
	case ABSOLUTE: return read_fixed(in, sizeof(uintptr_t));
	case FROM_HERE_SHORT: return here + (uintptr_t)(int32_t)read_fixed(in, 4);
	case FROM_HERE_LONG: return here + read_fixed(in, 8);
	default: in->is_bad = true; return 0;
	}
}

/* --- the index --------------------------------------------------------------------- */

struct index_row {
	int32_t function, entry; /* from the start of the index */
};

/* The entry of the last function that starts at or before pc, or NULL. */
static const uint8_t *find_entry(const uint8_t *index, uintptr_t pc)
{
	struct reader in = {index, index + 12, false};
	if (read_fixed(&in, 1) != 1 || read_fixed(&in, 1) != FROM_HERE_SHORT || read_fixed(&in, 1) != FOUR_BYTES ||
	    read_fixed(&in, 1) != FROM_TABLE_SHORT)
		return NULL;
	skip(&in, 4);
	size_t low = 0, high = read_fixed(&in, 4);
	const struct index_row *rows = (const struct index_row *)in.at;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if ((uintptr_t)index + (uintptr_t)rows[middle].function <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? index + rows[low - 1].entry : NULL;
}

/* --- the parts ---------------------------------------------------------------------- */

struct common {
	struct reader program;
	uint64_t code_unit;
	int64_t data_unit;
	uint8_t encoding; /* of addresses */
	bool has_letters; /* a length in front of each entry's program */
	bool is_signal_frame;
};

/* The body behind a length. */
static struct reader body_of(const uint8_t *part)
{
	uint32_t length;
	memcpy(&length, part, sizeof(length));
	bool is_long = length == UINT32_MAX; /* 64-bit tables: nobody writes them */
	part += sizeof(length);
	return (struct reader){part, is_long ? part : part + length, is_long};
}

/* "zPLR": what is in the data that the letters describe. */
static void read_letters(struct reader *in, const char *letters, struct common *common)
{
	for (; *letters && !in->is_bad; letters++)
		switch (*letters) {
		case 'R': common->encoding = (uint8_t)read_fixed(in, 1); break;
		case 'L': read_fixed(in, 1); break;
		case 'P': skip(in, (read_fixed(in, 1) & 0x0f) == 0x0b || (in->at[-1] & 0x0f) == FOUR_BYTES ? 4 : 8); break;
		case 'S': common->is_signal_frame = true; break;
		case 'B': break;
		default: in->is_bad = true;
		}
}

static bool read_common(const uint8_t *part, struct common *common)
{
	struct reader in = body_of(part);
	*common = (struct common){.encoding = ABSOLUTE};
	uint64_t marker = read_fixed(&in, 4), version = read_fixed(&in, 1);
	const char *letters = (const char *)in.at;
	const void *end = in.is_bad ? NULL : memchr(letters, 0, (size_t)(in.end - in.at));
	if (marker || (version != 1 && version != 3) || !end)
		return false;
	in.at = (const uint8_t *)end + 1;
	common->code_unit = read_unsigned(&in);
	common->data_unit = read_signed(&in);
	uint64_t return_register = version == 1 ? read_fixed(&in, 1) : read_unsigned(&in);
	common->has_letters = *letters == 'z';
	if (return_register != SEA_REGISTER_RETURN || (*letters && !common->has_letters))
		return false;
	if (common->has_letters) {
		uint64_t length = read_unsigned(&in);
		struct reader data = {in.at, in.end, in.is_bad};
		skip(&in, length);
		read_letters(&data, letters + 1, common);
		in.is_bad |= data.is_bad;
	}
	common->program = in;
	return !in.is_bad;
}

/* --- the program --------------------------------------------------------------------- */

struct run {
	struct reader in;
	const struct common *common;
	struct sea_cfi *now;
	/* after the common program; NULL: this is the common program */
	const struct sea_cfi *first;
	struct sea_cfi remembered[MOST_REMEMBERED];
	unsigned nr_remembered;
	uintptr_t at;
};

/* Registers that we do not follow, of vectors for example, change nothing. */
static void set_rule(struct run *run, uint64_t number, enum sea_cfi_rule rule, int64_t offset)
{
	if (number >= SEA_NR_REGISTERS)
		return;
	run->now->saved[number].rule = (uint8_t)rule;
	run->now->saved[number].offset = (int32_t)offset;
	run->in.is_bad |= offset != (int32_t)offset;
}

static void restore_rule(struct run *run, uint64_t number)
{
	if (number < SEA_NR_REGISTERS && run->first)
		run->now->saved[number] = run->first->saved[number];
}

static void set_frame(struct run *run, uint64_t number, int64_t offset)
{
	run->in.is_bad |= number >= SEA_NR_REGISTERS;
	run->now->frame_register = (unsigned)number;
	run->now->frame_offset = offset;
}

static void remember(struct run *run)
{
	if (run->nr_remembered == MOST_REMEMBERED)
		run->in.is_bad = true;
	else
		run->remembered[run->nr_remembered++] = *run->now;
}

static void restore_all(struct run *run)
{
	if (!run->nr_remembered)
		run->in.is_bad = true;
	else
		*run->now = run->remembered[--run->nr_remembered];
}

/* The instructions that are a byte of their own: DW_CFA_..., by their numbers. */
static void obey_long(struct run *run, uint8_t code)
{
	struct reader *in = &run->in;
	int64_t unit = run->common->data_unit;
	uint64_t number;
	switch (code) {
	case 0x00: case 0x2d: break; /* nop; the return address is signed */
	/* advance_loc1, 2, 4 */
	case 0x02: run->at += read_fixed(in, 1) * run->common->code_unit; break;
	case 0x03: run->at += read_fixed(in, 2) * run->common->code_unit; break;
	case 0x04: run->at += read_fixed(in, 4) * run->common->code_unit; break;
	case 0x05: number = read_unsigned(in); /* offset_extended */
		set_rule(run, number, SEA_CFI_SAVED, (int64_t)read_unsigned(in) * unit);
		break;
	case 0x06: restore_rule(run, read_unsigned(in)); break; /* restore_extended */
	case 0x07: set_rule(run, read_unsigned(in), SEA_CFI_UNKNOWN, 0); break; /* undefined */
	case 0x08: set_rule(run, read_unsigned(in), SEA_CFI_SAME, 0); break; /* same_value */
	case 0x0a: remember(run); break;
	case 0x0b: restore_all(run); break;
	case 0x0c: number = read_unsigned(in); /* def_cfa */
		set_frame(run, number, (int64_t)read_unsigned(in));
		break;
	/* def_cfa_register, def_cfa_offset, def_cfa_offset_sf */
	case 0x0d: set_frame(run, read_unsigned(in), run->now->frame_offset); break;
	case 0x0e: run->now->frame_offset = (int64_t)read_unsigned(in); break;
	case 0x13: run->now->frame_offset = read_signed(in) * unit; break;
	case 0x10: case 0x16: number = read_unsigned(in); /* expression, val_expression */
		set_rule(run, number, SEA_CFI_UNKNOWN, 0);
		skip(in, read_unsigned(in));
		break;
	case 0x11: number = read_unsigned(in); /* offset_extended_sf */
		set_rule(run, number, SEA_CFI_SAVED, read_signed(in) * unit);
		break;
	case 0x12: number = read_unsigned(in); /* def_cfa_sf */
		set_frame(run, number, read_signed(in) * unit);
		break;
	case 0x2e: read_unsigned(in); break; /* GNU_args_size */
	default: in->is_bad = true;
	}
}

static void obey(struct run *run)
{
	uint8_t code = (uint8_t)read_fixed(&run->in, 1);
	uint8_t low = code & 0x3f;
	switch (code >> 6) {
	case 1: run->at += low * run->common->code_unit; break; /* advance_loc */
	case 2: set_rule(run, low, SEA_CFI_SAVED, (int64_t)read_unsigned(&run->in) * run->common->data_unit); break;
	case 3: restore_rule(run, low); break;
	default: obey_long(run, code);
	}
}

/* Runs until the instructions speak of addresses behind pc. */
static bool run_program(struct run *run, uintptr_t pc)
{
	while (run->in.at < run->in.end && !run->in.is_bad && run->at <= pc)
		obey(run);
	return !run->in.is_bad;
}

/* The program's last instruction may have advanced behind pc: what it changed after that was not
 * run. */
static bool run_both(const struct common *common, struct reader program, uintptr_t function, uintptr_t pc, struct sea_cfi *cfi)
{
	struct run run = {.in = common->program, .common = common, .now = cfi};
	*cfi = (struct sea_cfi){.is_signal_frame = common->is_signal_frame};
	if (!run_program(&run, UINTPTR_MAX))
		return false;
	struct sea_cfi first = *cfi;
	run.in = program;
	run.first = &first;
	run.at = function;
	return run_program(&run, pc);
}

bool sea_cfi_find(const void *frame_table, uintptr_t pc, struct sea_cfi *cfi)
{
	const uint8_t *entry = frame_table ? find_entry(frame_table, pc) : NULL;
	struct common common;
	if (!entry)
		return false;
	struct reader in = body_of(entry);
	const uint8_t *here = in.at;
	uint32_t distance = (uint32_t)read_fixed(&in, 4);
	if (in.is_bad || !distance || !read_common(here - distance, &common))
		return false;
	uintptr_t function = read_address(&in, common.encoding);
	uint64_t length = common.encoding == FROM_HERE_SHORT ? read_fixed(&in, 4) : read_fixed(&in, 8);
	if (common.has_letters)
		skip(&in, read_unsigned(&in));
	if (in.is_bad || pc < function || pc - function >= length)
		return false;
	return run_both(&common, in, function, pc, cfi);
}
