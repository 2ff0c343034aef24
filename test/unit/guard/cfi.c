/* SPDX-License-Identifier: MIT */
/* cfi.c - our way up the stack beside the C library's
 *
 * Functions with frames of many shapes call each other at random; at the bottom both walks must
 * find the same return addresses.
 */
#include "guard/cfi.h"

#include <alloca.h>
#include <execinfo.h>
#include <link.h>

#include "unit.h"

#define MOST 64

/* --- our walk ------------------------------------------------------------------------ */

struct search {
	uintptr_t pc;
	const void *table;
};

static int look(struct dl_phdr_info *info, size_t size, void *context)
{
	struct search *search = context;
	const void *table = NULL;
	bool is_inside = false;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr;
		if (part->p_type == PT_GNU_EH_FRAME)
			table = (const void *)start;
		is_inside |= part->p_type == PT_LOAD && search->pc - start < part->p_memsz;
	}
	if (is_inside)
		search->table = table;
	return is_inside;
}

static const void *table_of(uintptr_t pc)
{
	struct search search = {pc, NULL};
	dl_iterate_phdr(look, &search);
	return search.table;
}

static bool step(struct sea_registers *now, bool is_return)
{
	struct sea_cfi cfi;
	struct sea_registers caller = *now;
	uintptr_t pc = now->value[SEA_REGISTER_PC] - is_return;
	if (!sea_cfi_find(table_of(pc), pc, &cfi))
		return false;
	uintptr_t frame = now->value[cfi.frame_register] + (uintptr_t)cfi.frame_offset;
	for (unsigned i = 0; i < SEA_NR_REGISTERS; i++)
		if (cfi.saved[i].rule == SEA_CFI_SAVED)
			caller.value[i] = *(uintptr_t *)(frame + (uintptr_t)(intptr_t)cfi.saved[i].offset);
	if (cfi.saved[SEA_REGISTER_RETURN].rule == SEA_CFI_UNKNOWN)
		return false;
	caller.value[SEA_REGISTER_PC] = caller.value[SEA_REGISTER_RETURN];
	caller.value[SEA_REGISTER_SP] = frame;
	*now = caller;
	return true;
}

/* Compares all addresses above this function's own.  A sanitizer puts a frame of its own below
 * it. */
static __attribute__((noinline)) void compare(void)
{
	void *theirs[MOST];
	struct sea_registers now;
	int nr = backtrace(theirs, MOST);
	sea_context_here(&now);
	CHECK(step(&now, false));
	int first = 1 + ((uintptr_t)theirs[1] != now.value[SEA_REGISTER_PC]);
	CHECK_EQ(now.value[SEA_REGISTER_PC], (uintptr_t)theirs[first]);
	for (int i = first + 1; i < nr - 1; i++) {
		CHECK(step(&now, true));
		CHECK_EQ(now.value[SEA_REGISTER_PC], (uintptr_t)theirs[i]);
	}
	CHECK(nr > 8);
}

/* --- frames of many shapes --------------------------------------------------------------- */

static uint64_t seed;
static volatile uint64_t sink;
static void call(unsigned depth, uint64_t a, uint64_t b);

static __attribute__((noinline)) void plain(unsigned depth, uint64_t a, uint64_t b)
{
	call(depth, a + 1, b * 3);
	sink += a;
}

static __attribute__((noinline)) void many_registers(unsigned depth, uint64_t a, uint64_t b)
{
	uint64_t c = a ^ b, d = a + b, e = a * 7, f = b * 9, g = a - b;
	call(depth, c, d);
	sink += c + d + e + f + g + a + b;
}

static __attribute__((noinline)) void variable_frame(unsigned depth, uint64_t a, uint64_t b)
{
	char *room = alloca(a % 900 + 1);
	memset(room, (int)b, a % 900 + 1);
	call(depth, a + (uint64_t)room[0], b);
	sink += (uint64_t)room[a % 900];
}

static __attribute__((noinline)) void aligned_frame(unsigned depth, uint64_t a, uint64_t b)
{
	_Alignas(64) volatile char room[128];
	room[a % 128] = (char)b;
	call(depth, a, b + (uint64_t)room[a % 128]);
	sink += (uint64_t)room[0];
}

static __attribute__((noinline)) void large_frame(unsigned depth, uint64_t a, uint64_t b)
{
	volatile char room[20000];
	room[a % 20000] = (char)b;
	call(depth, a, b);
	sink += (uint64_t)room[a % 20000];
}

static __attribute__((noinline)) void early_return(unsigned depth, uint64_t a, uint64_t b)
{
	if (a % 2) {
		call(depth, b, a);
		sink += b;
		return;
	}
	variable_frame(depth, a, b);
	sink += a;
}

static __attribute__((noinline)) void call(unsigned depth, uint64_t a, uint64_t b)
{
	static void (*const shapes[])(unsigned, uint64_t, uint64_t) = {plain, many_registers, variable_frame, aligned_frame,
									 large_frame, early_return};
	if (!depth)
		compare();
	else
		shapes[below(&seed, NR(shapes))](depth - 1, a, b);
	sink += a;
}

static void both_walks_agree(void)
{
	seed = test_seed();
	for (size_t i = 0; i < rounds(400); i++)
		call(6 + below(&seed, 12), i, test_random(&seed));
}

/* At every instruction of a function there are rules. */
static void every_instruction_has_rules(void)
{
	struct sea_cfi cfi;
	const void *table = table_of((uintptr_t)many_registers);
	for (uintptr_t pc = (uintptr_t)many_registers; pc < (uintptr_t)many_registers + 30; pc++)
		CHECK(sea_cfi_find(table, pc, &cfi));
}

static void no_table_is_no_answer(void)
{
	static const uint8_t other_version[64] = {2, 0x1b, 3, 0x3b}, other_encoding[64] = {1, 0x1b, 3, 0x1b}, empty[64] = {1, 0x1b, 3, 0x3b};
	struct sea_cfi cfi;
	CHECK(!sea_cfi_find(NULL, 1, &cfi));
	CHECK(!sea_cfi_find(other_version, 1, &cfi));
	CHECK(!sea_cfi_find(other_encoding, 1, &cfi));
	CHECK(!sea_cfi_find(empty, 1, &cfi));
	CHECK(!sea_cfi_find(table_of((uintptr_t)plain), (uintptr_t)&seed, &cfi));
}

/* An index and one function whose bytes change at random: a wrong answer, but no wild read. */
static void spoiled_tables_do_no_harm(void)
{
	static const uint8_t good[] = {
		1, 0x1b, 3, 0x3b, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 44, 0, 0, 0,	  /* index: one function at 256 */
		20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0, /* common part, at 20 */
		20, 0, 0, 0, 28, 0, 0, 0, 204, 0, 0, 0, 64, 0, 0, 0, 0, 0x41, 0x0e, 16, 0x86, 2, 0, 0, /* the function's, at 44 */
	};
	static uint8_t table[512];
	struct sea_cfi cfi;
	memcpy(table, good, sizeof(good));
	CHECK(sea_cfi_find(table, (uintptr_t)table + 256 + 1, &cfi));
	CHECK_EQ(cfi.frame_offset, 16);
	CHECK_EQ(cfi.saved[6].offset, -16);
	seed = test_seed();
	for (size_t i = 0; i < rounds(200000); i++) {
		memcpy(table, good, sizeof(good));
		for (size_t nr = 1 + below(&seed, 3); nr > 0; nr--)
			table[48 + below(&seed, sizeof(good) - 48)] = (uint8_t)below(&seed, 256); /* behind the lengths */
		table[48] = good[48], table[49] = table[50] = table[51] = 0; /* where the common part is */
		sea_cfi_find(table, (uintptr_t)table + 256 + below(&seed, 64), &cfi);
	}
}

static const struct test_case cases[] = {
	PASSES(both_walks_agree),
	PASSES(every_instruction_has_rules),
	PASSES(no_table_is_no_answer),
	PASSES(spoiled_tables_do_no_harm),
};

HARNESS_MAIN(cases)
