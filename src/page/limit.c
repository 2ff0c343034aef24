/* SPDX-License-Identifier: MIT */
/* limit.c - what counts, and whom to ask */
#include "page/limit.h"

#include "base/check.h"
#include "base/lock.h"
#include "base/os.h"
#include "base/step.h"
#include "page/counts.h"
#include "page/page_alloc.h"
#include "page/purge.h"

static struct {
	sea_limit_callback callback; /* released after context */
	void *context;		     /* atomic */
} state;

static SEA_THREAD_LOCAL bool is_asking;

bool sea_limit_admits_more(size_t bytes)
{
	size_t limit = sea_load_relaxed(&sea_options.limit), used = sea_pages_in_use();
	if (bytes > limit || used > limit - bytes)
		return false;
	size_t rest = limit - bytes - used;
	for (unsigned i = 0; sea_pages_dirty() > rest && sea_pages_free_dirty() && i < SEA_STEP_YIELDS; i++)
		if (!sea_pages_purge_free(rest))
			sea_os_yield();
	return sea_pages_dirty() <= rest;
}

void sea_limit_set(size_t bytes, sea_limit_callback callback, void *context)
{
	sea_store_release(&state.callback, NULL);
	sea_store_relaxed(&state.context, context);
	sea_store_release(&state.callback, callback);
	sea_store_relaxed(&sea_options.limit, bytes);
}

bool sea_limit_ask(size_t size)
{
	sea_limit_callback callback = sea_load_acquire(&state.callback);
	if (!callback || is_asking || sea_lock_holds_any())
		return false;
	SEA_LEAVES_HERE();
	is_asking = true;
	bool has_freed = callback(size, sea_load_relaxed(&state.context));
	is_asking = false;
	return has_freed;
}
