/* SPDX-License-Identifier: MIT */
/* glibc.c - glibc's questions about the heap, answered for this one (layer 10) */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "engine.h"
#include "options.h"
#include "seamalloc.h"

int sea_malloc_trim(size_t keep) { return sea_engine_trim(keep) > 0; }

struct mallinfo2 sea_mallinfo2(void)
{
	struct sea_stats stats;
	sea_engine_stats(&stats);
	struct mallinfo2 info = {0};
	info.arena = stats.committed;
	info.ordblks = stats.nr_zones;
	info.hblks = stats.nr_whole;
	info.hblkhd = stats.whole;
	info.uordblks = stats.live;
	info.fordblks = stats.committed - stats.live;
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

int sea_malloc_info(int options, FILE *stream)
{
	if (options) {
		errno = EINVAL;
		return -1;
	}
	struct sea_stats stats;
	sea_engine_stats(&stats);
	int written = fprintf(stream,
			      "<malloc version=\"1\">\n"
			      "<heap nr=\"0\">\n"
			      "<total type=\"live\" size=\"%zu\"/>\n"
			      "<total type=\"cached\" count=\"%zu\" size=\"%zu\"/>\n"
			      "<total type=\"dirty\" size=\"%zu\"/>\n"
			      "<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n"
			      "<total type=\"zones\" count=\"%zu\"/>\n"
			      "<total type=\"shards\" count=\"%zu\"/>\n"
			      "<total type=\"metadata\" size=\"%zu\"/>\n"
			      "</heap>\n"
			      "<system type=\"current\" size=\"%zu\"/>\n"
			      "<aspace type=\"total\" size=\"%zu\"/>\n"
			      "</malloc>\n",
			      stats.live, stats.nr_threads, stats.cached, stats.dirty, stats.nr_whole, stats.whole,
			      stats.nr_zones, stats.nr_shards, stats.metadata, stats.committed, stats.reserved);
	return written < 0 ? -1 : 0;
}

void sea_malloc_stats(void)
{
	struct sea_stats stats;
	sea_engine_stats(&stats);
	fprintf(stderr,
		"seamalloc " SEAMALLOC_VERSION " (%s), bytes:\n"
		"  reserved  %14zu  address space\n"
		"  committed %14zu  of it usable\n"
		"  live      %14zu  in blocks that the program holds\n"
		"  cached    %14zu  in the caches of %zu threads\n"
		"  dirty     %14zu  in free pages, kept for reuse\n"
		"  purged    %14zu  given back to the system so far\n"
		"  refaulted %14zu  of it, wanted back soon after\n"
		"  metadata  %14zu  our own structures\n"
		"  %zu zones in %zu shards, %zu blocks with a mapping of their own, %zu lock waits\n",
		sea_engine_name, stats.reserved, stats.committed, stats.live, stats.cached, stats.nr_threads,
		stats.dirty, stats.purged, stats.refaulted, stats.metadata, stats.nr_zones, stats.nr_shards, stats.nr_whole,
		stats.nr_contended);
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
