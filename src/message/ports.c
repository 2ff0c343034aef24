/* SPDX-License-Identifier: MIT */
/* ports.c - queues of messages, and waiting for them
 *
 * PO1  A receiver that sleeps has seen the queue empty under the lock, has set has_sleepers in the
 *      same transaction, and sleeps only while `sent` is what it was then.
 * PO2  A sender that finds has_sleepers set wakes all of them before its transaction is committed.
 *
 * So nobody sleeps beside a message, whoever dies: if the sender dies before its commit, the
 * transaction is undone and there is no message; if it dies later, all are awake.  All are
 * woken, not one, because the one might die before it takes the message.  A receiver that
 * finds the queue empty looks again under the lock: another receiver may have died in the
 * middle of its transaction.
 */
#include "message/ports.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/shared.h"
#include "message/blocks.h"

/* How often a receiver looks for a message before it sleeps: some microseconds, as much as
 * sleeping and waking take. */
#define LOOKS 200

#define NS_PER_MS 1000000

/* Some 30 years.  A wait without a limit would go on behind a signal handler with SA_RESTART. */
#define FOREVER ((int64_t)1000000000 * 1000000000)

static struct sea_message_port *port_at(const struct sea_message_view *view, unsigned port)
{
	SEA_ASSERT(port < SEA_MESSAGE_PORTS);
	return &view->file->ports[port];
}

bool sea_ports_exists(const struct sea_message_view *view, unsigned port)
{
	return port < SEA_MESSAGE_PORTS && sea_load_relaxed(&port_at(view, port)->is_used);
}

/* --- names ---------------------------------------------------------------------------- */

/* The name padded with zeros, as it is in the file. */
struct name {
	uint64_t words[SEA_MESSAGE_NAME / 8];
};

static bool has_name(const struct sea_message_port *entry, const struct name *name)
{
	return !memcmp(entry->name, name, sizeof(*name));
}

static void set_name(struct sea_message_view *view, struct sea_message_port *entry, const struct name *name)
{
	for (size_t i = 0; i < SEA_MESSAGE_NAME / 8; i++)
		sea_journal_put(&view->journal, (uint64_t *)entry->name + i, name->words[i]);
	sea_journal_put(&view->journal, &entry->is_used, 1);
	sea_journal_commit(&view->journal);
}

static int find_or_make(struct sea_message_view *view, const struct name *name, unsigned *port)
{
	SEA_ASSERT(view->journal.nr == 0);
	unsigned first_unused = SEA_MESSAGE_PORTS;
	for (unsigned i = 0; i < SEA_MESSAGE_PORTS; i++) {
		*port = i;
		if (!sea_ports_exists(view, i))
			first_unused = (unsigned)sea_min(first_unused, i);
		else if (has_name(port_at(view, i), name))
			return 0;
	}
	if (first_unused == SEA_MESSAGE_PORTS)
		return ENOSPC;
	*port = first_unused;
	set_name(view, port_at(view, first_unused), name);
	return 0;
}

int sea_ports_find(struct sea_message_view *view, const char *name, unsigned *port)
{
	struct name padded = {{0}};
	size_t length = strlen(name);
	if (!length || length >= SEA_MESSAGE_NAME)
		return EINVAL;
	memcpy(padded.words, name, length);
	int error = sea_message_enter(view);
	if (error)
		return error;
	error = find_or_make(view, &padded, port);
	int broken = sea_message_leave(view);
	return error ? error : broken;
}

/* --- queues; the lock ------------------------------------------------------------------- */

/* The block that a link of a port's queue leads to.  False: the contents are broken. */
static bool follow(const struct sea_message_view *view, unsigned port, uint64_t link, size_t *offset)
{
	SEA_ASSERT(port < SEA_MESSAGE_PORTS);
	if (!link || link > view->segment.limit / SEA_SEGMENT_GRANULE)
		return false;
	*offset = (link - 1) * SEA_SEGMENT_GRANULE;
	if (!sea_segment_is_block(&view->segment, *offset))
		return false;
	uint64_t tag = sea_load_relaxed(&sea_blocks_at(view, *offset)->tag);
	return sea_message_tag_kind(tag) == SEA_MESSAGE_QUEUED &&
	       sea_message_tag_owner(tag) == sea_message_owner_port(port);
}

static void add(struct sea_message_view *view, uint64_t *field, int64_t difference)
{
	sea_journal_put(&view->journal, field, sea_load_relaxed(field) + (uint64_t)difference);
}

static void set_owner(struct sea_message_view *view, size_t offset, enum sea_message_kind kind, unsigned owner,
		      uint32_t generation)
{
	struct sea_message_block *block = sea_blocks_at(view, offset);
	unsigned slack = sea_message_tag_slack(sea_load_relaxed(&block->tag));
	sea_journal_put(&view->journal, &block->tag, sea_message_tag(kind, owner, slack, generation));
	sea_journal_put(&view->journal, &block->link, 0);
}

static int broken(struct sea_message_view *view)
{
	view->segment.is_broken = true;
	return EBADMSG;
}

/* Links the block behind the last one. */
static int append(struct sea_message_view *view, unsigned port, size_t offset)
{
	struct sea_message_port *entry = port_at(view, port);
	SEA_ASSERT(offset % SEA_SEGMENT_GRANULE == 0 && offset < view->segment.limit);
	uint64_t link = offset / SEA_SEGMENT_GRANULE + 1, last_link = sea_load_relaxed(&entry->last);
	size_t last;
	if (!sea_load_relaxed(&entry->first))
		sea_journal_put(&view->journal, &entry->first, link);
	else if (follow(view, port, last_link, &last))
		sea_journal_put(&view->journal, &sea_blocks_at(view, last)->link, link);
	else
		return broken(view);
	sea_journal_put(&view->journal, &entry->last, link);
	return 0;
}

/* PO2. */
static void wake_sleepers(struct sea_message_view *view, struct sea_message_port *entry)
{
	sea_journal_put_half(&view->journal, &entry->sent, sea_load_relaxed(&entry->sent) + 1);
	if (!sea_load_relaxed(&entry->has_sleepers))
		return;
	sea_journal_put_half(&view->journal, &entry->has_sleepers, 0);
	sea_shared_wake(&entry->sent, INT_MAX);
	sea_message_stored(view);
}

static int enqueue(struct sea_message_view *view, unsigned port, size_t offset, size_t bytes)
{
	struct sea_message_port *entry = port_at(view, port);
	SEA_ASSERT(view->journal.nr == 0 && bytes >= SEA_MESSAGE_OVERHEAD);
	set_owner(view, offset, SEA_MESSAGE_QUEUED, sea_message_owner_port(port), 0);
	int error = append(view, port, offset);
	if (error)
		return error;
	add(view, &entry->nr, 1);
	add(view, &entry->bytes, (int64_t)bytes);
	add(view, &entry->nr_sent, 1);
	wake_sleepers(view, entry);
	sea_journal_commit(&view->journal);
	return 0;
}

/* Unlinks the first block.  It is there. */
static int unlink_first(struct sea_message_view *view, unsigned port, size_t *offset)
{
	struct sea_message_port *entry = port_at(view, port);
	size_t next;
	if (!follow(view, port, sea_load_relaxed(&entry->first), offset))
		return broken(view);
	uint64_t link = sea_load_relaxed(&sea_blocks_at(view, *offset)->link);
	if (link && !follow(view, port, link, &next))
		return broken(view);
	sea_journal_put(&view->journal, &entry->first, link);
	if (!link)
		sea_journal_put(&view->journal, &entry->last, 0);
	return 0;
}

static int dequeue(struct sea_message_view *view, unsigned port, uint64_t *handle)
{
	struct sea_message_port *entry = port_at(view, port);
	size_t offset;
	SEA_ASSERT(view->journal.nr == 0);
	if (!sea_load_relaxed(&entry->first))
		return sea_load_relaxed(&entry->nr) ? broken(view) : EAGAIN;
	int error = unlink_first(view, port, &offset);
	if (error)
		return error;
	size_t bytes = sea_segment_usable(&view->segment, offset);
	uint32_t generation = sea_blocks_new_generation(view);
	set_owner(view, offset, SEA_MESSAGE_LIVE, sea_message_owner_peer(view->peer), generation);
	add(view, &entry->nr, -1);
	add(view, &entry->bytes, -(int64_t)bytes);
	add(view, &entry->nr_received, 1);
	sea_journal_commit(&view->journal);
	sea_blocks_count_held(view, (int64_t)bytes);
	*handle = sea_message_handle_of(offset, generation);
	return 0;
}

/* --- sending and receiving ---------------------------------------------------------------- */

static int send(struct sea_message_view *view, unsigned port, uint64_t handle)
{
	size_t offset;
	int error = sea_blocks_find(view, handle, &offset);
	if (error || (error = sea_message_enter(view)))
		return error;
	size_t bytes = sea_segment_usable(&view->segment, offset);
	error = sea_ports_exists(view, port) ? enqueue(view, port, offset, bytes) : EINVAL;
	int is_refused = sea_message_leave(view);
	if (error || is_refused)
		return error ? error : is_refused;
	sea_blocks_count_held(view, -(int64_t)bytes);
	return 0;
}

int sea_ports_send(struct sea_message_view *view, unsigned port, uint64_t handle)
{
	if (!sea_message_is_ours(view))
		return ECHILD;
	sea_message_mutex_take(&view->mutex);
	int error = send(view, port, handle);
	sea_message_mutex_drop(&view->mutex);
	return error;
}

/* EAGAIN: no message is there. */
static int try_receive(struct sea_message_view *view, unsigned port, uint64_t *handle)
{
	sea_message_mutex_take(&view->mutex);
	int error = sea_blocks_is_within_quota(view, 1) ? sea_message_enter(view) : EDQUOT;
	if (!error) {
		error = dequeue(view, port, handle);
		int is_refused = sea_message_leave(view);
		error = error ? error : is_refused;
	}
	sea_message_mutex_drop(&view->mutex);
	return error;
}

/* PO1: notes that somebody will sleep, if the queue is empty or `always`. */
static int announce_sleep(struct sea_message_view *view, unsigned port, bool always, uint32_t *sent, bool *has_message)
{
	struct sea_message_port *entry = port_at(view, port);
	int error = sea_message_enter(view);
	if (error)
		return error;
	*has_message = sea_load_relaxed(&entry->first) != 0;
	*sent = sea_load_relaxed(&entry->sent);
	if ((always || !*has_message) && !sea_load_relaxed(&entry->has_sleepers)) {
		sea_journal_put_half(&view->journal, &entry->has_sleepers, 1);
		sea_journal_commit(&view->journal);
	}
	return sea_message_leave(view);
}

static bool may_have_message(const struct sea_message_view *view, unsigned port)
{
	return sea_load_relaxed(&port_at(view, port)->nr) != 0;
}

static bool look_for_message(const struct sea_message_view *view, unsigned port)
{
	for (int i = 0; i < LOOKS; i++) {
		if (may_have_message(view, port))
			return true;
		sea_pause();
	}
	return false;
}

/* Nanoseconds until the deadline; FOREVER if it is negative.  False: it has passed. */
static bool time_left(int64_t deadline, int64_t *ns)
{
	SEA_ASSERT(deadline != 0);
	*ns = deadline < 0 ? FOREVER : deadline - sea_shared_now();
	return deadline < 0 || *ns > 0;
}

/* Sleeps until a message may be there. */
static int wait_for_message(struct sea_message_view *view, unsigned port, int64_t deadline)
{
	uint32_t sent;
	bool has_message;
	int64_t ns;
	if (!time_left(deadline, &ns))
		return ETIMEDOUT;
	if (look_for_message(view, port))
		return 0;
	int error = announce_sleep(view, port, false, &sent, &has_message);
	if (error || has_message)
		return error;
	int result = sea_shared_wait(&port_at(view, port)->sent, sent, ns);
	return result == -EINTR ? EINTR : 0;
}

int sea_ports_receive(struct sea_message_view *view, unsigned port, int timeout_ms, uint64_t *handle)
{
	if (!sea_message_is_ours(view))
		return ECHILD;
	if (!sea_ports_exists(view, port))
		return EINVAL;
	int64_t deadline = timeout_ms < 0 ? -1 : 0;
	for (;;) {
		int error = try_receive(view, port, handle);
		if (error != EAGAIN || timeout_ms == 0)
			return error;
		if (!deadline)
			deadline = sea_shared_now() + (int64_t)timeout_ms * NS_PER_MS;
		error = wait_for_message(view, port, deadline);
		if (error)
			return error;
	}
}

/* --- event loops ------------------------------------------------------------------------ */

int sea_ports_announce(struct sea_message_view *view, unsigned port, uint32_t *sent, bool *has_message)
{
	return announce_sleep(view, port, true, sent, has_message);
}

void sea_ports_sleep(struct sea_message_view *view, unsigned port, uint32_t sent)
{
	sea_shared_wait(&port_at(view, port)->sent, sent, -1);
}

void sea_ports_wake(struct sea_message_view *view, unsigned port)
{
	sea_shared_wake(&port_at(view, port)->sent, INT_MAX);
}

/* --- looking ---------------------------------------------------------------------------- */

bool sea_ports_is_sound(const struct sea_message_view *view, unsigned port, uint64_t nr, uint64_t bytes)
{
	const struct sea_message_port *entry = port_at(view, port);
	uint64_t link = sea_load_relaxed(&entry->first), last = 0, found = 0;
	size_t offset;
	for (; link && found <= nr; found++) {
		if (!follow(view, port, link, &offset))
			return false;
		last = link;
		link = sea_load_relaxed(&sea_blocks_at(view, offset)->link);
	}
	return !link && found == nr && sea_load_relaxed(&entry->last) == last && sea_load_relaxed(&entry->nr) == nr &&
	       sea_load_relaxed(&entry->bytes) == bytes;
}
