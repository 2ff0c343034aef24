/* SPDX-License-Identifier: MIT */
/* glibc.c - glibc's questions about the heap, answered for this one */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/options.h"
#include "base/os.h"
#include "base/text.h"
#include "engines/engine.h"
#include "front/account.h"
#include "front/front.h"
#include "seamalloc.h"

int sea_malloc_trim(size_t keep) { return sea_engine_trim(keep) > 0; }

/* Bytes that may have memory of blocks, live or not. */
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

/* The first six totals add up to `aspace`. */
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
		       "<total type=\"reserved\" size=\"%zu\"/>\n"
		       "<part of=\"live\" type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n"
		       "<part of=\"free\" type=\"dirty\" size=\"%zu\"/>\n"
		       "<part of=\"reserved\" type=\"purged\" size=\"%zu\"/>\n"
		       "<zones count=\"%zu\"/>\n"
		       "<shards count=\"%zu\"/>\n"
		       "</heap>\n"
		       "<system type=\"current\" size=\"%zu\"/>\n"
		       "<aspace type=\"total\" size=\"%zu\"/>\n"
		       "<aspace type=\"mprotect\" size=\"%zu\"/>\n"
		       "</malloc>\n",
		       stats->live, stats->nr_threads, stats->cached, stats->pending, stats->free, stats->metadata,
		       stats->reserved, stats->nr_whole, stats->whole, stats->dirty, stats->purged,
		       stats->nr_zones, stats->nr_shards, heap_of(stats), stats->mapped, stats->committed);
}

/* Counts before a report is written.  No lock is held, and the thread cannot be cancelled
 * meanwhile.  Returns what end_report() needs. */
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

/* Writes the lines, the first one with a title.  Returns their length. */
static size_t write_lines(const struct sea_stats *stats, const char *title, char *text, size_t room)
{
	int length = snprintf(text, room,
		"seamalloc " SEAMALLOC_VERSION " (%s)%s, bytes:\n"
		"  live      %14zu  in blocks that the program holds\n"
		"  cached    %14zu  in thread caches (threads: %zu)\n"
		"  pending   %14zu  sent back, not merged yet\n"
		"  free      %14zu  in holes and free pages; %zu of them can be purged\n"
		"  metadata  %14zu  in our own structures\n"
		"  memory    %14zu  these five together: what may be resident\n"
		"  reserved  %14zu  addresses without memory\n"
		"  mapped    %14zu  memory and addresses\n"
		"  %zu bytes purged so far, %zu of them faulted in again soon after\n"
		"  %zu zones in %zu shards, %zu blocks with a mapping of their own, %zu lock waits\n",
		sea_engine_name, title, stats->live, stats->cached, stats->nr_threads, stats->pending, stats->free,
		stats->dirty, stats->metadata, heap_of(stats) + stats->metadata, stats->reserved, stats->mapped,
		stats->purged_ever, stats->refaulted, stats->nr_zones, stats->nr_shards, stats->nr_whole,
		stats->nr_contended);
	SEA_ASSERT(length > 0 && (size_t)length < room);
	return sea_min((size_t)length, room - 1);
}

/* Writes without stdio, whose stream may use a buffer of the program, and with as few calls as
 * standard error allows.  This is no cancellation point. */
static void report(const char *title)
{
	struct sea_stats stats;
	char text[1536]; /* sixteen numbers of 20 digits, a title, and the words */
	int cancelled = begin_report(&stats);
	sea_os_report(text, write_lines(&stats, title, text, sizeof(text)));
	end_report(cancelled);
}

void sea_malloc_stats(void) { report(""); }

/* A signal handler may end the process inside a call of ours, or while the process is ending. */
void sea_front_report_end(void)
{
	char buffer[320] = ""; /* the name of a file has 255 bytes */
	struct sea_text title = SEA_TEXT_IN(buffer);
	if (!sea_options.stats || sea_lock_holds_any() || sea_lock_gave_up() || !sea_os_error_is_as_noted())
		return;
	sea_text_put(&title, " at the end of ");
	sea_text_put(&title, sea_os_program());
	sea_text_put(&title, ", process ");
	sea_text_put_number(&title, sea_os_process(), 10);
	report(buffer);
}

/* M_MXFAST is the only parameter of which glibc refuses values: larger ones than this, and
 * negative ones. */
#define MXFAST_MAX (80 * (int)sizeof(size_t) / 4)

int sea_mallopt(int param, int value)
{
	switch (param) {
	case M_TRIM_THRESHOLD:
		sea_options_set_nearest("dirty_max", (size_t)value);
		return 1;
	case M_ARENA_MAX:
		sea_options_set_nearest("shards", (size_t)value);
		return 1;
	case M_MXFAST:
		return value >= 0 && value <= MXFAST_MAX;
	default:
		return 1;
	}
}
