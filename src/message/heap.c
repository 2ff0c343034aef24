/* SPDX-License-Identifier: MIT */
/* heap.c - files, mappings, and growth
 *
 * The whole maximum is mapped at once, so addresses stay when the file grows.  Bytes behind the
 * end of the file are not accessed.  Memory for a new length is taken before the length counts: if
 * /dev/shm is full, that is an error here and no signal later.
 *
 * A file gets its name after it is complete, so nobody opens half a heap.
 */
#include "message/heap.h"

#include <errno.h>

#include "base/shared.h"
#include "base/text.h"
#include "message/peers.h"

#define FOLDER "/dev/shm"
#define PREFIX FOLDER "/seamalloc-msg."

/* Bytes for what reads as zero in a child: more than any page. */
#define GUARD_SIZE (64 * SEA_KIB)

/* Header and bitmaps take a 65th of the limit; this much more than the maximum has room for
 * them. */
#define LIMIT_SHARE 60
#define LIMIT_EXTRA (8 * SEA_KIB)

/* The file grows by a quarter, and by at least this much. */
#define GROWTH_SHARE 4
#define GROWTH_LEAST (64 * SEA_KIB)

int64_t sea_message_patience_ns = 10000000000;

bool sea_message_path(const char *name, char path[SEA_MESSAGE_PATH])
{
	struct sea_text text = {.buffer = path, .room = SEA_MESSAGE_PATH};
	path[0] = '\0';
	sea_text_put(&text, PREFIX);
	sea_text_put(&text, name);
	return *name && !strchr(name, '/') && !text.is_cut;
}

int sea_message_unlink(const char *name)
{
	char path[SEA_MESSAGE_PATH];
	return sea_message_path(name, path) ? -sea_shared_unlink(path) : EINVAL;
}

/* --- views ---------------------------------------------------------------------------- */

static struct sea_message_view *make_view(int file)
{
	struct sea_message_view *view = sea_shared_private(sizeof(*view));
	uint32_t *guard = sea_shared_private(GUARD_SIZE);
	if (view && guard) {
		sea_shared_wipe_on_fork(guard, GUARD_SIZE);
		*guard = 1;
		view->is_parent = guard;
		view->shared_file = file;
		view->lock_file = -1;
		view->patience_ns = sea_message_patience_ns;
		return view;
	}
	if (view)
		sea_shared_unmap(view, sizeof(*view));
	if (guard)
		sea_shared_unmap(guard, GUARD_SIZE);
	return NULL;
}

static void close_files(struct sea_message_view *view)
{
	if (view->lock_file >= 0)
		sea_shared_close(view->lock_file);
	if (view->shared_file >= 0)
		sea_shared_close(view->shared_file);
	view->lock_file = view->shared_file = -1;
}

void sea_message_drop(struct sea_message_view *view)
{
	close_files(view);
	if (view->file)
		sea_shared_unmap(view->file, view->maximum);
	sea_shared_unmap(view->is_parent, GUARD_SIZE);
	sea_shared_unmap(view, sizeof(*view));
}

void sea_message_in_child(struct sea_message_view *view)
{
	sea_store_relaxed(view->is_parent, 0);
	close_files(view);
}

void sea_message_close(struct sea_message_view *view)
{
	if (sea_message_is_ours(view))
		sea_peers_leave(view);
	sea_message_drop(view);
}

/* Opens the file through which locks are taken and asked for. */
static int open_locks(struct sea_message_view *view)
{
	SEA_ASSERT(view->lock_file < 0 && view->shared_file >= 0);
	int file = sea_shared_reopen(view->shared_file);
	if (file < 0)
		return -file;
	view->lock_file = file;
	view->peer = SEA_MESSAGE_PEERS; /* none yet */
	return 0;
}

/* Becomes a peer of the heap that the view has mapped. */
static int join(struct sea_message_view *view)
{
	int error = open_locks(view);
	if (error)
		return error;
	view->cached_max = sea_min(SEA_MESSAGE_CACHED_MAX, view->maximum / SEA_MESSAGE_CACHED_SHARE);
	sea_journal_init(&view->journal, (char *)view->file, view->maximum, NULL);
	view->segment.journal = &view->journal;
	error = sea_message_measure(view);
	return error ? error : sea_peers_join(view);
}

/* --- making --------------------------------------------------------------------------- */

/* Takes memory for what the segment uses at `length` and did not use at `before`. */
static int fill(int file, size_t before, size_t length, size_t limit)
{
	struct sea_segment_parts old, new;
	sea_segment_find_parts(before, limit, &old);
	sea_segment_find_parts(length, limit, &new);
	SEA_ASSERT(before <= length && length <= limit);
	for (int i = 0; i < 3; i++) {
		size_t from = before ? old.part[i].to : new.part[i].from;
		int error = sea_shared_fill(file, SEA_MESSAGE_HEADER + from, SEA_MESSAGE_HEADER + new.part[i].to);
		if (error)
			return -error;
	}
	return 0;
}

static int format(struct sea_message_view *view, size_t length, size_t limit)
{
	SEA_ASSERT(sea_segment_metadata(limit) < length && length <= limit);
	int error = sea_shared_lengthen(view->shared_file, SEA_MESSAGE_HEADER + length);
	error = error ? -error : -sea_shared_fill(view->shared_file, 0, offsetof(struct sea_message_file, logs));
	if (error || (error = fill(view->shared_file, 0, length, limit)))
		return error;
	view->maximum = SEA_MESSAGE_HEADER + limit;
	view->file = sea_shared_map(view->shared_file, view->maximum);
	if (!view->file)
		return ENOMEM;
	if (sea_segment_format(&view->segment, (char *)view->file + SEA_MESSAGE_HEADER, length, limit, false))
		return EINVAL;
	view->file->version = SEA_MESSAGE_VERSION;
	view->file->maximum = view->maximum;
	view->file->generation = 1;
	sea_journal_order();
	view->file->magic = SEA_MESSAGE_MAGIC;
	return join(view);
}

/* Removes the file if nobody has it open.  Nobody can join while we have all bytes locked; who
 * waits for that finds that the file has lost its name.  Another process may have removed it, and
 * given the name to a new heap, before we had the lock. */
int sea_message_clean(const char *path)
{
	int file = sea_shared_open(path), error = 0;
	bool is_linked = false;
	if (file < 0)
		return -file;
	error = EBUSY;
	if (sea_shared_try_lock(file, SEA_MESSAGE_LOCKS, SEA_MESSAGE_PEERS))
		error = sea_shared_length(file, &is_linked) >= 0 && is_linked ? -sea_shared_unlink(path) : ENOENT;
	sea_shared_close(file);
	return error;
}

static int give_name(int file, const char *path)
{
	int error = sea_shared_link(file, path);
	if (error == -EEXIST && !sea_message_clean(path))
		error = sea_shared_link(file, path);
	return -error;
}

int sea_message_create(struct sea_message_view **view, const char *name, size_t size, size_t maximum, unsigned mode)
{
	char path[SEA_MESSAGE_PATH];
	maximum = sea_max(maximum, size);
	if (maximum < SEA_SEGMENT_LEAST || maximum > SEA_SEGMENT_MOST / 2 || (name && !sea_message_path(name, path)))
		return EINVAL;
	size_t limit = sea_round_up(maximum + maximum / LIMIT_SHARE + LIMIT_EXTRA, 4 * SEA_KIB);
	size_t length = sea_segment_metadata(limit) + sea_max(size, SEA_SEGMENT_LEAST);
	int file = name ? sea_shared_unnamed(FOLDER, mode) : sea_shared_memory();
	if (file < 0)
		return -file;
	*view = make_view(file);
	if (!*view) {
		sea_shared_close(file);
		return ENOMEM;
	}
	int error = format(*view, length, limit);
	if (!error && name)
		error = give_name(file, path);
	if (error)
		sea_message_drop(*view);
	return error;
}

/* --- opening -------------------------------------------------------------------------- */

int sea_message_measure(struct sea_message_view *view)
{
	bool is_linked;
	int64_t length = sea_shared_length(view->shared_file, &is_linked);
	if (length < (int64_t)(SEA_MESSAGE_HEADER + SEA_SEGMENT_LEAST))
		return length < 0 ? (int)-length : EBADMSG;
	view->journal.length = sea_min((size_t)length, view->maximum);
	SEA_ASSERT(view->journal.length >= SEA_MESSAGE_HEADER);
	return 0;
}

int sea_message_follow(struct sea_message_view *view)
{
	if (likely(sea_segment_is_followed(&view->segment)))
		return 0;
	int error = sea_message_measure(view);
	if (error)
		return error;
	return sea_segment_follow(&view->segment, view->journal.length - SEA_MESSAGE_HEADER) ? EBADMSG : 0;
}

/* What the header of a file says.  The file is long enough for one. */
static int check_header(struct sea_message_view *view, int file)
{
	struct sea_message_file *header = sea_shared_map(file, SEA_MESSAGE_HEADER);
	if (!header)
		return ENOMEM;
	uint64_t magic = sea_load_relaxed(&header->magic), version = sea_load_relaxed(&header->version);
	view->maximum = sea_load_relaxed(&header->maximum);
	sea_shared_unmap(header, SEA_MESSAGE_HEADER);
	if (magic != SEA_MESSAGE_MAGIC)
		return EBADMSG;
	if (version != SEA_MESSAGE_VERSION)
		return EPROTONOSUPPORT;
	bool is_possible = view->maximum >= SEA_MESSAGE_HEADER + SEA_SEGMENT_LEAST &&
			   view->maximum <= SEA_MESSAGE_HEADER + SEA_SEGMENT_MOST;
	return is_possible ? 0 : EBADMSG;
}

static int map_file(struct sea_message_view *view)
{
	bool is_linked;
	int64_t length = sea_shared_length(view->shared_file, &is_linked);
	if (length < (int64_t)(SEA_MESSAGE_HEADER + SEA_SEGMENT_LEAST))
		return length < 0 ? (int)-length : EBADMSG;
	int error = check_header(view, view->shared_file);
	if (error)
		return error;
	view->file = sea_shared_map(view->shared_file, view->maximum);
	if (!view->file)
		return ENOMEM;
	size_t accessible = sea_min((size_t)length, view->maximum) - SEA_MESSAGE_HEADER;
	if (sea_segment_open(&view->segment, (char *)view->file + SEA_MESSAGE_HEADER, accessible) ||
	    view->segment.limit > view->maximum - SEA_MESSAGE_HEADER)
		return EBADMSG;
	return 0;
}

/* Maps the file, which becomes the view's, and then joins the heap or only opens the locks. */
static int attach(struct sea_message_view **view, int file, int (*then)(struct sea_message_view *))
{
	*view = make_view(file);
	if (!*view) {
		sea_shared_close(file);
		return ENOMEM;
	}
	int error = map_file(*view);
	if (!error)
		error = then(*view);
	if (error)
		sea_message_drop(*view);
	return error;
}

int sea_message_attach(struct sea_message_view **view, int file)
{
	int own = sea_shared_reopen(file);
	return own < 0 ? -own : attach(view, own, join);
}

int sea_message_look(struct sea_message_view **view, const char *path)
{
	int file = sea_shared_open(path);
	return file < 0 ? -file : attach(view, file, open_locks);
}

/* The name may be taken away between opening the file and joining. */
int sea_message_open(struct sea_message_view **view, const char *name)
{
	char path[SEA_MESSAGE_PATH];
	bool is_linked = false;
	if (!sea_message_path(name, path))
		return EINVAL;
	int file = sea_shared_open(path);
	int error = file < 0 ? -file : attach(view, file, join);
	if (error)
		return error;
	if (sea_shared_length(file, &is_linked) >= 0 && is_linked)
		return 0;
	sea_message_close(*view);
	return ENOENT;
}

/* --- growth --------------------------------------------------------------------------- */

int sea_message_grow(struct sea_message_view *view, size_t size)
{
	SEA_ASSERT(view->journal.nr == 0);
	struct sea_segment_counts counts;
	sea_segment_measure(&view->segment, &counts);
	size_t more = sea_max(sea_max((counts.length - counts.metadata) / GROWTH_SHARE, GROWTH_LEAST), size);
	size_t length = sea_min(counts.length + sea_min(more, view->segment.limit), view->segment.limit);
	if (length < counts.length + SEA_SEGMENT_GRANULE)
		return ENOSPC;
	int error = sea_shared_lengthen(view->shared_file, SEA_MESSAGE_HEADER + length);
	error = error ? -error : fill(view->shared_file, counts.length, length, view->segment.limit);
	if (!error)
		error = sea_message_measure(view);
	if (error)
		return error;
	enum sea_segment_error refused = sea_segment_grow(&view->segment, length);
	if (refused)
		return refused == SEA_SEGMENT_TOO_SHORT ? ENOSPC : EBADMSG;
	sea_journal_commit(&view->journal);
	return 0;
}
