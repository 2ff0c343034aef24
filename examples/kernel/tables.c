/* SPDX-License-Identifier: MIT */
/* tables.c - page tables
 *
 *    root -> table -> ... -> entry      each has 512 words; a level takes 9 bits of the address
 *
 * The tables of a processor with 4 KiB pages are the same tree everywhere; machine.h says how many
 * levels it has and what the bits of an entry are.  Tables are pages of frames.c.
 */
#include "kernel.h"

#define SLOTS ((size_t)512)

entry_t *current_root = kernel_root;
size_t tables_nr;

static entry_t *table_of(entry_t entry) { return (entry_t *)ENTRY_ADDRESS(entry); }

entry_t *tables_entry(entry_t *root, uintptr_t address, bool make)
{
	entry_t *table = root;
	for (unsigned level = MACHINE_LEVELS - 1; level > 0; level--) {
		entry_t *entry = &table[address >> (12 + 9 * level) & (SLOTS - 1)];
		if (!*entry) {
			void *fresh = make ? frames_take(false) : NULL;
			if (!fresh)
				return NULL;
			tables_nr++;
			*entry = ENTRY_OF((uintptr_t)fresh) | ENTRY_TABLE;
		}
		table = table_of(*entry);
	}
	return &table[address >> 12 & (SLOTS - 1)];
}

static void free_below(entry_t *table, unsigned level, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (!table[i])
			continue;
		CHECK(level > 0); /* no page is mapped any more */
		free_below(table_of(table[i]), level - 1, 0, level > 1 ? SLOTS : 0);
		frames_give(table_of(table[i]));
		tables_nr--;
		table[i] = 0;
	}
}

void tables_free_user(entry_t *root) { free_below(root, MACHINE_LEVELS - 1, MACHINE_KERNEL_SLOTS, SLOTS); }

/* An entry at level 2 is for a GiB. */
void tables_free_heap(void)
{
	entry_t *table = MACHINE_LEVELS > 3 ? table_of(kernel_root[0]) : kernel_root;
	free_below(table, 2, MACHINE_HEAP >> 30, MACHINE_HEAP_END >> 30);
	tables_use(kernel_root);
}

void tables_use(entry_t *root)
{
	if (root != kernel_root)
		memcpy(root, kernel_root, MACHINE_KERNEL_SLOTS * sizeof(*root));
	current_root = root;
	machine_use_tables(root);
}
