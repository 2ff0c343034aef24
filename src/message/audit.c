/* SPDX-License-Identifier: MIT */
/* audit.c - walking the blocks and the queues
 *
 * Safe on any contents: the walk follows the seams, and a queue is followed as far as the walk has
 * counted blocks of its port.
 */
#include "message/audit.h"

#include "message/blocks.h"
#include "message/ports.h"

/* What a walk finds. */
struct walk {
	const struct sea_message_view *view;
	struct sea_message_counts *counts;
	uint64_t alive[SEA_MESSAGE_PEERS / 64], used[SEA_MESSAGE_PEERS / 64]; /* peers, as bits */
	uint64_t port_nr[SEA_MESSAGE_PORTS], port_bytes[SEA_MESSAGE_PORTS];
	bool is_sound;
};

/* A peer that is in use and may own blocks. */
static bool is_peer(struct walk *walk, unsigned owner)
{
	return owner > 0 && owner <= SEA_MESSAGE_PEERS && sea_bit_test(walk->used, owner - 1);
}

static void count_owned(struct walk *walk, unsigned owner, size_t size, size_t *bytes, size_t *nr)
{
	*bytes += size;
	++*nr;
	if (!is_peer(walk, owner))
		walk->is_sound = false;
	else if (!sea_bit_test(walk->alive, owner - 1))
		walk->counts->orphaned += size;
}

static void count_queued(struct walk *walk, unsigned owner, size_t size)
{
	unsigned port = owner - SEA_MESSAGE_OWNER_PORT;
	walk->counts->queued += size;
	walk->counts->nr_queued++;
	if (owner < SEA_MESSAGE_OWNER_PORT || port >= SEA_MESSAGE_PORTS) {
		walk->is_sound = false;
		return;
	}
	walk->port_nr[port]++;
	walk->port_bytes[port] += size;
}

/* MF1 and MF3. */
static bool count_block(const struct sea_segment_chunk *chunk, void *context)
{
	struct walk *walk = context;
	struct sea_message_counts *counts = walk->counts;
	if (!chunk->is_used) {
		counts->free += chunk->size;
		counts->largest = sea_max(counts->largest, chunk->size);
		return true;
	}
	SEA_ASSERT(chunk->size >= SEA_MESSAGE_OVERHEAD);
	uint64_t tag = sea_load_relaxed(&sea_blocks_at(walk->view, chunk->offset)->tag);
	enum sea_message_kind kind = sea_message_tag_kind(tag);
	unsigned owner = sea_message_tag_owner(tag);
	if (kind == SEA_MESSAGE_LIVE)
		count_owned(walk, owner, chunk->size, &counts->live, &counts->nr_live);
	else if (kind == SEA_MESSAGE_CACHED)
		count_owned(walk, owner, chunk->size, &counts->cached, &counts->nr_cached);
	else if (kind == SEA_MESSAGE_QUEUED)
		count_queued(walk, owner, chunk->size);
	else
		walk->is_sound = false;
	if (!sea_message_tag_generation(tag) != (kind != SEA_MESSAGE_LIVE))
		walk->is_sound = false;
	return true;
}

static void count_peers(struct walk *walk)
{
	for (unsigned peer = 0; peer < SEA_MESSAGE_PEERS; peer++) {
		if (!sea_load_relaxed(&walk->view->file->peers[peer].is_used))
			continue;
		sea_bit_set(walk->used, peer);
		walk->counts->nr_peers++;
		if (sea_message_is_alive(walk->view, peer))
			sea_bit_set(walk->alive, peer);
		else
			walk->counts->nr_dead++;
	}
}

static void start(struct walk *walk, const struct sea_message_view *view, struct sea_message_counts *counts)
{
	*counts = (struct sea_message_counts){.maximum = view->maximum};
	*walk = (struct walk){.view = view, .counts = counts, .is_sound = true};
	struct sea_segment_counts sizes;
	sea_segment_measure(&view->segment, &sizes);
	counts->length = SEA_MESSAGE_HEADER + sizes.length;
	counts->metadata = SEA_MESSAGE_HEADER + sizes.metadata;
	count_peers(walk);
	walk->is_sound &= sea_segment_walk(&view->segment, count_block, walk);
	for (unsigned port = 0; port < SEA_MESSAGE_PORTS; port++)
		counts->nr_ports += sea_load_relaxed(&view->file->ports[port].is_used) != 0;
}

void sea_message_count(const struct sea_message_view *view, struct sea_message_counts *counts)
{
	struct walk walk;
	start(&walk, view, counts);
}

static bool ports_are_sound(const struct walk *walk)
{
	for (unsigned port = 0; port < SEA_MESSAGE_PORTS; port++)
		if (!sea_ports_is_sound(walk->view, port, walk->port_nr[port], walk->port_bytes[port]))
			return false;
	return true;
}

bool sea_message_is_sound(const struct sea_message_view *view)
{
	struct walk walk;
	struct sea_message_counts counts;
	start(&walk, view, &counts);
	size_t sum = counts.metadata + counts.free + counts.live + counts.cached + counts.queued;
	return walk.is_sound && sum == counts.length && ports_are_sound(&walk) && sea_segment_is_sound(&view->segment) &&
	       sea_journal_is_sound(&view->journal);
}
