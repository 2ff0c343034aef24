/* SPDX-License-Identifier: MIT */
/* kernel.h - what the files of this kernel offer each other
 *
 * One processor, no interrupts.  The kernel's addresses are physical addresses; its heap is mapped
 * at MACHINE_HEAP, the memory of processes at MACHINE_USER (machine.h).
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bits.h"
#include "machine.h"

#define PAGE_SIZE ((size_t)4096)
#define KERNEL_STACK (16 * SEA_KIB)

/* How the kernel ends; the exit status of `make kernel-run`. */
enum { HALT_WELL = 0, HALT_CHECK_FAILED = 1, HALT_OUT_OF_MEMORY = 2, HALT_TRAP = 3 };

/* --- text.c: the serial line, the command line ----------------------------------------------- */

/* %s text, %u decimal, %x hexadecimal; numbers are size_t. */
void print(const char *format, ...);

/* Prints "rung N: what: the text" on a line of its own and halts. */
_Noreturn void fail(unsigned code, const char *text);

_Noreturn void fail_by_trap(size_t number, uintptr_t place, uintptr_t address);

#define CHECK(claim)                                                                               \
	do {                                                                                       \
		if (!(claim))                                                                      \
			fail(HALT_CHECK_FAILED, "this does not hold: " #claim);                    \
	} while (0)

/* A number in decimal with K, M, G; and the one behind `name` on the command line from *at on,
 * `otherwise` if there is none.  Both move *at behind it. */
size_t read_number(const char **at);
size_t option(const char **at, const char *name, size_t otherwise);
extern const char *command_line;

/* --- map.c: the map of physical memory ---------------------------------------------- */

enum kind { AVAILABLE, RESERVED, OCCUPIED };

struct range {
	uintptr_t base, end;
	enum kind kind;
	bool is_constant; /* nobody may write to it: it has a checksum */
	const char *name;
	uint64_t sum;
};
extern struct range map[];
extern size_t map_nr;

/* Says what [base, end) is.  Overrides what was said before. */
void map_set(uintptr_t base, uintptr_t end, enum kind kind, bool is_constant, const char *name);
void map_round(void);
void map_print(void);
size_t map_pages(enum kind kind);
void map_sum(void);

/* Claim: each constant range has the checksum that it had. */
bool map_is_unchanged(void);

/* --- early.c: whole pages before there is a page allocator ----------------------------- */

void early_begin(void);

/* Enters what is in use in the map, as occupied. */
void early_end(void);

/* --- frames.c: the page allocator over physical memory ----------------------------------- */

/* Makes a pool of each range that is available after alloc() has given memory for the records. */
void frames_begin(void *(*alloc)(size_t size));

/* Promises n pages: later so many calls of frames_take(true) succeed.  False: there are not
 * enough. */
bool frames_promise(size_t n);
void frames_unpromise(size_t n);

/* A zeroed page, of those promised, or of the pages below the low watermark (page tables).  Halts
 * or returns NULL if there is none: a promise was made, so that is the option oom. */
void *frames_take(bool is_promised);
void frames_give(void *page);

struct frames_count {
	size_t total, free, promised, min; /* pages */
};
extern struct frames_count frames;
bool frames_are_sound(void);

/* For the option oom=N: claim: this is the Nth request for pages. */
bool frames_must_fail(void);
extern size_t frames_nr_requests, frames_fail_at;

/* --- tables.c: page tables ------------------------------------------------------------ */

typedef uint64_t entry_t;
extern entry_t kernel_root[], *current_root;

/* The entry of a page.  NULL: there is no table for it; if `make`, there is no memory for one. */
entry_t *tables_entry(entry_t *root, uintptr_t address, bool make);

/* Free the tables below the root for the memory of a process, and for the heap.  No page is mapped
 * any more. */
void tables_free_user(entry_t *root);
void tables_free_heap(void);

/* The processor uses the tables of this root from now on; the kernel's part is the same in all. */
void tables_use(entry_t *root);

extern size_t tables_nr; /* tables that exist, without the roots */

/* --- pages.c: the pages of an address space -------------------------------------------- */

/* Promises what of a range is not there yet.  False: there is not enough memory. */
bool pages_promise(entry_t *root, uintptr_t base, size_t size);

/* Maps a page that was promised. */
enum touched { TOUCHED, NOT_PROMISED, NO_PAGE };
enum touched pages_touch(entry_t *root, uintptr_t address, entry_t rights);

/* Lets an address that was not promised read as zero. */
enum touched pages_show_zeros(entry_t *root, uintptr_t address);

/* Gives pages and promises back; gives pages back and promises them again. */
void pages_give(entry_t *root, uintptr_t base, size_t size);
void pages_purge(entry_t *root, uintptr_t base, size_t size);

/* --- system.c: what seamalloc's core asks of its system ---------------------------------- */

/* A page fault of the kernel in its heap.  False: this address must not be used. */
bool system_fault(uintptr_t address, bool is_write);

/* Unmaps all of the heap. */
void system_end(void);

/* --- process.c: address spaces and messages ---------------------------------------------- */

void processes_run(void);

/* --- machine.c, once for each processor ---------------------------------------------------- */

void machine_put(char c);
_Noreturn void machine_halt(unsigned code);
uint64_t machine_cycles(void);

/* Enters what the firmware says in the map; sets command_line. */
void machine_read_map(uintptr_t information);

/* Makes ready for traps.  `thread`: the thread pointer. */
void machine_start(void *thread);

/* Sets the root of the page tables, and forgets all translations. */
void machine_use_tables(entry_t *root);

/* Runs a process until its next trap. */
enum cause { TRAP_CALL, TRAP_FAULT, TRAP_OTHER };
struct trap {
	enum cause cause;
	uintptr_t address; /* TRAP_FAULT */
	bool is_write;
};
struct trap machine_run(struct frame *frame);

_Noreturn void kernel_main(uintptr_t information);
void kernel_trap(struct frame *frame);

/* The linker script. */
extern char image_start[], text_end[], user_start[], user_end[], image_end[], tls_start[], tls_data_end[], tls_end[];

#endif
