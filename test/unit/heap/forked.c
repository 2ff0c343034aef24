/* SPDX-License-Identifier: MIT */
/* forked.c - threads that a fork caught while they sent a chunk */
#include "heap/forked.h"

#include "heap/shard.h"
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static struct sea_shard *shard;
static struct sea_zone *zone;
static char *chunk;

static void start(void)
{
	struct sea_batch batch;
	shard = sea_shard_join();
	CHECK(sea_shard_take(shard, 4, 1, &batch));
	chunk = batch.piece[0].start;
	zone = sea_zone_of(chunk);
	((struct sea_hole *)chunk)->mark[1] = sea_mark_of(chunk, sea_seams);
}

/* What a thread does to send a chunk, up to a step. */
static void send_up_to(unsigned step)
{
	unsigned g = sea_granule_of(chunk);
	size_t line = g / 64 / SEA_LINE_WORDS;
	zone->pending[g / 64] |= 1ull << g % 64;
	if (step > 0)
		zone->lines[line / 64] |= 1ull << line % 64;
	if (step > 1)
		zone->nr_pending += 4;
	if (step > 2)
		zone->is_queued[SEA_QUEUE_ANY] = 1;
}

static void merge(void)
{
	sea_forked_requeue();
	CHECK(sea_shard_is_sound(shard));
	sea_shard_merge(shard);
	CHECK_EQ(zone->nr_used, 0);
	CHECK(sea_shard_is_sound(shard));
}

static void after_the_bit(void) { start(), send_up_to(0), merge(); }
static void after_the_line(void) { start(), send_up_to(1), merge(); }
static void after_the_count(void) { start(), send_up_to(2), merge(); }
static void before_the_push(void) { start(), send_up_to(3), merge(); }

/* The zone was emptied meanwhile: its struct may be used again. */
static void before_the_push_of_a_spare_struct(void)
{
	struct sea_batch batch;
	start();
	send_up_to(3);
	merge();
	zone->is_queued[SEA_QUEUE_WORTH] = 1;
	sea_forked_requeue();
	CHECK(!zone->is_queued[SEA_QUEUE_ANY] && !zone->is_queued[SEA_QUEUE_WORTH]);
	CHECK(sea_shard_take(shard, 4, 1, &batch));
	CHECK(sea_shard_is_sound(shard));
}

static void nothing_is_pending(void)
{
	start();
	sea_forked_requeue();
	CHECK(sea_shard_is_sound(shard));
	CHECK(sea_queue_is_empty(&shard->queue[SEA_QUEUE_ANY]));
}

static void what_was_queued_is_queued(void)
{
	unsigned g;
	start();
	g = sea_granule_of(chunk);
	sea_shard_send(zone, g / 64, 1ull << g % 64, 4);
	merge();
}

/* --- one thread: a signal handler forks between two instructions of a send ------------------------ */

#if defined(__x86_64__)
static char *other; /* starts in the word of `chunk` */
static unsigned nr_children, nr_lost;

static bool is_used(const char *start)
{
	unsigned g = sea_granule_of(start);
	return zone->used[g / 64] >> g % 64 & 1;
}

/* The child sends another chunk, and all is merged: 0, or 1 if the zone was in no queue. */
static int in_child(void)
{
	unsigned g = sea_granule_of(chunk);
	bool is_sent = zone->pending[g / 64] >> g % 64 & 1, was_queued = zone->is_queued[SEA_QUEUE_ANY];
	bool is_lost = was_queued && sea_queue_is_empty(&shard->queue[SEA_QUEUE_ANY]);
	sea_shard_send_alone(other, 4);
	if (is_lost)
		sea_zone_merge(zone, UINT32_MAX);
	else
		sea_shard_merge(shard);
	CHECK(!is_used(other));
	CHECK_EQ(is_used(chunk), !is_sent);
	return is_lost;
}

static void fork_here(int signal)
{
	int status;
	(void)signal;
	pid_t child = fork();
	if (child == 0)
		_exit(in_child());
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(status == 0 || status == 1 << 8);
	nr_lost += status != 0;
	nr_children++;
}

static void set_trap_flag(bool on)
{
	if (on)
		__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq" ::: "cc", "memory");
	else
		__asm__ volatile("pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" ::: "cc", "memory");
}

/* Where the zone says that it is queued, and is not yet, the child does without the queue: what it has
 * in this zone is merged when somebody else asks for it. */
static void at_each_instruction(void)
{
	start();
	struct sea_batch batch;
	CHECK(sea_shard_take(shard, 4, 1, &batch));
	other = batch.piece[0].start;
	((struct sea_hole *)other)->mark[1] = sea_mark_of(other, sea_seams);
	CHECK(sea_zone_of(other) == zone && sea_granule_of(other) / 64 == sea_granule_of(chunk) / 64);
	signal(SIGTRAP, fork_here);
	set_trap_flag(true);
	sea_shard_send_alone(chunk, 4);
	set_trap_flag(false);
	CHECK(nr_children > 20);
	CHECK_AT_MOST(nr_lost, nr_children / 2);
	sea_shard_merge(shard);
	CHECK(!is_used(chunk) && is_used(other));
}
#else
static void at_each_instruction(void) { test_skip("an x86-64 is needed"); }
#endif

static const struct test_case cases[] = {
	PASSES(after_the_bit),
	PASSES(after_the_line),
	PASSES(after_the_count),
	PASSES(before_the_push),
	PASSES(before_the_push_of_a_spare_struct),
	PASSES(nothing_is_pending),
	PASSES(what_was_queued_is_queued),
	PASSES(at_each_instruction),
};

HARNESS_MAIN(cases)
