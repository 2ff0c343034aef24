/* SPDX-License-Identifier: MIT */
/* pages.c - pages of an address space: promised, touched, given back
 *
 *    entry   0 --promise--> PROMISED --touch (page fault)--> page
 *            ^                 |  ^--------- purge ----------'|
 *            '---- give -------'------------- give -----------'
 *
 * For the kernel's heap and for processes.
 *
 * PA1  An entry is 0, PROMISED, ZEROS or that of a page which no other entry has.
 * PA2  So many promises are open as entries are PROMISED.
 */
#include "kernel.h"

/* An entry that is not valid: the processor ignores its other bits. */
#define PROMISED ((entry_t)1 << 8)
/* One page for all addresses that are only read, and read as zero. */
#define ZEROS (ENTRY_OF((uintptr_t)zeros) | (ENTRY_LEAF & ~ENTRY_WRITE))

static char zeros[4096] __attribute__((aligned(4096)));

static bool has_page(entry_t entry) { return entry & ENTRY_VALID && entry != ZEROS; }

/* Calls visit() for each entry of a range that has a table. */
static void each_entry(entry_t *root, uintptr_t base, size_t size, void (*visit)(entry_t *entry))
{
	for (uintptr_t at = base; at < base + size; at += PAGE_SIZE) {
		entry_t *entry = tables_entry(root, at, false);
		if (entry)
			visit(entry);
	}
	tables_use(current_root);
}

/* Tables that were made stay if a later step fails: the next promise uses them. */
static bool make_tables(entry_t *root, uintptr_t base, size_t size)
{
	const size_t span = PAGE_SIZE * 512;
	for (uintptr_t at = base; at < base + size; at = sea_round_down(at, span) + span)
		if (!tables_entry(root, at, true))
			return false;
	return true;
}

static size_t nr_missing;

static bool is_missing(entry_t entry) { return !entry || entry == ZEROS; }

static void count_present(entry_t *entry) { nr_missing -= !is_missing(*entry); }

static void promise(entry_t *entry) { *entry = is_missing(*entry) ? PROMISED : *entry; }

bool pages_promise(entry_t *root, uintptr_t base, size_t size)
{
	nr_missing = size / PAGE_SIZE;
	each_entry(root, base, size, count_present);
	if (nr_missing && !frames_promise(nr_missing))
		return false;
	if (!make_tables(root, base, size)) {
		frames_unpromise(nr_missing);
		return false;
	}
	each_entry(root, base, size, promise);
	return true;
}

enum touched pages_touch(entry_t *root, uintptr_t address, entry_t rights)
{
	entry_t *entry = tables_entry(root, address, false);
	if (!entry || *entry != PROMISED)
		return NOT_PROMISED;
	void *page = frames_take(true);
	if (!page)
		return NO_PAGE;
	*entry = ENTRY_OF((uintptr_t)page) | ENTRY_LEAF | rights;
	tables_use(current_root);
	return TOUCHED;
}

enum touched pages_show_zeros(entry_t *root, uintptr_t address)
{
	entry_t *entry = tables_entry(root, address, true);
	if (!entry)
		return NO_PAGE;
	if (*entry)
		return NOT_PROMISED;
	*entry = ZEROS;
	tables_use(current_root);
	return TOUCHED;
}

static void give(entry_t *entry)
{
	if (has_page(*entry))
		frames_give((void *)ENTRY_ADDRESS(*entry));
	else if (*entry == PROMISED)
		frames_unpromise(1);
	*entry = 0;
}

void pages_give(entry_t *root, uintptr_t base, size_t size) { each_entry(root, base, size, give); }

/* There is room for another promise: the page has just become free. */
static void purge(entry_t *entry)
{
	if (!has_page(*entry))
		return;
	frames_give((void *)ENTRY_ADDRESS(*entry));
	frames.promised++;
	*entry = PROMISED;
}

void pages_purge(entry_t *root, uintptr_t base, size_t size) { each_entry(root, base, size, purge); }
