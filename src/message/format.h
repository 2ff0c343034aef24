/* SPDX-License-Identifier: MIT */
/* format.h - what the shared file of a message heap has where
 *
 *    | file header, lock | peers | ports | a log for each peer | segment: bitmaps, granules ... |
 *    0                                                         SEA_MESSAGE_HEADER          length
 *
 *    block in the segment   | tag | link | the message ...       |
 *    tag                    | generation 32 | 0 8 | owner 16 | kind 4 | slack 4 |
 *    handle                 | generation 32 | granule of the block 32 |
 *
 * MF1  A used block of the segment is live or cached and has a peer as its owner, or is queued and
 *      has a port as its owner.
 * MF2  A queued block is in the queue of its port, once.  The port's counts are those of its
 *      queue.
 * MF3  A live block has a generation that no other block has or had (2^32 are given out before one
 *      comes again).  Others have generation 0.
 *
 * Peers have different addresses for the file, so it has no pointers.  A message that changes its
 * owner changes its generation: the sender's handle is stale from that moment on.
 */
#ifndef SEA_FORMAT_H
#define SEA_FORMAT_H

#include "base/bits.h"
#include "segment/journal.h"
#include "segment/segment.h"

#define SEA_MESSAGE_MAGIC 0x7365676173736d21ull /* "!mssages" */
#define SEA_MESSAGE_VERSION 1

#define SEA_MESSAGE_PEERS 64u
#define SEA_MESSAGE_PORTS 128u
/* Bytes of a port's name, the 0 at the end included. */
#define SEA_MESSAGE_NAME 48

/* Where the segment starts. */
#define SEA_MESSAGE_HEADER (96 * SEA_KIB)

/* Peer i has byte SEA_MESSAGE_LOCKS + i of the file locked while it lives.  Such bytes may be far
 * behind the end of a file. */
#define SEA_MESSAGE_LOCKS ((uint64_t)1 << 62)

struct sea_message_peer {
	uint64_t is_used; /* 1: somebody joined here, and what it owns was not taken back yet */
	uint64_t process; /* for people only: the process may have ended long ago */
	/* bytes that it may hold; 0: no limit.  The peer's, others only read it */
	uint64_t quota;
	uint64_t held;	  /* bytes in its live blocks; the same */
	uint64_t cached;  /* bytes in its cached blocks; the same */
	uint64_t unused[3];
};

struct sea_message_port {
	uint64_t is_used;
	uint64_t first, last; /* granule + 1 of the queue's ends; 0: empty */
	uint64_t nr;	      /* messages that wait */
	uint64_t bytes;	      /* in their blocks */
	uint32_t sent;	      /* changes with each message; receivers sleep on it */
	uint32_t has_sleepers; /* a receiver may sleep */
	uint64_t nr_sent, nr_received; /* ever */
	char name[SEA_MESSAGE_NAME];
	uint64_t unused[2];
};

struct sea_message_file {
	uint64_t magic; /* written last */
	uint64_t version;
	uint64_t maximum; /* bytes to which the file may grow */
	uint64_t is_broken; /* somebody found contents that this code does not write */
	uint64_t generation; /* the next that was not given out; atomic */
	uint64_t nr_takeovers; /* of the lock from dead holders; the lock */
	uint64_t nr_undone;    /* transactions that a dead holder had not ended; the lock */
	uint32_t lock SEA_LINE_ALIGNED; /* heap.h */
	uint32_t active; /* peer + 1 of whose log the open transaction is; the lock */
	/* the lock, but for quota, held, cached */
	struct sea_message_peer peers[SEA_MESSAGE_PEERS] SEA_LINE_ALIGNED;
	struct sea_message_port ports[SEA_MESSAGE_PORTS] SEA_LINE_ALIGNED; /* the lock */
	/* One each, so that the log stays in its peer's cache while peers take turns. */
	struct sea_journal_log logs[SEA_MESSAGE_PEERS] SEA_LINE_ALIGNED; /* the lock */
};

_Static_assert(sizeof(struct sea_message_peer) == SEA_CACHE_LINE, "peers share no cache line");
_Static_assert(sizeof(struct sea_message_port) == 2 * SEA_CACHE_LINE, "nor do ports");
_Static_assert(sizeof(struct sea_message_file) <= SEA_MESSAGE_HEADER, "the header has room for all");

/* In front of each message. */
struct sea_message_block {
	uint64_t tag;
	uint64_t link; /* queued: granule + 1 of the next in the queue */
};

#define SEA_MESSAGE_OVERHEAD sizeof(struct sea_message_block)
_Static_assert(SEA_MESSAGE_OVERHEAD == SEA_SEGMENT_GRANULE, "messages are aligned to 16 bytes");

enum sea_message_kind { SEA_MESSAGE_NONE, SEA_MESSAGE_LIVE, SEA_MESSAGE_CACHED, SEA_MESSAGE_QUEUED };

/* Owners: a peer's number plus one, or a port's plus this. */
#define SEA_MESSAGE_OWNER_PORT 0x8000u

SEA_INLINE unsigned sea_message_owner_peer(unsigned peer) { return peer + 1; }
SEA_INLINE unsigned sea_message_owner_port(unsigned port) { return port + SEA_MESSAGE_OWNER_PORT; }

SEA_INLINE uint64_t sea_message_tag(enum sea_message_kind kind, unsigned owner, unsigned slack, uint32_t generation)
{
	SEA_ASSERT(slack < SEA_SEGMENT_GRANULE && owner < 1u << 16);
	return (uint64_t)generation << 32 | owner << 8 | (unsigned)kind << 4 | slack;
}

SEA_INLINE uint32_t sea_message_tag_generation(uint64_t tag) { return (uint32_t)(tag >> 32); }
SEA_INLINE unsigned sea_message_tag_owner(uint64_t tag) { return tag >> 8 & 0xffff; }
SEA_INLINE enum sea_message_kind sea_message_tag_kind(uint64_t tag) { return (enum sea_message_kind)(tag >> 4 & 15); }
/* Bytes of the block that the message does not have. */
SEA_INLINE unsigned sea_message_tag_slack(uint64_t tag) { return tag & 15; }

SEA_INLINE uint64_t sea_message_handle_of(size_t offset, uint32_t generation)
{
	SEA_ASSERT(offset % SEA_SEGMENT_GRANULE == 0 && offset / SEA_SEGMENT_GRANULE < 1ull << 32);
	return (uint64_t)generation << 32 | offset / SEA_SEGMENT_GRANULE;
}

SEA_INLINE uint32_t sea_message_handle_generation(uint64_t handle) { return (uint32_t)(handle >> 32); }
SEA_INLINE size_t sea_message_handle_offset(uint64_t handle)
{
	return (size_t)(uint32_t)handle * SEA_SEGMENT_GRANULE;
}

#endif
