/* SPDX-License-Identifier: MIT */
/* messages.c - the functions of seamalloc_message.h: arguments, errno, and fork
 *
 * A child of a fork inherits the open file through which its parent has its byte locked, so the
 * kernel would not notice the parent's death while the child lives.  The child's first work after
 * the fork is to close that file (a fork handler).  The file has close-on-exec, for children that
 * become another program; and it is another open file than that of the mapping, which the child
 * keeps.  Memory that a fork clears tells the child's later calls that they are in a child, also
 * if it was made by a bare system call and no handler ran.
 */
#include "seamalloc_message.h"

#include <errno.h>
#include <pthread.h>

#include "base/atomic.h"
#include "message/message.h"

/* The process's heaps, for the fork handler; under list_mutex.  It is also held while
 * a heap is opened or closed: a child that was forked in between would keep the open
 * file and not know of it. */
static struct sea_message_view *first;
static uint32_t list_mutex;

static struct sea_message_view *view_of(const struct sea_msg_heap *heap) { return (struct sea_message_view *)heap; }

static int fail(int error)
{
	errno = error;
	return -1;
}

static int done(int error) { return error ? fail(error) : 0; }

/* --- fork ----------------------------------------------------------------------------- */

static void before_fork(void) { sea_message_mutex_take(&list_mutex); }

static void after_fork_in_parent(void) { sea_message_mutex_drop(&list_mutex); }

static void after_fork_of(struct sea_message_view *view)
{
	sea_events_in_child(view);
	sea_message_in_child(view);
}

static void after_fork_in_child(void)
{
	for (struct sea_message_view *view = first; view; view = view->next)
		after_fork_of(view);
	first = NULL;
	sea_events_start_anew();
	sea_store_relaxed(&list_mutex, 0);
}

/* Before list_mutex is taken: the C library may call before_fork() with a lock held that this
 * needs. */
static void watch_forks(void)
{
	static uint32_t is_watching;
	if (sea_swap_if(&is_watching, 0, 1))
		pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void begin_opening(void)
{
	watch_forks();
	sea_message_mutex_take(&list_mutex);
}

static struct sea_msg_heap *end_opening(struct sea_message_view *view, int error)
{
	if (!error) {
		view->next = first;
		first = view;
	}
	sea_message_mutex_drop(&list_mutex);
	if (!error)
		return (struct sea_msg_heap *)view;
	errno = error;
	return NULL;
}

/* Under list_mutex. */
static void delist(const struct sea_message_view *view)
{
	struct sea_message_view **link = &first;
	while (*link && *link != view)
		link = &(*link)->next;
	if (*link)
		*link = view->next;
}

/* --- heaps ------------------------------------------------------------------------------ */

struct sea_msg_heap *sea_msg_create(const char *name, size_t size, size_t maximum, mode_t mode)
{
	struct sea_message_view *view = NULL;
	begin_opening();
	int error = sea_message_create(&view, name, size, maximum, mode);
	return end_opening(view, error);
}

struct sea_msg_heap *sea_msg_open(const char *name)
{
	struct sea_message_view *view = NULL;
	begin_opening();
	int error = name ? sea_message_open(&view, name) : EINVAL;
	return end_opening(view, error);
}

struct sea_msg_heap *sea_msg_attach(int fd)
{
	struct sea_message_view *view = NULL;
	begin_opening();
	int error = fd < 0 ? EBADF : sea_message_attach(&view, fd);
	return end_opening(view, error);
}

int sea_msg_fd(const struct sea_msg_heap *heap)
{
	if (!heap)
		return fail(EINVAL);
	return sea_message_is_ours(view_of(heap)) ? view_of(heap)->shared_file : fail(ECHILD);
}

int sea_msg_close(struct sea_msg_heap *heap)
{
	if (!heap)
		return fail(EINVAL);
	sea_message_mutex_take(&list_mutex);
	delist(view_of(heap));
	if (sea_message_is_ours(view_of(heap)))
		sea_events_end(view_of(heap));
	sea_message_close(view_of(heap));
	sea_message_mutex_drop(&list_mutex);
	return 0;
}

int sea_msg_unlink(const char *name) { return done(name ? sea_message_unlink(name) : EINVAL); }

/* --- messages --------------------------------------------------------------------------- */

static sea_msg_t handle_or_0(sea_msg_t handle, int error)
{
	if (likely(!error))
		return handle;
	errno = error;
	return 0;
}

sea_msg_t sea_msg_alloc(struct sea_msg_heap *heap, size_t size)
{
	sea_msg_t message = 0;
	int error = heap ? sea_blocks_alloc(view_of(heap), size, &message) : EINVAL;
	return handle_or_0(message, error);
}

int sea_msg_free(struct sea_msg_heap *heap, sea_msg_t message)
{
	return done(heap ? sea_blocks_free(view_of(heap), message) : EINVAL);
}

void *sea_msg_address(const struct sea_msg_heap *heap, sea_msg_t message)
{
	size_t offset;
	int error = heap ? sea_blocks_find(view_of(heap), message, &offset) : EINVAL;
	if (likely(!error))
		return sea_blocks_at(view_of(heap), offset) + 1;
	errno = error;
	return NULL;
}

sea_msg_t sea_msg_handle(const struct sea_msg_heap *heap, const void *address)
{
	sea_msg_t message = 0;
	int error = heap ? sea_blocks_handle(view_of(heap), address, &message) : EINVAL;
	return handle_or_0(message, error);
}

size_t sea_msg_size(const struct sea_msg_heap *heap, sea_msg_t message)
{
	size_t size = SIZE_MAX;
	int error = heap ? sea_blocks_size(view_of(heap), message, &size) : EINVAL;
	if (error)
		errno = error;
	return error ? SIZE_MAX : size;
}

/* --- ports ------------------------------------------------------------------------------ */

int sea_msg_port(struct sea_msg_heap *heap, const char *name)
{
	unsigned port;
	int error = heap && name ? sea_ports_find(view_of(heap), name, &port) : EINVAL;
	return error ? fail(error) : (int)port;
}

int sea_msg_port_fd(struct sea_msg_heap *heap, int port)
{
	int event;
	int error = heap ? sea_events_watch(view_of(heap), (unsigned)port, &event) : EINVAL;
	return error ? fail(error) : event;
}

int sea_msg_send(struct sea_msg_heap *heap, int port, sea_msg_t message)
{
	return done(heap ? sea_ports_send(view_of(heap), (unsigned)port, message) : EINVAL);
}

sea_msg_t sea_msg_receive(struct sea_msg_heap *heap, int port, int timeout_ms)
{
	sea_msg_t message = 0;
	int error = heap ? sea_ports_receive(view_of(heap), (unsigned)port, timeout_ms, &message) : EINVAL;
	return handle_or_0(message, error);
}

/* --- order ------------------------------------------------------------------------------ */

int sea_msg_reclaim(struct sea_msg_heap *heap)
{
	unsigned nr_dead;
	int error = heap ? sea_peers_reclaim(view_of(heap), &nr_dead) : EINVAL;
	return error ? fail(error) : (int)nr_dead;
}

int sea_msg_set_quota(struct sea_msg_heap *heap, size_t bytes)
{
	return done(heap ? sea_blocks_set_quota(view_of(heap), bytes) : EINVAL);
}

int sea_msg_trim(struct sea_msg_heap *heap) { return done(heap ? sea_blocks_flush(view_of(heap)) : EINVAL); }

int sea_msg_count(struct sea_msg_heap *heap, struct sea_msg_stats *stats)
{
	struct sea_message_counts c;
	int error = heap && stats ? sea_message_enter(view_of(heap)) : EINVAL;
	if (error)
		return fail(error);
	sea_message_count(view_of(heap), &c);
	*stats = (struct sea_msg_stats){
		.length = c.length,	  .maximum = c.maximum,	    .metadata = c.metadata,   .free = c.free,
		.largest = c.largest,	  .live = c.live,	    .cached = c.cached,	      .queued = c.queued,
		.orphaned = c.orphaned,	  .nr_live = c.nr_live,	    .nr_cached = c.nr_cached, .nr_queued = c.nr_queued,
		.nr_peers = c.nr_peers,	  .nr_dead = c.nr_dead,	    .nr_ports = c.nr_ports,
	};
	return done(sea_message_leave(view_of(heap)));
}

int sea_msg_audit(struct sea_msg_heap *heap)
{
	int error = heap ? sea_message_enter(view_of(heap)) : EINVAL;
	if (error)
		return fail(error);
	bool is_sound = sea_message_is_sound(view_of(heap));
	error = sea_message_leave(view_of(heap));
	return error ? fail(error) : done(is_sound ? 0 : EBADMSG);
}
