/* SPDX-License-Identifier: MIT */
/* report.c - the sentences
 *
 * All of a report is written with one call.  Its buffer is static: the thread may be on a small
 * stack for signals.  Fields of a place are read without waiting: the process is about to end.
 */
#include "guard/report.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"

/* Room for three stacks with long paths; longer reports are cut. */
#define REPORT_ROOM 8192
/* How often a thread gives way to another one that reports, before it goes on without a report. */
#define MOST_YIELDS 100000

static char room[REPORT_ROOM];
static struct sea_text report = SEA_TEXT_IN(room);
static uint32_t is_taken;

/* The first thread gets the report.  False: another one has it, and should have ended the
 * process. */
static bool take_report(void)
{
	if (sea_swap_if(&is_taken, 0, 1))
		return true;
	for (unsigned i = 0; i < MOST_YIELDS; i++)
		sea_os_yield();
	return false;
}

static void put_bytes(size_t nr)
{
	sea_text_put_number(&report, nr, 10);
	sea_text_put(&report, nr == 1 ? " byte" : " bytes");
}

static void put_first_words(const char *verb, const void *address)
{
	sea_text_put(&report, "seamalloc: ");
	sea_text_put(&report, verb);
	sea_text_put(&report, " 0x");
	sea_text_put_number(&report, (uintptr_t)address, 16);
	sea_text_put(&report, ": ");
}

static void put_stack(const char *who, const struct sea_trace *trace)
{
	sea_text_put(&report, "seamalloc: thread ");
	sea_text_put_number(&report, trace->thread, 10);
	sea_text_put(&report, who);
	sea_trace_put(&report, trace);
}

/* The stacks of the allocation and, if there was one, of the free. */
static void put_history(const struct sea_guard_place *place)
{
	put_stack(" allocated the block here:\n", &place->allocated);
	if (sea_load_acquire(&place->state) == SEA_GUARD_FREED)
		put_stack(" freed it here:\n", &place->freed);
}

static void write_report(void)
{
	sea_os_report(room, report.length);
	sea_text_shorten(&report, 0);
}

/* "3 bytes behind the end of a block of 24 bytes" */
static void put_place(const struct sea_guard_place *place, const char *address)
{
	bool is_before = address < place->block;
	bool is_inside = !is_before && address < place->block + place->size;
	const char *from = is_before || is_inside ? place->block : place->block + place->size;
	size_t distance = (size_t)(is_before ? from - address : address - from) + (!is_before && !is_inside);
	if (!distance) {
		sea_text_put(&report, "the start of a block of ");
	} else {
		put_bytes(distance);
		sea_text_put(&report, is_before	  ? " in front of a block of "
				      : is_inside ? " behind the start of a block of "
						  : " behind the end of a block of ");
	}
	put_bytes(place->size);
}

static const char *verb_of(enum sea_access access)
{
	switch (access) {
	case SEA_ACCESS_READ: return "read from";
	case SEA_ACCESS_WRITE: return "write to";
	default: return "access to";
	}
}

void sea_report_access(const struct sea_guard_place *place, const void *address, const void *context)
{
	static struct sea_trace trace;
	if (!take_report())
		return;
	bool is_before = (const char *)address < place->block;
	put_first_words(verb_of(sea_context_access(context)), address);
	put_place(place, address);
	if (sea_load_acquire(&place->state) != SEA_GUARD_LIVE)
		sea_text_put(&report, " that was freed (use after free)\n");
	else
		sea_text_put(&report, is_before ? " (underflow)\n" : " (overflow)\n");
	sea_trace_fault(&trace, context);
	put_stack(" did it here:\n", &trace);
	put_history(place);
	write_report();
}

/* Adds who made the mistake and ends the process. */
static _Noreturn void finish(const struct sea_guard_place *place)
{
	static struct sea_trace trace;
	sea_trace_here(&trace);
	put_stack(" did it here:\n", &trace);
	put_history(place);
	write_report();
	sea_fatal_end();
}

static void put_of(const char *verb, const void *block)
{
	char buffer[40] = "";
	struct sea_text words = SEA_TEXT_IN(buffer);
	sea_text_put(&words, verb);
	sea_text_put(&words, " of");
	put_first_words(buffer, block);
}

void sea_report_mistake(const struct sea_guard_place *place, const char *verb, const void *block)
{
	if (!take_report())
		sea_fatal_end();
	put_of(verb, block);
	if (!place->block) {
		sea_text_put(&report, "this is not memory of this heap (static data, another allocator, or no pointer)\n");
		write_report();
		sea_fatal_end();
	}
	if (block == place->block) {
		sea_text_put(&report, "this block was freed already (double free); it has ");
		put_bytes(place->size);
	} else {
		sea_text_put(&report, "this points inside a block, ");
		put_place(place, block);
	}
	sea_text_put(&report, "\n");
	finish(place);
}

void sea_report_changed(const struct sea_guard_place *place, const char *changed)
{
	if (!take_report())
		sea_fatal_end();
	put_of("free", place->block);
	sea_text_put(&report, "a byte was written to ");
	put_place(place, changed);
	sea_text_put(&report, changed < place->block ? " (underflow)\n" : " (overflow)\n");
	finish(place);
}
