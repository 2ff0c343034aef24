/* SPDX-License-Identifier: MIT */
/* peers.c - joining, leaving, and taking back
 *
 * MP1  A peer's entry is in use from its joining until all that it owned was freed.  Who owns a
 *      block has an entry in use.
 *
 * A peer has the byte of its number locked before its entry is in use, and until it dies.  So an
 * entry in use whose byte is not locked is that of a dead peer.
 */
#include "message/peers.h"

#include <errno.h>

#include "base/shared.h"

/* All bytes are locked while somebody removes an unused file: that takes less than this. */
#define JOIN_TRIES 50
#define JOIN_PAUSE_NS 1000000

static struct sea_message_peer *entry_of(const struct sea_message_view *view, unsigned peer)
{
	SEA_ASSERT(peer < SEA_MESSAGE_PEERS);
	return &view->file->peers[peer];
}

static bool is_used(const struct sea_message_view *view, unsigned peer)
{
	return sea_load_relaxed(&entry_of(view, peer)->is_used) != 0;
}

static unsigned owner_of(const struct sea_message_view *view, size_t offset)
{
	const struct sea_message_block *block = (const struct sea_message_block *)(view->segment.base + offset);
	return sea_message_tag_owner(sea_load_relaxed(&block->tag));
}

/* Frees the blocks of a peer, each in one transaction, then its entry.  MP1. */
static int clean(struct sea_message_view *view, unsigned peer)
{
	SEA_ASSERT(view->journal.nr == 0);
	struct sea_segment_chunk chunk;
	for (size_t at = 0; sea_segment_chunk_from(&view->segment, at, &chunk); at = chunk.offset + chunk.size) {
		if (!chunk.is_used || owner_of(view, chunk.offset) != sea_message_owner_peer(peer))
			continue;
		if (sea_segment_free(&view->segment, chunk.offset))
			return EBADMSG;
		sea_journal_commit(&view->journal);
	}
	sea_journal_put(&view->journal, &entry_of(view, peer)->is_used, 0);
	sea_journal_commit(&view->journal);
	return 0;
}

static void enlist(struct sea_message_view *view)
{
	struct sea_message_peer *entry = entry_of(view, view->peer);
	SEA_ASSERT(view->journal.nr == 0 && view->journal.log);
	sea_journal_put(&view->journal, &entry->process, sea_shared_process());
	sea_journal_put(&view->journal, &entry->quota, 0);
	sea_journal_put(&view->journal, &entry->held, 0);
	sea_journal_put(&view->journal, &entry->cached, 0);
	sea_journal_put(&view->journal, &entry->is_used, 1);
	sea_journal_commit(&view->journal);
}

/* Locks the first byte that is free. */
static bool find_number(struct sea_message_view *view)
{
	for (unsigned peer = 0; peer < SEA_MESSAGE_PEERS; peer++)
		if (sea_shared_try_lock(view->lock_file, SEA_MESSAGE_LOCKS + peer, 1)) {
			view->peer = peer;
			return true;
		}
	return false;
}

/* Whoever removes an unused file has all bytes locked for a moment. */
static int wait_for_number(struct sea_message_view *view)
{
	uint32_t nobody_wakes = 0;
	for (int i = 0; i < JOIN_TRIES; i++) {
		if (find_number(view))
			return 0;
		sea_shared_wait(&nobody_wakes, 0, JOIN_PAUSE_NS);
	}
	return EUSERS;
}

/* The log of a number has memory from the first peer on that has the number. */
static int find_log(struct sea_message_view *view)
{
	SEA_ASSERT(view->peer < SEA_MESSAGE_PEERS);
	struct sea_journal_log *log = &view->file->logs[view->peer];
	size_t at = (size_t)((char *)log - (char *)view->file);
	view->journal.log = log;
	return -sea_shared_fill(view->shared_file, at, at + sizeof(*log));
}

int sea_peers_join(struct sea_message_view *view)
{
	SEA_ASSERT(view->peer == SEA_MESSAGE_PEERS); /* no number yet */
	int error = wait_for_number(view);
	if (error || (error = find_log(view)) || (error = sea_message_enter_first(view)))
		return error;
	if (is_used(view, view->peer))
		error = clean(view, view->peer);
	if (!error)
		enlist(view);
	int broken = sea_message_leave(view);
	return error ? error : broken;
}

void sea_peers_leave(struct sea_message_view *view)
{
	if (sea_message_enter(view))
		return;
	clean(view, view->peer);
	sea_message_leave(view);
}

int sea_peers_reclaim_locked(struct sea_message_view *view, unsigned *nr)
{
	*nr = 0;
	for (unsigned peer = 0; peer < SEA_MESSAGE_PEERS; peer++) {
		if (!is_used(view, peer) || sea_message_is_alive(view, peer))
			continue;
		int error = clean(view, peer);
		if (error)
			return error;
		++*nr;
	}
	return 0;
}

int sea_peers_reclaim(struct sea_message_view *view, unsigned *nr)
{
	int error = sea_message_enter(view);
	if (error)
		return error;
	error = sea_peers_reclaim_locked(view, nr);
	int broken = sea_message_leave(view);
	return error ? error : broken;
}
