/* SPDX-License-Identifier: MIT */
/* lock.c - a lock between processes that outlives its holder
 *
 * Who waits sleeps in slices.  After each slice it asks the kernel whether the holder lives.  A
 * robust mutex of the C library would do that without asking, but keeps pointers of this process
 * in the shared memory, where another process could change them.
 */
#include <errno.h>

#include "base/atomic.h"
#include "base/shared.h"
#include "message/heap.h"

#define HOLDER 0xffu
#define WAITERS 0x100u
#define EPOCH 0x200u

_Static_assert(SEA_MESSAGE_PEERS < HOLDER, "a holder's number fits");
_Static_assert(HOLDER < WAITERS && WAITERS < EPOCH, "the fields do not overlap");

/* Rounds of spinning before a peer sleeps: some microseconds, the length of several
 * transactions. */
#define SPIN_ROUNDS 100
/* A sleeper asks whether the holder lives so often: a transaction takes less than a microsecond,
 * so a holder that needs longer has lost its processor, or its life. */
#define SLICE_NS 2000000

static uint32_t *lock_of(const struct sea_message_view *view) { return &view->file->lock; }

static uint32_t my_number(const struct sea_message_view *view)
{
	SEA_ASSERT(view->peer < SEA_MESSAGE_PEERS);
	return view->peer + 1;
}

/* Takes the lock if it is free. */
static bool take_free(struct sea_message_view *view, uint32_t waiters)
{
	uint32_t word = sea_load_relaxed(lock_of(view));
	if (word & HOLDER)
		return false;
	bool is_taken = sea_swap_if(lock_of(view), word, word | my_number(view) | waiters);
	sea_message_stored(view);
	return is_taken;
}

static bool take_spinning(struct sea_message_view *view)
{
	for (int i = 0; i < SPIN_ROUNDS; i++) {
		if (take_free(view, 0))
			return true;
		sea_pause();
	}
	return false;
}

bool sea_message_is_alive(const struct sea_message_view *view, unsigned peer)
{
	return peer == view->peer || sea_shared_is_locked(view->lock_file, SEA_MESSAGE_LOCKS + peer, 1);
}

/* Claim: nobody lives who could drop the lock. */
static bool is_abandoned(const struct sea_message_view *view, uint32_t word)
{
	uint32_t holder = word & HOLDER;
	return holder > SEA_MESSAGE_PEERS || !sea_message_is_alive(view, holder - 1);
}

/* Takes the lock from a holder that is dead.  One of several wins. */
static bool take_over(struct sea_message_view *view, uint32_t word)
{
	SEA_ASSERT(word & HOLDER);
	uint32_t mine = (word & ~(HOLDER | WAITERS)) + EPOCH + (WAITERS | my_number(view));
	bool is_taken = sea_swap_if(lock_of(view), word, mine);
	sea_message_stored(view);
	if (is_taken)
		sea_count_own(&view->file->nr_takeovers, 1);
	return is_taken;
}

/* Sleeps until the lock may be free, a slice at most. */
static void sleep_on(struct sea_message_view *view, uint32_t word)
{
	if (!(word & WAITERS) && !sea_swap_if(lock_of(view), word, word | WAITERS))
		return;
	sea_message_stored(view);
	sea_shared_wait(lock_of(view), word | WAITERS, SLICE_NS);
}

static int take(struct sea_message_view *view, bool *is_taken_over)
{
	*is_taken_over = false;
	if (take_spinning(view))
		return 0;
	int64_t start = sea_shared_now();
	for (;;) {
		uint32_t word = sea_load_relaxed(lock_of(view));
		if (word & HOLDER)
			sleep_on(view, word);
		if (take_free(view, WAITERS))
			return 0;
		word = sea_load_relaxed(lock_of(view));
		*is_taken_over = word & HOLDER && is_abandoned(view, word) && take_over(view, word);
		if (*is_taken_over)
			return 0;
		if (sea_shared_now() - start > view->patience_ns)
			return ETIMEDOUT;
	}
}

static void drop(struct sea_message_view *view)
{
	uint32_t before = sea_fetch_and_release(lock_of(view), ~(HOLDER | WAITERS));
	sea_message_stored(view);
	if (before & WAITERS)
		sea_shared_wake(lock_of(view), 1);
}

/* Everybody learns that the contents are broken. */
static int refuse(struct sea_message_view *view)
{
	view->segment.is_broken = true;
	sea_store_relaxed(&view->file->is_broken, 1);
	sea_message_stored(view);
	return EBADMSG;
}

/* For people only, so outside of transactions. */
static void count(struct sea_message_view *view, uint64_t *field)
{
	sea_store_relaxed(field, sea_load_relaxed(field) + 1);
	sea_message_stored(view);
}

/* Undoes the transaction that a dead holder left open: MH4.  The transaction may have made the
 * file longer, so this looks how long it is. */
static bool undo_rest(struct sea_message_view *view)
{
	uint32_t active = sea_load_relaxed(&view->file->active);
	struct sea_journal journal = view->journal;
	if (active > SEA_MESSAGE_PEERS || sea_message_measure(view))
		return false;
	if (!active)
		return true;
	journal.length = view->journal.length;
	journal.log = &view->file->logs[active - 1];
	enum sea_journal_state state = sea_journal_undo(&journal);
	if (state == SEA_JOURNAL_UNDONE)
		count(view, &view->file->nr_undone);
	return state != SEA_JOURNAL_BROKEN;
}

/* Behind taking the lock: undoes what a dead holder left, and follows the file's length. */
static int settle(struct sea_message_view *view, bool is_taken_over)
{
	if (unlikely(is_taken_over) && !undo_rest(view))
		return refuse(view);
	sea_journal_order();
	sea_store_relaxed(&view->file->active, my_number(view));
	sea_message_stored(view);
	if (unlikely(sea_load_relaxed(&view->file->is_broken) || view->segment.is_broken))
		return refuse(view);
	int error = sea_message_follow(view);
	return error == EBADMSG ? refuse(view) : error;
}

static int settle_or_drop(struct sea_message_view *view, bool is_taken_over)
{
	int error = settle(view, is_taken_over);
	if (error)
		drop(view);
	return error;
}

int sea_message_enter(struct sea_message_view *view)
{
	bool is_taken_over;
	int error = sea_message_is_ours(view) ? take(view, &is_taken_over) : ECHILD;
	return error ? error : settle_or_drop(view, is_taken_over);
}

int sea_message_enter_first(struct sea_message_view *view)
{
	uint32_t word = sea_load_relaxed(lock_of(view));
	if ((word & HOLDER) == my_number(view) && take_over(view, word))
		return settle_or_drop(view, true);
	return sea_message_enter(view);
}

int sea_message_leave(struct sea_message_view *view)
{
	int error = 0;
	if (unlikely(view->segment.is_broken)) {
		sea_journal_undo(&view->journal);
		error = refuse(view);
	}
	SEA_ASSERT(view->journal.nr == 0); /* MH1 */
	drop(view);
	return error;
}

/* --- threads of this process ------------------------------------------------------------- */

void sea_message_mutex_take(uint32_t *mutex)
{
	for (int i = 0; i < SPIN_ROUNDS; i++) {
		if (sea_swap_if(mutex, 0, 1))
			return;
		sea_pause();
	}
	while (sea_exchange_ordered(mutex, 2) != 0)
		sea_shared_wait(mutex, 2, -1);
}

void sea_message_mutex_drop(uint32_t *mutex)
{
	SEA_ASSERT(sea_load_relaxed(mutex) != 0);
	if (sea_exchange_ordered(mutex, 0) == 2)
		sea_shared_wake(mutex, 1);
}
