/* SPDX-License-Identifier: MIT */
/* journal.c - undoing an open transaction
 *
 * Restoring old values is idempotent: if the process that undoes is killed too, the log still has
 * all entries, and the next one starts anew.
 */
#include "segment/journal.h"

void sea_journal_init(struct sea_journal *journal, char *base, size_t length, struct sea_journal_log *log)
{
	SEA_ASSERT((uintptr_t)base % 8 == 0 && length >= 8);
	*journal = (struct sea_journal){.base = base, .length = length, .log = log};
}

/* Restores one word.  False: the entry leads out of the range. */
static bool restore(struct sea_journal *journal, uint64_t i)
{
	uint64_t at = sea_load_relaxed(&journal->log->entry[i].at);
	uint64_t old = sea_load_relaxed(&journal->log->entry[i].old);
	if (at % 8 || at > journal->length - 8)
		return false;
	sea_store_relaxed((uint64_t *)(journal->base + at), old);
	sea_journal_stored(journal);
	return true;
}

enum sea_journal_state sea_journal_undo(struct sea_journal *journal)
{
	SEA_ASSERT(journal->length >= 8 && journal->log);
	uint64_t nr = sea_load_relaxed(&journal->log->nr);
	bool is_whole = nr <= SEA_JOURNAL_MAX;
	for (uint64_t i = is_whole ? nr : 0; i > 0; i--)
		is_whole &= restore(journal, i - 1);
	journal->nr = 0;
	sea_journal_order();
	sea_store_relaxed(&journal->log->nr, 0);
	sea_journal_stored(journal);
	if (!is_whole)
		return SEA_JOURNAL_BROKEN;
	return nr ? SEA_JOURNAL_UNDONE : SEA_JOURNAL_EMPTY;
}

bool sea_journal_is_sound(const struct sea_journal *journal)
{
	return sea_load_relaxed(&journal->log->nr) == 0 && journal->nr == 0 && journal->longest <= SEA_JOURNAL_MAX;
}
