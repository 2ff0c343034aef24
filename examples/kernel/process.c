/* SPDX-License-Identifier: MIT */
/* process.c - processes, their calls, and messages
 *
 *    sender   text in its memory --copied--> message --queued--> receiver: a copy, and a handle
 *                                            in the message heap            which it frees
 *
 * A process gives up the processor when it waits for a message or ends.  Its struct is in the heap
 * for everything else, its messages are in theirs, its pages come one by one as it touches them.
 *
 * PR1  A message is in the list of one living process: queued, or held.
 * PR2  The pages and tables of a process are those that it was charged for.
 */
#include "heaps.h"
#include "user.h"

/* The reader is killed when it has so many messages: in the middle of a batch. */
#define KILL_AFTER 101

struct message {
	struct message *next;
	size_t size;
	bool is_held; /* received, and not freed */
	char text[];
};

struct process {
	struct frame frame;
	entry_t *root;
	size_t number;
	enum { READY, WAITING, ENDED } state;
	size_t nr_pages, nr_tables; /* that it was charged for */
	size_t nr_received;
	uint64_t heap_end;
	struct message *messages; /* oldest first */
};

static struct process *processes[NR_ROLES];
static size_t nr_living;

/* --- memory of a process -------------------------------------------------------------- */

static enum touched touch(struct process *process, uintptr_t address)
{
	enum touched touched = pages_touch(process->root, address, ENTRY_WRITE | ENTRY_USER);
	process->nr_pages += touched == TOUCHED;
	return touched;
}

/* Claim: the process may read (or write) the range.  Pages that it has not touched are mapped, so
 * that the kernel does not fault. */
static bool is_of_process(struct process *process, uintptr_t base, size_t size, entry_t rights)
{
	if (base < MACHINE_USER || size > USER_STACK_END - MACHINE_USER || base > USER_STACK_END - size)
		return false;
	for (uintptr_t at = sea_round_down(base, PAGE_SIZE); at < base + size; at += PAGE_SIZE) {
		touch(process, at);
		entry_t *entry = tables_entry(process->root, at, false);
		if (!entry || (*entry & (ENTRY_VALID | ENTRY_USER | rights)) != (ENTRY_VALID | ENTRY_USER | rights))
			return false;
	}
	return true;
}

/* Slips into the address space of a process, and copies there.  False: it may not be used so. */
static bool copy_to(struct process *process, uintptr_t to, const void *from, size_t size)
{
	if (!is_of_process(process, to, size, ENTRY_WRITE))
		return false;
	entry_t *before = current_root;
	tables_use(process->root);
	memcpy((void *)to, from, size);
	tables_use(before);
	return true;
}

/* The code is the same pages in all processes, and part of the kernel's image. */
static bool map_code(struct process *process)
{
	for (size_t at = 0; at < (size_t)(user_end - user_start); at += PAGE_SIZE) {
		entry_t *entry = tables_entry(process->root, MACHINE_USER + at, true);
		if (!entry)
			return false;
		*entry = ENTRY_OF((uintptr_t)user_start + at) | ((ENTRY_LEAF | ENTRY_USER) & ~ENTRY_WRITE);
	}
	return true;
}

/* --- beginning and ending ---------------------------------------------------------------- */

static void begin(size_t role, size_t other, const char *word)
{
	struct process *process = sea_engine_alloc_aligned(16, sizeof(*process));
	struct argument argument = {role, other, frames.total * PAGE_SIZE, ""};
	size_t nr_tables = tables_nr;
	if (!process || !memset(process, 0, sizeof(*process)) || !(process->root = frames_take(false)))
		fail(HALT_OUT_OF_MEMORY, "no memory for a process");
	process->number = role;
	process->heap_end = USER_HEAP;
	process->frame = FRAME_START(MACHINE_USER, USER_STACK_END, USER_ARGUMENT);
	memcpy(argument.word, word, strlen(word));
	if (!map_code(process) || !pages_promise(process->root, USER_STACK_END - USER_STACK, USER_STACK) ||
	    !pages_promise(process->root, USER_ARGUMENT, PAGE_SIZE) || !copy_to(process, USER_ARGUMENT, &argument, sizeof(argument)))
		fail(HALT_OUT_OF_MEMORY, "no memory for a process's first pages");
	print("  the kernel slips into process %u and writes its argument\n", role);
	process->nr_tables = tables_nr - nr_tables;
	processes[role] = process;
	nr_living++;
}

static size_t free_messages(struct process *process)
{
	size_t nr = 0;
	for (struct message *message; (message = process->messages); nr++) {
		process->messages = message->next;
		messages_free(message);
	}
	return nr;
}

/* Everything of the process comes back, and is counted (PR2). */
static void end(struct process *process, const char *how)
{
	size_t free = frames.free, nr_blocks = messages_count();
	tables_use(kernel_root);
	pages_give(process->root, USER_HEAP, process->heap_end - USER_HEAP);
	pages_give(process->root, USER_STACK_END - USER_STACK, USER_STACK);
	pages_give(process->root, USER_ARGUMENT, PAGE_SIZE);
	tables_free_user(process->root);
	frames_give(process->root);
	size_t nr_messages = free_messages(process);
	print("  process %u %s: %u pages, %u page tables and %u messages come back\n", process->number, how,
	      process->nr_pages, process->nr_tables + 1, nr_messages);
	CHECK(frames.free - free == process->nr_pages + process->nr_tables + 1);
	CHECK(nr_blocks - messages_count() == nr_messages);
	CHECK(frames_are_sound() && messages_are_sound());
	process->state = ENDED;
	nr_living--;
}

/* --- calls ----------------------------------------------------------------------------------- */

static uint64_t call_print(struct process *process, uintptr_t text, size_t size, size_t number)
{
	char copy[80] = "";
	if (size >= sizeof(copy) || !is_of_process(process, text, size, 0))
		return NO;
	memcpy(copy, (const char *)text, size);
	print("  process %u: %s%u\n", process->number, copy, number);
	return 0;
}

/* Memory that the heap keeps for later is given up first, if there is too little. */
static uint64_t call_grow(struct process *process, size_t size)
{
	uint64_t base = process->heap_end, nr_tables = tables_nr;
	if (size > USER_STACK_END - USER_STACK - base)
		return NO;
	size = sea_round_up(size, PAGE_SIZE);
	bool done = pages_promise(process->root, base, size) ||
		    (sea_engine_trim(0) && pages_promise(process->root, base, size));
	process->nr_tables += tables_nr - nr_tables;
	process->heap_end += done ? size : 0;
	return done ? base : NO;
}

static uint64_t call_send(struct process *process, size_t to, uintptr_t text, size_t size)
{
	if (to >= NR_ROLES || !processes[to] || processes[to]->state == ENDED || size > MESSAGE_MAX ||
	    !is_of_process(process, text, size, 0))
		return NO;
	struct message *message = messages_alloc(sizeof(*message) + size);
	if (!message)
		return NO;
	*message = (struct message){.size = size};
	memcpy(message->text, (const char *)text, size);
	struct message **link = &processes[to]->messages;
	while (*link)
		link = &(*link)->next;
	*link = message;
	return 0;
}

/* Tries to serve a process that waits.  False: there is no message yet.  `in_vain`: nobody
 * runs who could send one. */
static bool receive(struct process *process, bool in_vain)
{
	struct message *message = process->messages;
	while (message && message->is_held)
		message = message->next;
	if (!message && !in_vain)
		return false;
	uintptr_t to = FRAME_ARGUMENT(&process->frame, 0);
	size_t room = FRAME_ARGUMENT(&process->frame, 1);
	bool fits = message && message->size <= room && copy_to(process, to, message->text, message->size);
	process->state = READY;
	FRAME_RESULT(&process->frame) = fits ? (uint64_t)((char *)message - messages.base) : NO;
	if (fits) {
		message->is_held = true;
		process->nr_received++;
	}
	return true;
}

static uint64_t call_free(struct process *process, uint64_t handle)
{
	for (struct message **link = &process->messages, *message; (message = *link); link = &message->next)
		if (message->is_held && (uint64_t)((char *)message - messages.base) == handle) {
			*link = message->next;
			messages_free(message);
			return 0;
		}
	return NO;
}

static void serve(struct process *process)
{
	struct frame *frame = &process->frame;
	uint64_t a = FRAME_ARGUMENT(frame, 0), b = FRAME_ARGUMENT(frame, 1), c = FRAME_ARGUMENT(frame, 2);
	switch (FRAME_CALL(frame)) {
	case CALL_PRINT: FRAME_RESULT(frame) = call_print(process, a, b, c); break;
	case CALL_GROW: FRAME_RESULT(frame) = call_grow(process, a); break;
	case CALL_SEND: FRAME_RESULT(frame) = call_send(process, a, b, c); break;
	case CALL_RECEIVE: process->state = WAITING; break;
	case CALL_FREE: FRAME_RESULT(frame) = call_free(process, a); break;
	case CALL_EXIT: end(process, a ? "gives up" : "ends"); break;
	default: FRAME_RESULT(frame) = NO;
	}
}

/* --- the scheduler --------------------------------------------------------------------------- */

static void fault(struct process *process, uintptr_t address)
{
	switch (touch(process, address)) {
	case TOUCHED: break;
	case NO_PAGE: end(process, "touches a page that was promised and gets none"); break;
	default: end(process, "touches memory that is not its own"); break;
	}
}

/* Runs a process until it waits or ends. */
static void run(struct process *process)
{
	tables_use(process->root);
	while (process->state == READY) {
		struct trap trap = machine_run(&process->frame);
		if (trap.cause == TRAP_CALL)
			serve(process);
		else if (trap.cause == TRAP_FAULT)
			fault(process, trap.address);
		else
			end(process, "does what it must not");
	}
	tables_use(kernel_root);
}

/* Gives each process a turn.  False: all wait, or have ended. */
static bool give_turns(bool in_vain)
{
	bool have_run = false;
	for (size_t i = 0; i < NR_ROLES; i++) {
		struct process *process = processes[i];
		if (!process || process->state == ENDED || (process->state == WAITING && !receive(process, in_vain)))
			continue;
		have_run = true;
		if (process->number == ROLE_READER && process->nr_received == KILL_AFTER)
			end(process, "is killed");
		else
			run(process);
	}
	return have_run;
}

static void schedule(void)
{
	while (nr_living)
		if (!give_turns(false))
			give_turns(true);
}

void processes_run(void)
{
	begin(ROLE_WRITER, ROLE_READER, "was told that it writes, as process ");
	begin(ROLE_READER, ROLE_WRITER, "was told that it reads, as process ");
	schedule();
	begin(ROLE_TRESPASSER, 0, "was told to write to the kernel, as process ");
	schedule();
	for (size_t i = 0; i < NR_ROLES; i++)
		sea_engine_free(processes[i]);
	CHECK(messages_count() == 0);
}
