/* SPDX-License-Identifier: MIT */
/* journal.h - several stores that happen together or not at all
 *
 *    transaction   put(a) put(b) put(c) ... commit
 *    log           | a's old value | b's old value | c's old value |   nr = 3, then 0
 *
 * A process may be killed between any two stores to shared memory.  Each store of a transaction
 * first notes the old value in the log.  Commit empties the log.  Whoever takes the lock over from
 * a dead holder undoes what the log has, last store first, and finds the memory as it was before
 * the transaction.  This is the undo log of databases (Gray and Reuter, "Transaction Processing",
 * 1993).  The memory outlives the process but not the machine, so nothing must be flushed.
 *
 * J1  While no transaction is open, the log is empty.
 * J2  The log names words inside the range only, and at most SEA_JOURNAL_MAX.
 *
 * One process at a time writes a transaction: it holds the lock that the caller has for the range.
 */
#ifndef SEA_JOURNAL_H
#define SEA_JOURNAL_H

#include "base/atomic.h"
#include "base/check.h"

/* Stores of the longest transaction, with room to spare: freeing a block between two holes takes
 * 25 (test/unit/segment/segment.c counts), and the owner of a transaction adds its own. */
#define SEA_JOURNAL_MAX 63

/* In the shared memory.  Another process may write anything here. */
struct sea_journal_log {
	uint64_t nr;
	uint64_t unused;
	struct {
		uint64_t at; /* offset of the word in the range */
		uint64_t old;
	} entry[SEA_JOURNAL_MAX];
};

/* One process's view of it, in private memory. */
struct sea_journal {
	char *base;    /* of the range */
	size_t length; /* of the range, in bytes */
	struct sea_journal_log *log;
	/* stores of the open transaction; the log's own count may be overwritten by others */
	uint64_t nr;
	uint64_t longest; /* stores of the longest transaction so far */
	void (*after_store)(void); /* NULL; a test stops the process here */
};

/* What a dead holder left. */
enum sea_journal_state { SEA_JOURNAL_EMPTY, SEA_JOURNAL_UNDONE, SEA_JOURNAL_BROKEN };

/* Prepares a view.  The range starts at `base`; the log is inside or outside of it. */
void sea_journal_init(struct sea_journal *journal, char *base, size_t length, struct sea_journal_log *log);

/* Undoes the open transaction, the caller's own or that of a dead holder.  Words outside of the
 * range are left alone: then the log is broken.  May be interrupted and done again. */
enum sea_journal_state sea_journal_undo(struct sea_journal *journal);

/* Claim: J1 and J2 hold.  For who holds the lock, between transactions. */
bool sea_journal_is_sound(const struct sea_journal *journal);

/* The compiler keeps the order of the stores before and behind.  A process that is killed has done
 * all stores before the one at which it stopped; other processes see them before its death. */
SEA_INLINE void sea_journal_order(void) { sea_before_a_signal(); }

SEA_INLINE void sea_journal_stored(const struct sea_journal *journal)
{
	sea_journal_order();
	if (unlikely(journal->after_store != NULL))
		journal->after_store();
}

/* Notes the old value of the word at `word`. */
SEA_INLINE void sea_journal_note(struct sea_journal *journal, const uint64_t *word)
{
	uint64_t at = (uint64_t)((const char *)word - journal->base);
	SEA_CHECK(journal->nr < SEA_JOURNAL_MAX);
	SEA_ASSERT(at % 8 == 0 && at + 8 <= journal->length); /* J2 */
	sea_store_relaxed(&journal->log->entry[journal->nr].at, at);
	sea_store_relaxed(&journal->log->entry[journal->nr].old, sea_load_relaxed(word));
	sea_journal_order();
	sea_store_relaxed(&journal->log->nr, ++journal->nr);
	sea_journal_stored(journal);
}

/* Stores a word.  journal NULL: the memory has one process, and no transaction needs undoing. */
SEA_INLINE void sea_journal_put(struct sea_journal *journal, uint64_t *word, uint64_t value)
{
	if (!journal) {
		sea_store_relaxed(word, value);
		return;
	}
	sea_journal_note(journal, word);
	sea_store_relaxed(word, value);
	sea_journal_stored(journal);
}

/* The same for half a word. */
SEA_INLINE void sea_journal_put_half(struct sea_journal *journal, uint32_t *half, uint32_t value)
{
	if (!journal) {
		sea_store_relaxed(half, value);
		return;
	}
	sea_journal_note(journal, (const uint64_t *)((uintptr_t)half & ~(uintptr_t)7));
	sea_store_relaxed(half, value);
	sea_journal_stored(journal);
}

/* Ends a transaction: its stores stay. */
SEA_INLINE void sea_journal_commit(struct sea_journal *journal)
{
	if (!journal)
		return;
	SEA_ASSERT(journal->nr <= SEA_JOURNAL_MAX); /* J2 */
	journal->longest = sea_max(journal->longest, journal->nr);
	journal->nr = 0;
	sea_journal_order();
	sea_store_relaxed(&journal->log->nr, 0);
	sea_journal_stored(journal);
}

#endif
