/* SPDX-License-Identifier: MIT */
/* seam.c - calls of a thread that holds a lock: of a signal handler that has interrupted the
 * heap */
#include "engines/engine.h"

#include "base/emergency.h"
#include "base/lock.h"
#include "base/options.h"
#include "base/upward.h"
#include "cache/cache.h"
#include "front/account.h"
#include "secure/secure.h"
#include "unit.h"

static struct sea_lock held = SEA_LOCK_INIT(SEA_RANK_THREADS);

static bool is_zero(const char *block, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (block[i])
			return false;
	return true;
}

/* Memory that is aligned, zeroed, and of nobody else. */
static void must_be_given(char *block, size_t align, size_t size)
{
	CHECK(block && (uintptr_t)block % align == 0);
	CHECK(sea_emergency_size(block) >= size);
	CHECK(is_zero(block, size));
	memset(block, 1, size);
}

static void allocate_inside(void)
{
	for (size_t size = 0; size < 3 * MiB; size = 3 * size + 7) {
		must_be_given(sea_engine_alloc(size), 16, size);
		must_be_given(sea_engine_alloc_zeroed(size), 16, size);
		must_be_given(sea_engine_alloc_aligned(4096, size), 4096, size);
		must_be_given(sea_engine_alloc_as(SEA_KIND_NEW, 16, size), 16, size);
	}
	CHECK(!sea_engine_alloc(SIZE_MAX / 2));
}

/* The old block cannot be freed then: it stays as it is. */
static void resize_inside(char *block, size_t size)
{
	char *longer = sea_engine_resize(block, 2 * size), *shorter = sea_engine_resize(block, size / 2);
	CHECK(longer != block && test_is_filled((unsigned char *)longer, size, size));
	CHECK(shorter != block && test_is_filled((unsigned char *)shorter, size / 2, size));
	CHECK(!sea_engine_resize(block, SIZE_MAX / 2));
	CHECK(test_is_filled((unsigned char *)block, size, size));
	CHECK(!sea_engine_expand(block, 2 * size + 4096) && sea_engine_expand(block, size));
	CHECK_EQ(sea_engine_expect_live("ask", longer), sea_emergency_size(longer));
	CHECK(!sea_engine_expand(longer, 4 * size + 4096));
}

static char *filled(size_t size)
{
	char *block = sea_engine_alloc(size);
	test_fill((unsigned char *)block, size, size);
	return block;
}

/* Everything that a handler may do, and what happens to its blocks when the lock is free again. */
static void call_inside(void)
{
	struct sea_stats before, after;
	char *small = filled(100), *medium = filled(20000), *large = filled(900000);
	sea_account(&before);
	sea_lock_take(&held);
	allocate_inside();
	char *inside = sea_engine_alloc(50);
	test_fill((unsigned char *)inside, 50, 3);
	resize_inside(small, 100);
	resize_inside(medium, 20000);
	resize_inside(large, 900000);
	sea_engine_free(large); /* does nothing: it would take a lock */
	sea_engine_free_as(SEA_KIND_PLAIN, large, 900000);
	sea_cache_expect_room(large, 2 * MiB);
	CHECK_EQ(sea_engine_trim(0), 0);
	sea_lock_drop(&held);
	sea_account(&after);
	CHECK_EQ(after.live, before.live);
	CHECK(test_is_filled((unsigned char *)large, 900000, 900000));
	char *outside = sea_engine_resize(inside, 3000);
	CHECK(!sea_emergency_size(outside) && test_is_filled((unsigned char *)outside, 50, 3));
	sea_engine_free_as(SEA_KIND_PLAIN, inside, 50);
	sea_engine_free(outside);
	sea_engine_free(small);
	sea_engine_free(medium);
	sea_engine_free(large);
	CHECK(sea_emergency_is_sound() && sea_engine_is_sound());
}

static void a_lock_is_held(void)
{
	sea_front_start();
	call_inside();
}

static void a_lock_is_held_in_hardened_mode(void)
{
	sim.has_environment = true;
	sea_options.secure = 1;
	CHECK(sea_secure_settle());
	call_inside();
}

/* A told size is compared with what the block has, whatever gave the block. */
static void a_told_size_has_to_fit(void)
{
	static const size_t sizes[] = {1, 100, 896, 897, 5000, 200000, 300000, 5 * MiB};
	sea_front_start();
	for (size_t i = 0; i < NR(sizes); i++) {
		char *block = sea_engine_alloc(sizes[i]);
		size_t usable = sea_engine_expect_live("ask", block), good = sea_engine_good_size(usable);
		CHECK(SIM_ABORTS(sea_engine_free_as(SEA_KIND_PLAIN, block, good + 1)));
		CHECK(strstr(sim.report, "but has only"));
		CHECK_EQ(sea_engine_expect_live("ask", block), usable);
		sea_engine_free_as(SEA_KIND_PLAIN, block, usable);
		sea_engine_free_as(SEA_KIND_NEW, sea_engine_alloc(sizes[i]), sizes[i]);
		CHECK(SIM_ABORTS(sea_engine_free_as(SEA_KIND_PLAIN, block, sizes[i])));
	}
	sea_engine_free_as(SEA_KIND_PLAIN, NULL, 100);
	CHECK(sea_engine_is_sound());
}

static const struct test_case cases[] = {
	PASSES(a_lock_is_held), PASSES(a_lock_is_held_in_hardened_mode), PASSES(a_told_size_has_to_fit),
};

HARNESS_MAIN(cases)
