/* SPDX-License-Identifier: MIT */
/* seamalloc_message.h - a heap for messages between processes
 *
 *    sender                                     receiver
 *    m = sea_msg_alloc(heap, size)
 *    fill sea_msg_address(heap, m)
 *    sea_msg_send(heap, port, m)  ------------> m = sea_msg_receive(heap, port, timeout)
 *                                               read sea_msg_address(heap, m)
 *                                               sea_msg_free(heap, m)
 *
 * The heap is memory that processes share.  A message is allocated there and never copied: what is
 * sent is its handle.  Messages of all sizes come from one heap, and free neighbours coalesce.
 *
 * Each process that opens the heap is a peer.  Each message belongs to one peer, or to the port
 * that it was sent to.  A peer may be killed at any instruction: nothing is left half done, what
 * it owned is freed, and what it had sent stays sent.  The kernel says who died.
 *
 * For all functions:
 *   - A failure sets errno and returns NULL, 0 (a handle) or -1.  It changes nothing.
 *   - Thread safety: any thread may call any function, but for sea_msg_close(), which must be the
 *     last call for its heap.  None of them is async-signal-safe.
 *   - A child of a fork is no peer: all calls with its parent's heaps fail with ECHILD, but for
 *     sea_msg_close().  It opens the heap itself: by its name, or by a dup() of sea_msg_fd() that
 *     was made before the fork.
 *   - Errors that each may have: EINVAL (an argument), ECHILD, EBADMSG (the shared memory has
 *     contents that this library does not write; no peer uses the heap any more), ETIMEDOUT (a
 *     living peer was stopped in the middle of a change, for 10 s).
 *   - Contents of the shared memory are checked before they are used.  But a peer can overwrite
 *     the messages of others, as the memory is shared: peers must trust each other with the
 *     contents, not with the structure.  If somebody shortens the file of a named heap, an access
 *     ends with SIGBUS, as with every shared mapping; heaps without a name cannot be shortened.
 */
#ifndef SEAMALLOC_MESSAGE_H
#define SEAMALLOC_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEA_MSG_API __attribute__((visibility("default"), nothrow))

/* One process's view of a message heap. */
struct sea_msg_heap;

/* Names one message: its place, and a generation that no other message has (it comes again after
 * 2^32 messages).  0: none.  A handle is valid in every peer, for the owner of the message.  It
 * becomes stale when the message is freed or sent; the receiver gets a new one. */
typedef uint64_t sea_msg_t;

/* --- heaps --------------------------------------------------------------------------------- */

/* Makes a heap for `size` bytes of messages that may grow to `maximum` bytes (0: does not grow;
 * at least 4 KiB, at most 16 GiB).  Memory for `size` bytes is taken at once, and for each step of
 * growth when it happens.  The maximum takes address space only.
 *
 * name: at most 200 bytes, without a slash.  The file is /dev/shm/seamalloc-msg.NAME, with the
 * rights `mode` less the umask.  If there is a heap of this name, EEXIST; one that no process has
 * open is replaced.  NULL: the heap has no name, and its file cannot be shortened; pass
 * sea_msg_fd() on.
 *
 * Errors: EEXIST, ENOSPC (no memory, or above RLIMIT_FSIZE), ENOMEM, EACCES, ENOENT (there is no
 * /proc or no /dev/shm; opening needs /proc, too).  Cost: some system calls. */
SEA_MSG_API struct sea_msg_heap *sea_msg_create(const char *name, size_t size, size_t maximum, mode_t mode);

/* Opens the heap of this name.  Also one that was left by processes that have all died: what they
 * had sent is there.  Errors: ENOENT, EACCES, EPROTONOSUPPORT (of another version of this
 * library), EUSERS (it has 64 peers). */
SEA_MSG_API struct sea_msg_heap *sea_msg_open(const char *name);

/* Opens a heap by its file, which came over a UNIX socket or was inherited.  `fd` stays the
 * caller's.  Needs /proc.  Errors: as sea_msg_open(). */
SEA_MSG_API struct sea_msg_heap *sea_msg_attach(int fd);

/* The heap's file, to pass on.  It stays the heap's, and is closed with it and by exec. */
SEA_MSG_API int sea_msg_fd(const struct sea_msg_heap *heap);

/* Frees the messages that this peer owns and leaves the heap.  Its addresses become invalid.
 * Cost: a walk over the heap. */
SEA_MSG_API int sea_msg_close(struct sea_msg_heap *heap);

/* Removes the name.  Peers keep the heap.  Errors: ENOENT, EACCES. */
SEA_MSG_API int sea_msg_unlink(const char *name);

/* --- messages ------------------------------------------------------------------------------- */

/* Allocates a message of `size` bytes, aligned to 16.  It belongs to this peer.  Contents: any.
 * If the heap is full: gives this peer's cached blocks back, takes back what dead peers owned, and
 * lets the heap grow.  Errors: ENOSPC (all that did not help), EDQUOT (sea_msg_set_quota).
 * Cost: up to 1 KiB mostly from this peer's cache, without a lock between processes; else a lock
 * and constant time. */
SEA_MSG_API sea_msg_t sea_msg_alloc(struct sea_msg_heap *heap, size_t size);

/* Frees a message of this peer.  Errors: ESTALE (no message of this peer's has the handle: it was
 * freed or sent). */
SEA_MSG_API int sea_msg_free(struct sea_msg_heap *heap, sea_msg_t message);

/* The first byte of a message of this peer, valid until the message is freed or sent.  Errors:
 * ESTALE.  Cost: three loads. */
SEA_MSG_API void *sea_msg_address(const struct sea_msg_heap *heap, sea_msg_t message);

/* The handle of a message of this peer, from its first byte.  Errors: ESTALE. */
SEA_MSG_API sea_msg_t sea_msg_handle(const struct sea_msg_heap *heap, const void *address);

/* The size in bytes that was asked for.  SIZE_MAX: ESTALE.  Cost: one load for each KiB. */
SEA_MSG_API size_t sea_msg_size(const struct sea_msg_heap *heap, sea_msg_t message);

/* --- ports ----------------------------------------------------------------------------------- */

/* The port of this name (1 to 47 bytes), made if there is none.  Ports stay as long as the heap;
 * all peers may send and receive.  Errors: ENOSPC (the heap has 128 ports). */
SEA_MSG_API int sea_msg_port(struct sea_msg_heap *heap, const char *name);

/* Puts a message of this peer at the end of the port's queue, all or nothing: afterwards the port
 * owns it.  Does not wait.  Wakes receivers.  Errors: ESTALE.  Cost: a lock and constant time; a
 * system call if a receiver sleeps. */
SEA_MSG_API int sea_msg_send(struct sea_msg_heap *heap, int port, sea_msg_t message);

/* Takes the first message out of the port's queue, all or nothing: afterwards this peer owns it.
 * Waits for one, timeout_ms milliseconds at most (negative: no limit; 0: not at all).  Errors:
 * EAGAIN (none is there, and the timeout is 0), ETIMEDOUT, EINTR (a signal handler ran while it
 * slept, also one with SA_RESTART), EDQUOT. */
SEA_MSG_API sea_msg_t sea_msg_receive(struct sea_msg_heap *heap, int port, int timeout_ms);

/* A descriptor for event loops (poll, epoll): readable when messages were sent to the port since
 * it was read last, and at first if some wait.  It is an eventfd that does not block: read 8 bytes
 * from it, then receive with timeout 0 until EAGAIN.  Each call gives another; sea_msg_close()
 * closes it, the program must not.  Errors: EAGAIN (the system starts no thread), ENOMEM.  Cost: a
 * thread that sleeps until a message is sent. */
SEA_MSG_API int sea_msg_port_fd(struct sea_msg_heap *heap, int port);

/* --- order ---------------------------------------------------------------------------------- */

/* Frees what peers owned that have died.  Returns how many there were.  sea_msg_alloc() does it
 * before it fails, and a new peer for the one whose place it takes.  Cost: one system call for
 * each peer, and a walk over the heap for each dead one. */
SEA_MSG_API int sea_msg_reclaim(struct sea_msg_heap *heap);

/* Bytes of memory, 16 for each message included, that this peer may hold at a time; 0: no limit,
 * as at first.  A peer at its quota can neither allocate nor receive. */
SEA_MSG_API int sea_msg_set_quota(struct sea_msg_heap *heap, size_t bytes);

/* Gives this peer's cached blocks back to the heap. */
SEA_MSG_API int sea_msg_trim(struct sea_msg_heap *heap);

/* Where each byte is: metadata + free + live + cached + queued = length. */
struct sea_msg_stats {
	size_t length, maximum; /* bytes of the file, now and at most */
	size_t metadata;	/* headers and bitmaps */
	size_t free;		/* in holes */
	size_t largest;		/* the longest hole: a message of 16 bytes less fits */
	size_t live;		/* in messages of peers, 16 bytes for each included */
	size_t cached;		/* in blocks that peers keep for their next messages */
	size_t queued;		/* in messages that wait in ports */
	size_t orphaned;	/* part of live and cached: of peers that have died */
	size_t nr_live, nr_cached, nr_queued;
	unsigned nr_peers, nr_dead, nr_ports;
};

/* Counts under the lock; exact to the byte.  Cost: a walk over the heap. */
SEA_MSG_API int sea_msg_count(struct sea_msg_heap *heap, struct sea_msg_stats *stats);

/* Checks the whole heap under the lock: every byte is free, owned by a peer, or queued once.
 * EBADMSG:  it is not so.  Cost: some walks over the heap. */
SEA_MSG_API int sea_msg_audit(struct sea_msg_heap *heap);

#ifdef __cplusplus
}
#endif
#endif
