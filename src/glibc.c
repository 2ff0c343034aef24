/* SPDX-License-Identifier: MIT */
/* glibc.c - glibc's questions about the heap, answered for this one (layer 10) */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "account.h"
#include "engine.h"
#include "lock.h"
#include "options.h"
#include "seamalloc.h"

int sea_malloc_trim(size_t keep) { return sea_engine_trim(keep) > 0; }

/* Bytes that may hold memory of blocks, live or not. */
static size_t heap_of(const struct sea_stats *stats)
{
	return stats->live + stats->cached + stats->pending + stats->free;
}

struct mallinfo2 sea_mallinfo2(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	struct mallinfo2 info = {0};
	info.arena = heap_of(&stats);
	info.ordblks = stats.nr_zones;
	info.hblks = stats.nr_whole;
	info.hblkhd = stats.whole;
	info.uordblks = stats.live;
	info.fordblks = info.arena - stats.live;
	info.fsmblks = stats.cached;
	info.keepcost = stats.dirty;
	return info;
}

static int saturate(size_t value) { return value > INT_MAX ? INT_MAX : (int)value; }

struct mallinfo sea_mallinfo(void)
{
	struct mallinfo2 wide = sea_mallinfo2();
	struct mallinfo info = {0};
	info.arena = saturate(wide.arena);
	info.ordblks = saturate(wide.ordblks);
	info.hblks = saturate(wide.hblks);
	info.hblkhd = saturate(wide.hblkhd);
	info.uordblks = saturate(wide.uordblks);
	info.fordblks = saturate(wide.fordblks);
	info.fsmblks = saturate(wide.fsmblks);
	info.keepcost = saturate(wide.keepcost);
	return info;
}

/* The first six are all of what `aspace` says. */
static int print_xml(FILE *stream, const struct sea_stats *stats)
{
	return fprintf(stream,
		       "<malloc version=\"1\">\n"
		       "<heap nr=\"0\">\n"
		       "<total type=\"live\" size=\"%zu\"/>\n"
		       "<total type=\"cached\" count=\"%zu\" size=\"%zu\"/>\n"
		       "<total type=\"pending\" size=\"%zu\"/>\n"
		       "<total type=\"free\" size=\"%zu\"/>\n"
		       "<total type=\"metadata\" size=\"%zu\"/>\n"
		       "<total type=\"purged\" size=\"%zu\"/>\n"
		       "<part of=\"live\" type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n"
		       "<part of=\"free\" type=\"dirty\" size=\"%zu\"/>\n"
		       "<part of=\"metadata\" type=\"used\" size=\"%zu\"/>\n"
		       "<zones count=\"%zu\"/>\n"
		       "<shards count=\"%zu\"/>\n"
		       "</heap>\n"
		       "<system type=\"current\" size=\"%zu\"/>\n"
		       "<aspace type=\"total\" size=\"%zu\"/>\n"
		       "<aspace type=\"mprotect\" size=\"%zu\"/>\n"
		       "</malloc>\n",
		       stats->live, stats->nr_threads, stats->cached, stats->pending, stats->free, stats->metadata,
		       stats->purged, stats->nr_whole, stats->whole, stats->dirty, stats->metadata_used,
		       stats->nr_zones, stats->nr_shards, heap_of(stats), stats->mapped, stats->committed);
}

/* Counts, and is about to write: no lock is held, and the thread cannot be cancelled halfway.
 * Returns what the end is to be told. */
static int begin_report(struct sea_stats *stats)
{
	int cancelled;
	sea_account(stats);
	SEA_LEAVES_HERE();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelled);
	return cancelled;
}

static void end_report(int cancelled) { pthread_setcancelstate(cancelled, NULL); }

int sea_malloc_info(int options, FILE *stream)
{
	if (options) {
		errno = EINVAL;
		return -1;
	}
	struct sea_stats stats;
	int cancelled = begin_report(&stats);
	bool done = print_xml(stream, &stats) >= 0;
	end_report(cancelled);
	return done ? 0 : -1;
}

static void print_lines(const struct sea_stats *stats)
{
	fprintf(stderr,
		"seamalloc " SEAMALLOC_VERSION " (%s), bytes:\n"
		"  live      %14zu  in blocks that the program holds\n"
		"  cached    %14zu  in thread caches (threads: %zu)\n"
		"  pending   %14zu  sent back, not merged yet\n"
		"  free      %14zu  in holes and free pages; %zu of them can be given back\n"
		"  metadata  %14zu  for our own structures; %zu of them in use\n"
		"  purged    %14zu  addresses without memory\n"
		"  mapped    %14zu  the six together\n"
		"  %zu bytes given back so far, %zu of them wanted back soon after\n"
		"  %zu zones in %zu shards, %zu blocks with a mapping of their own, %zu lock waits\n",
		sea_engine_name, stats->live, stats->cached, stats->nr_threads, stats->pending, stats->free, stats->dirty,
		stats->metadata, stats->metadata_used, stats->purged, stats->mapped, stats->given_back, stats->refaulted,
		stats->nr_zones, stats->nr_shards, stats->nr_whole, stats->nr_contended);
}

void sea_malloc_stats(void)
{
	struct sea_stats stats;
	int cancelled = begin_report(&stats);
	print_lines(&stats);
	end_report(cancelled);
}

int sea_mallopt(int param, int value)
{
	switch (param) {
	case M_TRIM_THRESHOLD:
		return value < 0 || sea_options_set("dirty_max", strlen("dirty_max"), (size_t)value);
	case M_ARENA_MAX:
		return value >= 0 && sea_options_set("shards", strlen("shards"), (size_t)value);
	default:
		return 1;
	}
}
