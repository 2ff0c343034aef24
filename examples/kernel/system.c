/* SPDX-License-Identifier: MIT */
/* system.c - what seamalloc's core asks of its system, answered by this kernel
 *
 *    reserve   addresses between MACHINE_HEAP and MACHINE_HEAP_END; no memory
 *    commit    the pages are promised (pages.c)
 *    touch     page fault: a page of those promised is mapped, zeroed
 *    purge     the page goes back, and is promised again
 *    release   pages and promises go back
 *
 * The functions of base/os.h that the core and the textbook engines call, and two others
 * (README.md has the table).
 *
 * SY1  Spans are in address order, inside the heap, and do not overlap.
 */
#include "base/os.h"

#include "kernel.h"

#define NR_SPANS 512

static struct span {
	uintptr_t base, end;
	bool reads_as_zero; /* before it is committed */
} spans[NR_SPANS + 1];
static size_t nr_spans;

/* The one processor runs one thread, so atomic operations may be plain ones (base/atomic.h). */
char __libc_single_threaded = 1;

/* --- addresses ---------------------------------------------------------------------- */

static void insert(size_t at, struct span span)
{
	memmove(&spans[at + 1], &spans[at], (nr_spans++ - at) * sizeof(*spans));
	spans[at] = span;
}

/* The lowest hole that is large enough. */
static void *reserve(size_t size, bool reads_as_zero)
{
	uintptr_t base = MACHINE_HEAP;
	size_t i = 0;
	for (; i < nr_spans && spans[i].base - base < size; i++)
		base = spans[i].end;
	if (nr_spans == NR_SPANS || size > MACHINE_HEAP_END - base)
		return NULL;
	insert(i, (struct span){base, base + size, reads_as_zero});
	return (void *)base;
}

/* The hint is one only. */
void *sea_os_reserve_at(void *hint, size_t size, bool is_plain)
{
	(void)hint, (void)is_plain;
	return reserve(size, false);
}

void *sea_os_reserve_zeros(size_t size) { return reserve(size, true); }

/* --- pages ---------------------------------------------------------------------------- */

bool sea_os_commit(void *base, size_t size) { return pages_promise(kernel_root, (uintptr_t)base, size); }

bool sea_os_purge(void *base, size_t size)
{
	pages_purge(kernel_root, (uintptr_t)base, size);
	return true;
}

bool sea_os_reset(void *base, size_t size)
{
	pages_give(kernel_root, (uintptr_t)base, size);
	return true;
}

bool sea_os_release(void *base, size_t size)
{
	uintptr_t from = (uintptr_t)base, to = from + size;
	size_t i = 0;
	while (i < nr_spans && spans[i].end <= from)
		i++;
	if (i == nr_spans || from < spans[i].base || to > spans[i].end || nr_spans == NR_SPANS)
		return false;
	sea_os_reset(base, size);
	struct span high = spans[i];
	high.base = to;
	spans[i].end = from;
	if (high.base < high.end)
		insert(i + 1, high);
	if (spans[i].base == from)
		memmove(&spans[i], &spans[i + 1], (nr_spans-- - i) * sizeof(*spans));
	return true;
}

static const struct span *span_around(uintptr_t address)
{
	for (size_t i = 0; i < nr_spans; i++)
		if (address - spans[i].base < spans[i].end - spans[i].base)
			return &spans[i];
	return NULL;
}

bool system_fault(uintptr_t address, bool is_write)
{
	const struct span *span = span_around(address);
	if (!span)
		return false;
	enum touched touched = pages_touch(kernel_root, address, ENTRY_WRITE);
	if (touched == NOT_PROMISED && span->reads_as_zero && !is_write)
		touched = pages_show_zeros(kernel_root, address);
	if (touched == NO_PAGE)
		fail(HALT_OUT_OF_MEMORY, "the heap touches a page that was promised, and gets none");
	return touched == TOUCHED;
}

void system_end(void)
{
	for (size_t i = 0; i < nr_spans; i++)
		sea_os_reset((void *)spans[i].base, spans[i].end - spans[i].base);
	nr_spans = 0;
	tables_free_heap();
}

/* --- the rest: a clock, a line, an end ------------------------------------------------------- */

size_t sea_os_page_size(void) { return PAGE_SIZE; }
uint64_t sea_os_now_us(void) { return machine_cycles() / (MACHINE_TICKS_PER_MS / 1000); }
uint64_t sea_os_secret(void) { return 0x9e3779b97f4a7c15ull ^ machine_cycles(); }
uint64_t sea_os_random(void) { return sea_os_secret() * 0xbf58476d1ce4e5b9ull; }

/* Claim: `address` is in the kernel's stack. */
bool sea_os_is_on_stack(const void *here, const void *address)
{
	return (uintptr_t)address - (uintptr_t)here < KERNEL_STACK;
}

void sea_os_report(const char *text, size_t length)
{
	while (length--)
		machine_put(*text++);
}

_Noreturn void sea_os_die(void) { fail(HALT_CHECK_FAILED, "seamalloc has stopped the kernel"); }
