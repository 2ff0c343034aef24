/* SPDX-License-Identifier: MIT */
/* heap.h - one process's view of a message heap, and the lock that survives its holder
 *
 * MH1  While nobody holds the lock, all logs are empty, and MF1 to MF3 (format.h) hold.
 * MH2  The lock's word has the number of the peer that holds it.  That peer lives, or the next one
 *      takes the lock over and undoes the open transaction.
 * MH3  view->segment has the number of granules that the file has, from enter to leave.
 * MH4  Only the log of peer `active` has entries.  Who takes the lock over undoes that log before
 *      it makes itself active.  So nothing is lost if it dies, too.
 *
 *    lock word   | epoch 23 | waiters 1 | holder 8 |     holder: peer + 1; 0: free
 *
 * The kernel says who lives: a peer has a byte of the file locked (an open-file-description lock),
 * and the kernel drops that when the last copy of the open file is closed, whatever ended the
 * process.  Process numbers play no role.  The epoch changes when the lock is taken over, so two
 * peers cannot both take it from the same dead holder.
 *
 * The functions return 0 or an error number of the C library; front/ sets errno.
 */
#ifndef SEA_MESSAGE_HEAP_H
#define SEA_MESSAGE_HEAP_H

#include "message/format.h"

/* Cached blocks: of up to so many granules, so many of each length, and together so much of the
 * heap and so many bytes at most.  A cached block costs no lock when it is used again. */
#define SEA_MESSAGE_BINS 65u
#define SEA_MESSAGE_DEPTH 16u
#define SEA_MESSAGE_CACHED_SHARE 64
#define SEA_MESSAGE_CACHED_MAX (256 * SEA_KIB)

/* Room for "/dev/shm/seamalloc-msg." and a name. */
#define SEA_MESSAGE_PATH 256

struct sea_message_bin {
	uint32_t nr;
	uint32_t granule[SEA_MESSAGE_DEPTH]; /* of the block, as in a handle */
};

struct sea_message_view {
	/* the mapping: `maximum` bytes, `length` of them accessible */
	struct sea_message_file *file;
	size_t maximum;
	/* the shared lock; the owner of a block may ask for it without */
	struct sea_segment segment;
	struct sea_journal journal; /* the shared lock */
	uint32_t *is_parent; /* 1; reads as 0 in the child of a fork */
	int shared_file;     /* that the mapping has, and that may be passed on */
	int lock_file;	     /* opened anew, never passed on: has the peer's byte locked */
	unsigned peer;
	int64_t patience_ns; /* how long to wait for a living holder of the lock */
	struct sea_message_view *next; /* list of the process's heaps */
	struct sea_message_watch *watches; /* ports that event loops wait for; the mutex */

	/* what follows: threads of this process.  0 free, 1 held, 2 held and waited for */
	uint32_t mutex;
	uint32_t generation, nr_generations; /* the next of ours, and how many are left */
	uint64_t quota, held, cached; /* bytes; copied to the file for others to read */
	uint64_t cached_max;
	struct sea_message_bin bins[SEA_MESSAGE_BINS];
};

/* patience_ns of views that are made from now on.  Tests shorten it. */
extern SEA_HIDDEN int64_t sea_message_patience_ns;

/* --- heap.c: files and mappings ------------------------------------------------------- */

/* Makes a heap for `size` bytes of blocks that may grow to `maximum`.  name NULL: a file without a
 * name.  A heap of that name that nobody has open is replaced. */
int sea_message_create(struct sea_message_view **view, const char *name, size_t size, size_t maximum, unsigned mode);

/* Opens a heap by its name, or by a file that another process passed (which stays the
 * caller's). */
int sea_message_open(struct sea_message_view **view, const char *name);
int sea_message_attach(struct sea_message_view **view, int file);

/* Maps a heap's file to look at it, without becoming a peer: for sea_message_count() and the
 * file's own fields.  The lock cannot be taken.  sea_message_drop() ends it. */
int sea_message_look(struct sea_message_view **view, const char *path);
void sea_message_drop(struct sea_message_view *view);

/* Frees what the peer owns, and gives its place to the next one. */
void sea_message_close(struct sea_message_view *view);

/* Removes the name.  Those who have the heap open keep it. */
int sea_message_unlink(const char *name);

/* The path of a heap's file.  False: the name is empty, too long, or has a slash. */
bool sea_message_path(const char *name, char path[SEA_MESSAGE_PATH]);

/* Removes the file if nobody has it open.  EBUSY: somebody has. */
int sea_message_clean(const char *path);

/* In the child of a fork: closes the parent's files, so that the kernel sees when the parent
 * dies. */
void sea_message_in_child(struct sea_message_view *view);

/* Learns how long the file is now, so what may be accessed. */
int sea_message_measure(struct sea_message_view *view);

/* The file grew by another process's work, or by sea_message_grow(): looks again.  The lock. */
int sea_message_follow(struct sea_message_view *view);

/* Makes the file longer, by a quarter, or by what `size` bytes need.  ENOSPC: it is at its
 * maximum, or the system has no memory.  The lock; a transaction of its own. */
int sea_message_grow(struct sea_message_view *view, size_t size);

/* --- lock.c ------------------------------------------------------------------------------ */

/* Takes the lock and follows the file's length.  EBADMSG: the contents are broken; ETIMEDOUT: a
 * living peer has kept the lock for too long; ECHILD: this is the child of a fork. */
int sea_message_enter(struct sea_message_view *view);

/* The transactions since the last commit stay; drops the lock.  If the contents were found broken,
 * undoes the open transaction instead, and returns EBADMSG. */
int sea_message_leave(struct sea_message_view *view);

/* The first entry of a peer that got the byte of a dead one, and perhaps its lock. */
int sea_message_enter_first(struct sea_message_view *view);

/* Claim: the peer lives, or the kernel cannot be asked. */
bool sea_message_is_alive(const struct sea_message_view *view, unsigned peer);

/* The threads of this process, one at a time.  view->mutex is taken before the lock. */
void sea_message_mutex_take(uint32_t *mutex);
void sea_message_mutex_drop(uint32_t *mutex);

/* Claim: this is not the child of a fork. */
SEA_INLINE bool sea_message_is_ours(const struct sea_message_view *view) { return sea_load_relaxed(view->is_parent); }

/* After each store to the shared memory that is no part of a transaction. */
SEA_INLINE void sea_message_stored(const struct sea_message_view *view) { sea_journal_stored(&view->journal); }

#endif
