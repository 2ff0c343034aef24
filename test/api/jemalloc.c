/* SPDX-License-Identifier: MIT */
/* jemalloc.c - what programs that are linked to jemalloc call
 *
 * The declarations are this file's own: nothing of jemalloc is needed.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "../harness.h"

#define LG_ALIGN(lg) (lg)
#define ALIGN(bytes) __builtin_ctzl(bytes)
#define ZERO 0x40
#define TCACHE(number) (((number) + 2) << 8)
#define TCACHE_NONE TCACHE(-1)
#define ARENA(number) (((number) + 1) << 20)

static void *(*mallocx)(size_t size, int flags);
static void *(*rallocx)(void *block, size_t size, int flags);
static size_t (*xallocx)(void *block, size_t size, size_t extra, int flags);
static size_t (*sallocx)(const void *block, int flags);
static void (*dallocx)(void *block, int flags);
static void (*sdallocx)(void *block, size_t size, int flags);
static size_t (*nallocx)(size_t size, int flags);
static int (*mallctl)(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
static int (*mallctlnametomib)(const char *name, size_t *mib, size_t *length);
static int (*mallctlbymib)(const size_t *mib, size_t length, void *old, size_t *old_size, void *new, size_t new_size);
static void (*malloc_stats_print)(void (*write)(void *, const char *), void *context, const char *options);

static void look_up(void)
{
	*(void **)&mallocx = test_symbol("mallocx");
	*(void **)&rallocx = test_symbol("rallocx");
	*(void **)&xallocx = test_symbol("xallocx");
	*(void **)&sallocx = test_symbol("sallocx");
	*(void **)&dallocx = test_symbol("dallocx");
	*(void **)&sdallocx = test_symbol("sdallocx");
	*(void **)&nallocx = test_symbol("nallocx");
	*(void **)&mallctl = test_symbol("mallctl");
	*(void **)&mallctlnametomib = test_symbol("mallctlnametomib");
	*(void **)&mallctlbymib = test_symbol("mallctlbymib");
	*(void **)&malloc_stats_print = test_symbol("malloc_stats_print");
	errno = 0;
}

static size_t get(const char *name)
{
	size_t value = 0, size = sizeof(value);
	CHECK_EQ(mallctl(name, &value, &size, NULL, 0), 0);
	CHECK_EQ(size, sizeof(value));
	return value;
}

static unsigned get_unsigned(const char *name)
{
	unsigned value = 0;
	size_t size = sizeof(value);
	CHECK_EQ(mallctl(name, &value, &size, NULL, 0), 0);
	return value;
}

static void refresh(void)
{
	uint64_t epoch = 1, size = sizeof(epoch);
	CHECK_EQ(mallctl("epoch", &epoch, &size, &epoch, sizeof(epoch)), 0);
}

/* The same until the figures are new: a busy machine makes a count slow, and slow counts are
 * rare. */
static void refresh_beyond(size_t allocated)
{
	for (double begun = test_now(); get("stats.allocated") == allocated && test_now() - begun < 20; usleep(1000))
		refresh();
}

/* --- blocks ------------------------------------------------------------------ */

/* Blocks of either interface are blocks of the other. */
static void one_heap(void)
{
	look_up();
	for (size_t size = 1; size < 4 * MiB; size = size * 3 + 1) {
		free(mallocx(size, 0));
		dallocx(malloc(size), TCACHE_NONE);
		sdallocx(malloc(size), size, 0);
		char *block = mallocx(size, ARENA(0) | TCACHE_NONE);
		CHECK(block);
		CHECK_EQ(sallocx(block, 0), malloc_usable_size(block));
		CHECK(sallocx(block, 0) >= size);
		test_fill(block, size, size);
		block = realloc(block, size * 2);
		CHECK(test_is_filled(block, size, size));
		block = rallocx(block, size * 5, TCACHE(7));
		CHECK(test_is_filled(block, size, size));
		free(block);
	}
	CHECK_EQ(errno, 0);
}

static void alignments(void)
{
	look_up();
	for (int lg = 0; lg <= 22; lg++)
		for (size_t size = 1; size <= MiB; size = size * 9 + 4) {
			char *block = mallocx(size, LG_ALIGN(lg));
			CHECK_EQ((uintptr_t)block & (((size_t)1 << lg) - 1), 0);
			CHECK(sallocx(block, LG_ALIGN(lg)) >= nallocx(size, LG_ALIGN(lg)));
			test_fill(block, size, size);
			block = rallocx(block, size * 3, ALIGN((size_t)1 << lg));
			CHECK_EQ((uintptr_t)block & (((size_t)1 << lg) - 1), 0);
			CHECK(test_is_filled(block, size, size));
			block = rallocx(block, (size + 1) / 2, LG_ALIGN(lg));
			CHECK_EQ((uintptr_t)block & (((size_t)1 << lg) - 1), 0);
			CHECK(test_is_filled(block, (size + 1) / 2, size));
			sdallocx(block, (size + 1) / 2, LG_ALIGN(lg));
		}
}

/* The size that a free says is the one asked for last. */
static void aligned_shrinks(void)
{
	look_up();
	for (int lg = 0; lg <= 12; lg++)
		for (size_t size = 4; size <= MiB; size *= 3) {
			char *block = mallocx(size, LG_ALIGN(lg));
			test_fill(block, size, size);
			block = rallocx(block, size * 3 / 4, LG_ALIGN(lg));
			CHECK_EQ((uintptr_t)block & (((size_t)1 << lg) - 1), 0);
			CHECK(test_is_filled(block, size * 3 / 4, size));
			sdallocx(block, size * 3 / 4, LG_ALIGN(lg));
		}
}

/* A block that moves to an alignment it has not. */
static void alignment_gained(void)
{
	look_up();
	for (int i = 0; i < 100; i++) {
		char *block = mallocx(100, 0);
		test_fill(block, 100, 1);
		block = rallocx(block, 100, ALIGN(4096));
		CHECK_EQ((uintptr_t)block % 4096, 0);
		CHECK(test_is_filled(block, 100, 1));
		free(block);
	}
}

static void *dirty(size_t size)
{
	void *block = malloc(size);
	memset(block, 0xa5, malloc_usable_size(block));
	free(block);
	return opaque(block);
}

static void zeroed(void)
{
	look_up();
	for (size_t size = 1; size < 4 * MiB; size = size * 5 + 3)
		for (int lg = 0; lg < 14; lg += 7) {
			dirty(size);
			char *block = mallocx(size, ZERO | lg);
			CHECK(test_is_zero(block, nallocx(size, ZERO | lg)));
			size_t usable = sallocx(block, 0);
			memset(block, 1, usable);
			dirty(size * 4);
			block = rallocx(block, size * 4, ZERO | lg);
			for (size_t i = 0; i < usable && i < size * 4; i++)
				CHECK(block[i] == 1);
			if (sallocx(block, 0) > usable)
				CHECK(test_is_zero(block + usable, sallocx(block, 0) - usable));
			free(block);
		}
}

static void in_place(void)
{
	look_up();
	for (size_t size = 1; size < 4 * MiB; size = size * 5 + 3) {
		char *block = mallocx(size, ZERO);
		size_t before = sallocx(block, 0), after = xallocx(block, size, 0, 0);
		CHECK(after >= size);
		memset(block, 1, before);
		after = xallocx(block, size, 10 * size, ZERO);
		CHECK(after >= before);
		CHECK_EQ(after, sallocx(block, 0));
		CHECK(test_is_zero(block + before, after - before) || after == before);
		CHECK_EQ(xallocx(block, size, SIZE_MAX, 0) >= size, 1);
		CHECK_EQ(xallocx(block, SIZE_MAX, 1, 0), sallocx(block, 0));
		dallocx(block, 0);
	}
}

static void too_large(void)
{
	look_up();
	size_t large = opaque_size((size_t)PTRDIFF_MAX + 1);
	CHECK(!mallocx(large, 0));
	CHECK(!mallocx(large, ZERO));
	CHECK(!mallocx(large, ALIGN(64) | ZERO));
	CHECK(!mallocx(16, LG_ALIGN(62)));
	CHECK_EQ(nallocx(large, 0), 0);
	char *block = mallocx(100, 0);
	test_fill(block, 100, 1);
	CHECK(!rallocx(block, large, 0));
	CHECK(!rallocx(block, large, ALIGN(64)));
	CHECK(test_is_filled(block, 100, 1));
	free(block);
	CHECK_EQ(errno, 0);
}

static void nallocx_is_what_comes(void)
{
	look_up();
	for (size_t size = 1; size < 4 * MiB; size += size / 3 + 1) {
		void *block = mallocx(size, 0);
		CHECK_EQ(sallocx(block, 0), nallocx(size, 0));
		free(block);
	}
}

static void a_second_free_is_named(void)
{
	look_up();
	void *block = mallocx(100, 0);
	dallocx(block, 0);
	dallocx(opaque(block), 0);
	free(malloc(100));
	malloc_trim(0);
}

/* --- questions ------------------------------------------------------------------ */

static void statistics(void)
{
	look_up();
	refresh();
	size_t before = get("stats.allocated");
	char *blocks[64];
	for (int i = 0; i < 64; i++)
		memset(blocks[i] = malloc(100 * KiB), 1, 100 * KiB);
	CHECK_EQ(get("stats.allocated"), before);
	refresh_beyond(before);
	CHECK(get("stats.allocated") >= before + 64 * 100 * KiB);
	CHECK_AT_MOST(get("stats.allocated"), before + 64 * 112 * KiB);
	CHECK(get("stats.active") >= get("stats.allocated"));
	CHECK(get("stats.mapped") >= get("stats.active"));
	CHECK(get("stats.resident") >= get("stats.mapped"));
	CHECK_EQ(get("stats.resident") - get("stats.mapped"), get("stats.metadata"));
	CHECK_EQ(get("stats.allocated"),
		 get("stats.arenas.0.small.allocated") + get("stats.arenas.4096.large.allocated"));
	CHECK_EQ(get("stats.arenas.4096.pactive") * get("arenas.page"), get("stats.active"));
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
}

static void purge_gives_back(void)
{
	look_up();
	for (int i = 0; i < 8; i++)
		dirty(3 * MiB);
	unsigned nr = get_unsigned("arenas.narenas");
	char name[] = "arena.0.purge";
	name[6] = (char)('0' + nr);
	CHECK_EQ(mallctl(name, NULL, NULL, NULL, 0), 0);
	CHECK_EQ(mallctl("arena.4096.decay", NULL, NULL, NULL, 0), 0);
	CHECK_EQ(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0), 0);
	refresh();
	if (test_engine() == SEAM)
		CHECK_AT_MOST(get("stats.arenas.0.pdirty") * get("arenas.page"), MiB);
}

static void epochs_count_up(void)
{
	look_up();
	uint64_t first, second, size = sizeof(first);
	CHECK_EQ(mallctl("epoch", &first, &size, NULL, 0), 0);
	second = 1;
	CHECK_EQ(mallctl("epoch", &second, &size, &second, sizeof(second)), 0);
	CHECK_EQ(second, first + 1);
}

static void mibs(void)
{
	look_up();
	size_t mib[8], length = 8, pages = 0, size = sizeof(pages);
	void *block = malloc(100);
	CHECK_EQ(mallctlnametomib("stats.arenas.4096.pactive", mib, &length), 0);
	CHECK_EQ(length, 4);
	CHECK_EQ(mib[2], 4096);
	CHECK_EQ(mallctlbymib(mib, length, &pages, &size, NULL, 0), 0);
	CHECK(pages > 0);
	mib[2] = 0;
	size_t same = 0;
	CHECK_EQ(mallctlbymib(mib, length, &same, &size, NULL, 0), 0);
	CHECK_EQ(same, pages);
	mib[2] = 999;
	CHECK_EQ(mallctlbymib(mib, length, &pages, &size, NULL, 0), ENOENT);
	CHECK_EQ(mallctlbymib(mib, 3, &pages, &size, NULL, 0), ENOENT);
	mib[0] = SIZE_MAX;
	CHECK_EQ(mallctlbymib(mib, length, &pages, &size, NULL, 0), ENOENT);
	length = 3;
	CHECK_EQ(mallctlnametomib("stats.arenas.0.pactive", mib, &length), EINVAL);
	CHECK_EQ(mallctlnametomib("no.such", mib, &length), ENOENT);
	CHECK_EQ(errno, 0);
	free(block);
}

static void what_is_not_there(void)
{
	look_up();
	size_t value, size = sizeof(value);
	static const char *const names[] = {
		"", ".", "prof.active", "opt.prof", "arena.0.extent_hooks", "arenas.bin.0.size", "stats", "stats.",
		"stats.allocatedx", "stats.arenas.7.mapped", "stats.arenas..mapped", "stats.arenas.-1.mapped",
		"stats.arenas.99999999999999999999.mapped", "arena.0", "experimental.hooks.install",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_EQ(mallctl(names[i], &value, &size, NULL, 0), ENOENT);
}

static void wrong_uses(void)
{
	look_up();
	size_t value = 7, size = sizeof(value);
	CHECK_EQ(mallctl("stats.allocated", NULL, NULL, &value, sizeof(value)), EPERM);
	CHECK_EQ(mallctl("arena.0.purge", &value, &size, NULL, 0), EPERM);
	CHECK_EQ(mallctl("tcache.flush", &value, &size, NULL, 0), EPERM);
	CHECK_EQ(mallctl("epoch", NULL, NULL, &value, 4), EINVAL);
	size = 2;
	CHECK_EQ(mallctl("arenas.page", &value, &size, NULL, 0), EINVAL);
	CHECK_EQ(size, 2);
	size = 16;
	size_t pair[2] = {0, 5};
	CHECK_EQ(mallctl("arenas.page", pair, &size, NULL, 0), EINVAL);
	CHECK_EQ(size, 8);
	CHECK(pair[0] >= 4096 && pair[1] == 5);
	unsigned far = 500;
	CHECK_EQ(mallctl("thread.arena", NULL, NULL, &far, sizeof(far)), EFAULT);
}

static void arenas_are_numbers(void)
{
	look_up();
	unsigned before = get_unsigned("arenas.narenas"), arena = get_unsigned("arenas.create");
	CHECK_EQ(arena, before);
	CHECK_EQ(get_unsigned("arenas.narenas"), before + 1);
	CHECK_EQ(mallctl("thread.arena", NULL, NULL, &arena, sizeof(arena)), 0);
	free(mallocx(100, ARENA((int)arena) | TCACHE((int)get_unsigned("tcache.create"))));
	CHECK_EQ(get("stats.arenas.1.pactive"), 0);
	ssize_t never = -1, decay = 0;
	size_t size = sizeof(decay);
	CHECK_EQ(mallctl("arena.1.dirty_decay_ms", NULL, NULL, &never, sizeof(never)), 0);
	CHECK_EQ(mallctl("arena.1.dirty_decay_ms", &decay, &size, NULL, 0), 0);
	CHECK_EQ(decay, -1);
	CHECK_EQ(mallctl("arena.1.destroy", NULL, NULL, NULL, 0), 0);
	void *hooks[1] = {NULL};
	size = sizeof(arena);
	CHECK_EQ(mallctl("arenas.create", &arena, &size, hooks, sizeof(hooks[0])), EPERM);
}

static void switches(void)
{
	look_up();
	bool was = true, on = true;
	size_t size = sizeof(was);
	CHECK_EQ(mallctl("background_thread", &was, &size, &on, sizeof(on)), 0);
	CHECK(!was);
	CHECK_EQ(mallctl("background_thread", &was, &size, NULL, 0), 0);
	CHECK(was);
	const char *version = NULL;
	size = sizeof(version);
	CHECK_EQ(mallctl("version", &version, &size, NULL, 0), 0);
	CHECK(strstr(version, "seamalloc"));
	uint64_t *count = NULL;
	size = sizeof(count);
	CHECK_EQ(mallctl("thread.allocatedp", &count, &size, NULL, 0), 0);
	CHECK(count);
}

/* --- the report --------------------------------------------------------------- */

static char report[4096];

static void append(void *context, const char *text)
{
	CHECK(context == report);
	strncat(report, text, sizeof(report) - strlen(report) - 1);
}

static void report_to_a_function(void)
{
	look_up();
	malloc_stats_print(append, report, NULL);
	CHECK(strstr(report, "allocated: ") && strstr(report, "resident: "));
	report[0] = '\0';
	malloc_stats_print(append, report, "Ja");
	CHECK(strstr(report, "{\"jemalloc\": {\"version\": ") && strstr(report, "\"allocated\": "));
}

static void append_message(void *context, const char *text)
{
	CHECK(!context);
	append(report, text);
}

static void report_to_malloc_message(void)
{
	look_up();
	*(void (**)(void *, const char *))test_symbol("malloc_message") = append_message;
	malloc_stats_print(NULL, NULL, NULL);
	CHECK(strstr(report, "allocated: "));
}

static void report_to_standard_error(void)
{
	look_up();
	malloc_stats_print(NULL, NULL, NULL);
	abort();
}

/* Each size between what was asked for last and the usable size frees the block: also of a block
 * that has grown, shrunk or was aligned, and with a full stack. */
static void sizes_in_between_free(void)
{
	void (*delete_sized)(void *block, size_t size) = (void (*)(void *, size_t))test_symbol("_ZdlPvm");
	uint64_t seed = test_seed();
	static struct { char *start; size_t size; } blocks[1000];
	look_up();
	for (size_t round = 0; round < test_pick(20, 100, 1000); round++) {
		size_t most = round % 4 ? 2000 : 400000;
		for (size_t i = 0; i < 1000; i++) {
			size_t size = test_random_size(&seed, most);
			char *start = i % 3 ? malloc(size) : aligned_alloc((size_t)16 << i % 9, size);
			if (i % 2)
				start = realloc(start, size = 1 + test_random(&seed) % (2 * size + 1));
			CHECK(start);
			blocks[i].start = start;
			blocks[i].size = size;
		}
		for (size_t i = 0; i < 1000; i++) {
			size_t size = blocks[i].size, usable = sallocx(blocks[i].start, 0);
			size_t told = i % 3 == 0 ? size : i % 3 == 1 ? usable : size + (usable - size) / 2;
			CHECK(usable >= size);
			i % 5 ? delete_sized(blocks[i].start, told) : sdallocx(blocks[i].start, told, 0);
		}
	}
	sdallocx(malloc(100), nallocx(100, 0), 0);
}

static const struct test_case cases[] = {
	{"one_heap", one_heap, OURS, 0, 0, NULL},
	{"alignments", alignments, OURS, 0, 0, NULL},
	{"alignment_gained", alignment_gained, OURS, 0, 0, NULL},
	{"aligned_shrinks", aligned_shrinks, OURS, 0, 0, NULL},
	{"zeroed", zeroed, OURS, 0, 0, NULL},
	{"in_place", in_place, OURS, 0, 0, NULL},
	{"too_large", too_large, OURS, 0, 0, NULL},
	{"nallocx_is_what_comes", nallocx_is_what_comes, OURS, 0, 0, NULL},
	{"sizes_in_between_free", sizes_in_between_free, SEAM | NOT_SECURE, 0, 0, NULL},
	{"a_second_free_is_named", a_second_free_is_named, SEAM | FREELIST, 0, 6, "freed already"},
	{"statistics", statistics, OURS, 0, 0, NULL},
	{"purge_gives_back", purge_gives_back, OURS, 0, 0, NULL},
	{"epochs_count_up", epochs_count_up, OURS, 0, 0, NULL},
	{"mibs", mibs, OURS, 0, 0, NULL},
	{"what_is_not_there", what_is_not_there, OURS, 0, 0, NULL},
	{"wrong_uses", wrong_uses, OURS, 0, 0, NULL},
	{"arenas_are_numbers", arenas_are_numbers, OURS, 0, 0, NULL},
	{"switches", switches, OURS, 0, 0, NULL},
	{"report_to_a_function", report_to_a_function, OURS, 0, 0, NULL},
	{"report_to_malloc_message", report_to_malloc_message, OURS, 0, 0, NULL},
	{"report_to_standard_error", report_to_standard_error, OURS, 0, 6, "allocated: "},
};

HARNESS_MAIN(cases)
