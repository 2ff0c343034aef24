/* SPDX-License-Identifier: MIT */
/* ctl_tree.c - jemalloc's questions about the heap: the answers
 *
 * There is one heap, and it is arena 0; those that a program creates besides are numbers.
 * Statistics are those of the last time that the program wrote to `epoch`, as in jemalloc.
 *
 *    allocated   live
 *    active      pages in which something is live, cached, pending, or a hole of a zone
 *    mapped      active, and free pages that may hold memory
 *    resident    mapped, and our own structures in use
 *    retained    addresses without memory, ours and for our own structures
 *
 * Settings that steer what we do not have (threads in the background, decay by time) keep
 * what the program writes, and change nothing.
 */
#include <errno.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/options.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/map.h"
#include "front/account.h"
#include "mallctl.h"
#include "seamalloc.h"

/* The number that means every arena; the number of arenas means the same. */
#define ALL_ARENAS 4096
/* A program that writes to `epoch` many times a second spends at most one part in so many
 * on counting, once a count takes longer than COUNT_FREE_US of CPU time: Redis does it ten times
 * a second, and a count takes 6.5 ms for a GiB. */
#define COUNT_SHARE 100
#define COUNT_FREE_US 1000

/* --- the count ----------------------------------------------------------------- */

/* Every word is atomic; two counts at once leave words of either. */
static struct sea_stats counted;
static uint64_t epoch, counted_us, cost_us;
static bool has_counted;

static void publish(const struct sea_stats *stats)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(size_t); i++)
		sea_store_relaxed((size_t *)(void *)&counted + i, ((const size_t *)(const void *)stats)[i]);
}

static void count(void)
{
	struct sea_stats stats;
	uint64_t cost = sea_load_relaxed(&cost_us);
	if (cost > COUNT_FREE_US && sea_os_now_us() - sea_load_relaxed(&counted_us) < cost * COUNT_SHARE)
		return;
	int clock = sea_os_thread_clock();
	uint64_t begun_ns = sea_os_thread_time(clock);
	sea_account(&stats);
	publish(&stats);
	sea_store_relaxed(&cost_us, (sea_os_thread_time(clock) - begun_ns) / 1000);
	sea_store_relaxed(&counted_us, sea_os_now_us());
	sea_store_relaxed(&has_counted, true);
}

/* The figure at `offset` of the last count; the first reader counts. */
#define FIGURE(member) figure_at(&counted.member)
static size_t figure_at(const size_t *figure)
{
	if (!sea_load_relaxed(&has_counted))
		count();
	return sea_load_relaxed(figure);
}

static uintptr_t read_epoch(size_t i)
{
	(void)i;
	return sea_load_relaxed(&epoch);
}

static int write_epoch(size_t i, uintptr_t value)
{
	(void)i;
	(void)value;
	count();
	sea_add_relaxed_mt(&epoch, 1);
	return 0;
}

/* --- arenas, which are numbers --------------------------------------------------- */

static unsigned nr_created, nr_tcaches;

static size_t nr_arenas(void) { return 1 + sea_load_relaxed(&nr_created); }

static bool is_arena(size_t i) { return i <= nr_arenas() || i == ALL_ARENAS; }

/* The heap's, or nothing: all blocks are in arena 0. */
static bool holds_all(size_t i) { return i == 0 || i >= nr_arenas(); }

static uintptr_t read_nr_arenas(size_t i)
{
	(void)i;
	return nr_arenas();
}

static uintptr_t create_arena(size_t i)
{
	(void)i;
	return sea_add_relaxed_mt(&nr_created, 1);
}

static uintptr_t create_tcache(size_t i)
{
	(void)i;
	return sea_add_relaxed_mt(&nr_tcaches, 1);
}

static uintptr_t read_thread_arena(size_t i)
{
	(void)i;
	return 0;
}

static int write_thread_arena(size_t i, uintptr_t value)
{
	(void)i;
	return value < nr_arenas() ? 0 : EFAULT;
}

/* --- what acts ---------------------------------------------------------------------- */

static int purge(size_t i, uintptr_t value)
{
	(void)value;
	if (holds_all(i))
		sea_malloc_trim(0);
	return 0;
}

/* Free memory is within its budget at any time. */
static int accept(size_t i, uintptr_t value)
{
	(void)i;
	(void)value;
	return 0;
}

/* Sends back what the thread has cached, and gives nothing to the system. */
static int flush_thread(size_t i, uintptr_t value)
{
	(void)i;
	(void)value;
	sea_malloc_trim(SIZE_MAX);
	return 0;
}

/* --- statistics ------------------------------------------------------------------- */

static size_t active(void)
{
	size_t bytes = FIGURE(live) + FIGURE(cached) + FIGURE(pending) + FIGURE(free) - FIGURE(dirty);
	return sea_round_up(bytes, sea_page_size());
}

static size_t mapped(void) { return active() + FIGURE(dirty); }

static size_t part(size_t i, size_t bytes) { return holds_all(i) ? bytes : 0; }

static uintptr_t read_allocated(size_t i) { return part(i, FIGURE(live)); }
static uintptr_t read_active(size_t i) { return part(i, active()); }
static uintptr_t read_mapped(size_t i) { return part(i, mapped()); }
static uintptr_t read_metadata(size_t i) { return part(i, FIGURE(metadata)); }
static uintptr_t read_resident(size_t i) { return part(i, mapped() + FIGURE(metadata)); }
static uintptr_t read_retained(size_t i) { return part(i, FIGURE(reserved)); }
static uintptr_t read_small(size_t i) { return part(i, FIGURE(live) - FIGURE(whole)); }
static uintptr_t read_large(size_t i) { return part(i, FIGURE(whole)); }
static uintptr_t read_cached(size_t i) { return part(i, FIGURE(cached)); }
static uintptr_t read_active_pages(size_t i) { return part(i, active() / sea_page_size()); }
static uintptr_t read_dirty_pages(size_t i) { return part(i, FIGURE(dirty) / sea_page_size()); }
static uintptr_t read_nr_threads(size_t i) { return part(i, FIGURE(nr_threads)); }

/* --- constants ---------------------------------------------------------------------- */

/* Of what we do not have, and of what is off. */
static uintptr_t read_none(size_t i)
{
	(void)i;
	return 0;
}

static uintptr_t read_true(size_t i)
{
	(void)i;
	return 1;
}

static uintptr_t read_stats_print(size_t i)
{
	(void)i;
	return sea_options.stats;
}

static uintptr_t read_page(size_t i)
{
	(void)i;
	return sea_page_size();
}

static uintptr_t read_quantum(size_t i)
{
	(void)i;
	return SEA_GRANULE;
}

static uintptr_t text(const char *string) { return (uintptr_t)string; }

/* The interface that this is, and who answers. */
static uintptr_t read_version(size_t i)
{
	(void)i;
	return text("5.3.0-0-seamalloc-" SEAMALLOC_VERSION);
}

static uintptr_t read_empty(size_t i)
{
	(void)i;
	return text("");
}

static uintptr_t read_false_word(size_t i)
{
	(void)i;
	return text("false");
}

static uintptr_t read_disabled(size_t i)
{
	(void)i;
	return text("disabled");
}

/* Bytes that threads have drawn and freed are not counted: that would cost each malloc().
 * The word stands still, so that who looks at it for a sign of jemalloc finds none. */
static uintptr_t read_still_count(size_t i)
{
	static const uint64_t still;
	(void)i;
	return (uintptr_t)&still;
}

/* --- settings that change nothing --------------------------------------------------- */

#define SETTING(name, value)                                                                       \
	static uintptr_t name = (uintptr_t)(value);                                                 \
	static uintptr_t read_##name(size_t i)                                                     \
	{                                                                                          \
		(void)i;                                                                           \
		return sea_load_relaxed(&name);                                                    \
	}                                                                                          \
	static int write_##name(size_t i, uintptr_t to)                                            \
	{                                                                                          \
		(void)i;                                                                           \
		sea_store_relaxed(&name, to);                                                      \
		return 0;                                                                          \
	}

SETTING(background_thread, false)
SETTING(max_background_threads, 1)
SETTING(tcache_enabled, true)
SETTING(dirty_decay_ms, 0)
SETTING(muzzy_decay_ms, 0)

/* --- the tree ------------------------------------------------------------------------ */

#define READ(name, type, read) {name, type, read, NULL, NULL}
#define BOTH(name, type, setting) {name, type, read_##setting, write_##setting, NULL}
#define OF_ARENA(name, type, read) {name, type, read, NULL, is_arena}

const struct sea_ctl sea_ctls[] = {
	READ("version", CTL_TEXT, read_version),
	BOTH("epoch", CTL_U64, epoch),
	BOTH("background_thread", CTL_BOOL, background_thread),
	BOTH("max_background_threads", CTL_SIZE, max_background_threads),

	READ("config.cache_oblivious", CTL_BOOL, read_none),
	READ("config.debug", CTL_BOOL, read_none),
	READ("config.fill", CTL_BOOL, read_none),
	READ("config.lazy_lock", CTL_BOOL, read_none),
	READ("config.malloc_conf", CTL_TEXT, read_empty),
	READ("config.opt_safety_checks", CTL_BOOL, read_none),
	READ("config.prof", CTL_BOOL, read_none),
	READ("config.prof_libgcc", CTL_BOOL, read_none),
	READ("config.prof_libunwind", CTL_BOOL, read_none),
	READ("config.stats", CTL_BOOL, read_true),
	READ("config.utrace", CTL_BOOL, read_none),
	READ("config.xmalloc", CTL_BOOL, read_none),

	READ("opt.abort", CTL_BOOL, read_none),
	READ("opt.abort_conf", CTL_BOOL, read_none),
	READ("opt.background_thread", CTL_BOOL, read_none),
	READ("opt.dirty_decay_ms", CTL_SIGNED, read_none),
	READ("opt.dss", CTL_TEXT, read_disabled),
	READ("opt.junk", CTL_TEXT, read_false_word),
	READ("opt.metadata_thp", CTL_TEXT, read_disabled),
	READ("opt.muzzy_decay_ms", CTL_SIGNED, read_none),
	READ("opt.narenas", CTL_UNSIGNED, read_true),
	READ("opt.percpu_arena", CTL_TEXT, read_disabled),
	READ("opt.retain", CTL_BOOL, read_true),
	READ("opt.stats_print", CTL_BOOL, read_stats_print),
	READ("opt.tcache", CTL_BOOL, read_true),
	READ("opt.xmalloc", CTL_BOOL, read_none),
	READ("opt.zero", CTL_BOOL, read_none),

	BOTH("thread.arena", CTL_UNSIGNED, thread_arena),
	READ("thread.allocatedp", CTL_ADDRESS, read_still_count),
	READ("thread.deallocatedp", CTL_ADDRESS, read_still_count),
	BOTH("thread.tcache.enabled", CTL_BOOL, tcache_enabled),
	{"thread.tcache.flush", CTL_NOTHING, NULL, flush_thread, NULL},
	{"thread.idle", CTL_NOTHING, NULL, flush_thread, NULL},

	READ("tcache.create", CTL_UNSIGNED, create_tcache),
	{"tcache.flush", CTL_UNSIGNED, NULL, accept, NULL},
	{"tcache.destroy", CTL_UNSIGNED, NULL, accept, NULL},

	OF_ARENA("arena.#.initialized", CTL_BOOL, read_true),
	{"arena.#.decay", CTL_NOTHING, NULL, accept, is_arena},
	{"arena.#.purge", CTL_NOTHING, NULL, purge, is_arena},
	/* Its number goes on; blocks in it that are not freed stay. */
	{"arena.#.destroy", CTL_NOTHING, NULL, accept, is_arena},
	OF_ARENA("arena.#.dss", CTL_TEXT, read_disabled),
	{"arena.#.dirty_decay_ms", CTL_SIGNED, read_dirty_decay_ms, write_dirty_decay_ms, is_arena},
	{"arena.#.muzzy_decay_ms", CTL_SIGNED, read_muzzy_decay_ms, write_muzzy_decay_ms, is_arena},

	READ("arenas.narenas", CTL_UNSIGNED, read_nr_arenas),
	BOTH("arenas.dirty_decay_ms", CTL_SIGNED, dirty_decay_ms),
	BOTH("arenas.muzzy_decay_ms", CTL_SIGNED, muzzy_decay_ms),
	READ("arenas.quantum", CTL_SIZE, read_quantum),
	READ("arenas.page", CTL_SIZE, read_page),
	/* No size classes: no bins to look into. */
	READ("arenas.nbins", CTL_UNSIGNED, read_none),
	READ("arenas.nhbins", CTL_UNSIGNED, read_none),
	READ("arenas.nlextents", CTL_UNSIGNED, read_none),
	/* Hooks that would bring an arena's memory are refused, as nothing can be written. */
	READ("arenas.create", CTL_UNSIGNED, create_arena),

	READ("stats.allocated", CTL_SIZE, read_allocated),
	READ("stats.active", CTL_SIZE, read_active),
	READ("stats.metadata", CTL_SIZE, read_metadata),
	READ("stats.metadata_thp", CTL_SIZE, read_none),
	READ("stats.resident", CTL_SIZE, read_resident),
	READ("stats.mapped", CTL_SIZE, read_mapped),
	READ("stats.retained", CTL_SIZE, read_retained),
	READ("stats.background_thread.num_threads", CTL_SIZE, read_none),
	READ("stats.background_thread.num_runs", CTL_U64, read_none),
	READ("stats.background_thread.run_interval", CTL_U64, read_none),

	OF_ARENA("stats.arenas.#.nthreads", CTL_UNSIGNED, read_nr_threads),
	OF_ARENA("stats.arenas.#.dss", CTL_TEXT, read_disabled),
	OF_ARENA("stats.arenas.#.dirty_decay_ms", CTL_SIGNED, read_dirty_decay_ms),
	OF_ARENA("stats.arenas.#.muzzy_decay_ms", CTL_SIGNED, read_muzzy_decay_ms),
	OF_ARENA("stats.arenas.#.pactive", CTL_SIZE, read_active_pages),
	OF_ARENA("stats.arenas.#.pdirty", CTL_SIZE, read_dirty_pages),
	OF_ARENA("stats.arenas.#.pmuzzy", CTL_SIZE, read_none),
	OF_ARENA("stats.arenas.#.mapped", CTL_SIZE, read_mapped),
	OF_ARENA("stats.arenas.#.retained", CTL_SIZE, read_retained),
	OF_ARENA("stats.arenas.#.base", CTL_SIZE, read_metadata),
	OF_ARENA("stats.arenas.#.internal", CTL_SIZE, read_none),
	OF_ARENA("stats.arenas.#.metadata_thp", CTL_SIZE, read_none),
	OF_ARENA("stats.arenas.#.resident", CTL_SIZE, read_resident),
	OF_ARENA("stats.arenas.#.tcache_bytes", CTL_SIZE, read_cached),
	OF_ARENA("stats.arenas.#.small.allocated", CTL_SIZE, read_small),
	OF_ARENA("stats.arenas.#.large.allocated", CTL_SIZE, read_large),
};

const size_t sea_nr_ctls = sizeof(sea_ctls) / sizeof(sea_ctls[0]);
