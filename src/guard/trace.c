/* SPDX-License-Identifier: MIT */
/* trace.c - walks up the stack, a function at a time
 *
 * The stack may be anybody's: a thread's, a coroutine's in the heap, a small one for signals.
 * So a page of it is only read after the kernel said that it can be.  The page of the stack
 * pointer needs no question.
 */
#include "guard/trace.h"

#include "base/bits.h"
#include "base/os.h"
#include "base/page_size.h"
#include "guard/cfi.h"

/* Frames of our own library that are passed over, and the furthest that a walk goes. */
#define OWN_FRAMES_MAX 12
#define REACH (256 * SEA_KIB)

struct walk {
	struct sea_registers now;
	uintptr_t from, to; /* what is known to be readable */
};

static uintptr_t *sp_of(struct walk *walk) { return &walk->now.value[SEA_REGISTER_SP]; }

static void begin(struct walk *walk)
{
	walk->from = *sp_of(walk);
	walk->to = sea_round_down(walk->from, SEA_LEAST_PAGE) + SEA_LEAST_PAGE;
}

/* Reads a word of the stack.  False: it is not on the stack, or cannot be read. */
static bool read_word(struct walk *walk, uintptr_t address, uintptr_t *value)
{
	if (address % sizeof(*value) || address < walk->from || address - walk->from > REACH)
		return false;
	while (address >= walk->to) {
		if (!sea_os_can_read((const void *)walk->to))
			return false;
		walk->to += SEA_LEAST_PAGE;
	}
	*value = *(const uintptr_t *)address;
	return true;
}

/* To the caller, by frame pointers.  Code without them ends the walk sooner or later. */
static bool go_up_by_frame(struct walk *walk)
{
	uintptr_t record = walk->now.value[SEA_REGISTER_FP] + SEA_FRAME_RECORD, caller, pc;
	if (record < *sp_of(walk) || !read_word(walk, record, &caller) || !read_word(walk, record + sizeof(pc), &pc))
		return false;
	walk->now.value[SEA_REGISTER_FP] = caller;
	walk->now.value[SEA_REGISTER_PC] = pc;
	*sp_of(walk) = record + 2 * sizeof(pc);
	return true;
}

/* To the caller, by the rules of the function. */
static bool go_up_by_rules(struct walk *walk, const struct sea_cfi *cfi)
{
	struct sea_registers caller = walk->now;
	uintptr_t frame = walk->now.value[cfi->frame_register] + (uintptr_t)cfi->frame_offset;
	if (frame < *sp_of(walk))
		return false;
	for (unsigned i = 0; i < SEA_NR_REGISTERS; i++)
		if (cfi->saved[i].rule == SEA_CFI_SAVED &&
		    !read_word(walk, frame + (uintptr_t)(intptr_t)cfi->saved[i].offset, &caller.value[i]))
			return false;
	bool is_known = cfi->saved[SEA_REGISTER_RETURN].rule != SEA_CFI_UNKNOWN;
	caller.value[SEA_REGISTER_PC] = caller.value[SEA_REGISTER_RETURN];
	bool has_moved = frame != *sp_of(walk) || caller.value[SEA_REGISTER_PC] != walk->now.value[SEA_REGISTER_PC];
	caller.value[SEA_REGISTER_SP] = frame;
	walk->now = caller;
	return is_known && has_moved;
}

/* A return address may be that of the next function, if a call is the last instruction of one. */
static bool go_up(struct walk *walk, bool is_return)
{
	uintptr_t pc = walk->now.value[SEA_REGISTER_PC] - is_return;
	struct sea_code code;
	struct sea_cfi cfi;
	if (!sea_os_find_code(pc, &code))
		return go_up_by_frame(walk);
	if (!sea_cfi_find(code.frame_table, pc, &cfi))
		return go_up_by_frame(walk);
	return !cfi.is_signal_frame && go_up_by_rules(walk, &cfi);
}

/* Where this library is; NULL in a program that has us inside, whose own frames are not told
 * apart. */
static const void *own_table(void)
{
	struct sea_code own;
	return sea_os_find_code((uintptr_t)sea_trace_here, &own) && own.is_library ? own.frame_table : NULL;
}

static bool is_in(const void *table, uintptr_t pc)
{
	struct sea_code code;
	return table && sea_os_find_code(pc, &code) && code.frame_table == table;
}

static void collect(struct sea_trace *trace, struct walk *walk, bool is_return)
{
	const void *own = own_table();
	unsigned nr_own = 0;
	trace->nr = 0;
	trace->thread = sea_os_thread_id();
	trace->is_interrupted = !is_return;
	do {
		uintptr_t pc = walk->now.value[SEA_REGISTER_PC];
		if (!pc)
			break;
		if (trace->nr || nr_own >= OWN_FRAMES_MAX || !is_in(own, pc - is_return))
			trace->pc[trace->nr++] = pc;
		else
			nr_own++;
		if (!go_up(walk, is_return))
			break;
		is_return = true;
	} while (trace->nr < SEA_TRACE_FRAMES);
}

SEA_NOINLINE void sea_trace_here(struct sea_trace *trace)
{
	struct walk walk;
	sea_context_here(&walk.now);
	begin(&walk);
	collect(trace, &walk, true);
}

/* A jump to a wrong address leaves a stack pointer that may be wrong, too; then the walk ends. */
void sea_trace_fault(struct sea_trace *trace, const void *context)
{
	struct walk walk;
	sea_context_of_signal(context, &walk.now);
	begin(&walk);
	if (!sea_os_can_read((const void *)sea_round_down(walk.from, sizeof(uintptr_t))))
		walk.to = walk.from;
	collect(trace, &walk, false);
}

static void put_address(struct sea_text *text, uintptr_t pc, bool is_return)
{
	struct sea_code code;
	sea_text_put(text, "seamalloc:   ");
	if (sea_os_find_code(pc - is_return, &code)) {
		sea_text_put(text, code.file);
		sea_text_put(text, "+");
		pc -= code.base;
	}
	sea_text_put(text, "0x");
	sea_text_put_number(text, pc - is_return, 16);
	sea_text_put(text, "\n");
}

void sea_trace_put(struct sea_text *text, const struct sea_trace *trace)
{
	for (uint32_t i = 0; i < trace->nr; i++)
		put_address(text, trace->pc[i], i > 0 || !trace->is_interrupted);
	if (!trace->nr)
		sea_text_put(text, "seamalloc:   (not known)\n");
}
