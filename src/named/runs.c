/* SPDX-License-Identifier: MIT */
/* runs.c - the records and the index */
#include "named/runs.h"

#include "base/check.h"
#include "map/map.h"

/* Buckets: for some thousand large blocks, a look at one or two records.  32 KiB, touched as
 * used. */
#define NR_BUCKETS 4096

struct sea_lock sea_named_lock = SEA_LOCK_INIT(SEA_RANK_INDEX);

const struct sea_locks sea_locks_index = {.first = &sea_named_lock, .nr = 1};

static struct {
	struct sea_run *bucket[NR_BUCKETS];
	struct sea_run *unused;
} index_of_runs; /* index lock */

/* Runs start at pages.  Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4). */
static struct sea_run **bucket_of(const void *address)
{
	uint64_t key = (uintptr_t)address / 4096 * 0x9e3779b97f4a7c15ull;
	return &index_of_runs.bucket[key >> 52];
}
_Static_assert(NR_BUCKETS == 1 << (64 - 52), "the hash names a bucket");

static void enter(struct sea_run *run)
{
	SEA_ASSERT(sea_lock_is_held(&sea_named_lock) && run->named);
	struct sea_run **bucket = bucket_of(run->base);
	run->chain = *bucket;
	*bucket = run;
}

static void remove_from_bucket(struct sea_run *run)
{
	SEA_ASSERT(sea_lock_is_held(&sea_named_lock));
	struct sea_run **link = bucket_of(run->base);
	while (*link != run)
		link = &(*link)->chain;
	*link = run->chain;
}

static struct sea_run *take_record(void)
{
	struct sea_run *run = index_of_runs.unused;
	if (!run)
		return sea_meta_alloc(sizeof(*run));
	index_of_runs.unused = run->chain;
	return run;
}

struct sea_run *sea_runs_add(struct sea_named *named, char *base, size_t size)
{
	SEA_ASSERT(size > 0 && !sea_runs_find(base));
	sea_lock_take(&sea_named_lock);
	struct sea_run *run = take_record();
	if (run) {
		*run = (struct sea_run){.base = base, .size = size, .named = named, .file = -1};
		enter(run);
	}
	sea_lock_drop(&sea_named_lock);
	if (!run)
		return NULL;
	run->next = named->runs;
	run->link = &named->runs;
	if (run->next)
		run->next->link = &run->next;
	named->runs = run;
	return run;
}

void sea_runs_remove(struct sea_run *run)
{
	SEA_ASSERT(*run->link == run && run->named);
	*run->link = run->next;
	if (run->next)
		run->next->link = run->link;
	sea_lock_take(&sea_named_lock);
	remove_from_bucket(run);
	run->named = NULL;
	run->chain = index_of_runs.unused;
	index_of_runs.unused = run;
	sea_lock_drop(&sea_named_lock);
}

void sea_runs_change(struct sea_run *run, char *base, size_t size)
{
	SEA_ASSERT(size > 0 && sea_runs_find(run->base) == run);
	sea_lock_take(&sea_named_lock);
	remove_from_bucket(run);
	run->base = base;
	run->size = size;
	enter(run);
	sea_lock_drop(&sea_named_lock);
}

struct sea_run *sea_runs_find(const void *address)
{
	sea_lock_take(&sea_named_lock);
	struct sea_run *run = *bucket_of(address);
	while (run && run->base != address)
		run = run->chain;
	sea_lock_drop(&sea_named_lock);
	return run;
}

bool sea_runs_are_sound(const struct sea_named *named)
{
	for (const struct sea_run *run = named->runs; run; run = run->next)
		if (run->named != named || *run->link != run || sea_runs_find(run->base) != run)
			return false;
	return true;
}
