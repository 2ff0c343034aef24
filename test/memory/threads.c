/* SPDX-License-Identifier: MIT */
/* threads.c - goals 3 and 4: what threads cost, and blocks that go from thread to thread */
#include "goal.h"

#include <pthread.h>
#include <sys/mman.h>

static pthread_barrier_t barrier;

/* --- many threads with a little each ------------------------------------------------------- */

enum { NR_MANY = 200, PER_THREAD = 150, STACK_BYTES = 64 * 1024 };

/* About 75 KiB in blocks of 16..1000 bytes. */
static void *hold_a_little(void *unused)
{
	void *held[PER_THREAD];
	for (size_t i = 0; i < PER_THREAD; i++) {
		size_t size = 16 + i * 6553 % 985;
		CHECK((held[i] = malloc(size)) != NULL);
		memset(held[i], 1, size);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < PER_THREAD; i++)
		free(held[i]);
	return unused;
}

static void two_hundred_threads(void)
{
	pthread_t threads[NR_MANY];
	pthread_attr_t attributes;
	CHECK_EQ(pthread_attr_init(&attributes), 0);
	CHECK_EQ(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, NR_MANY + 1), 0);
	for (int i = 0; i < NR_MANY; i++)
		CHECK_EQ(pthread_create(&threads[i], &attributes, hold_a_little, NULL), 0);
	pthread_barrier_wait(&barrier);
	size_t rss = test_rss(), space = test_status_bytes("VmSize");
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < NR_MANY; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	goal_at_most("3", "200 threads with 15 MiB live: the process has resident", in_mib(rss), 22, "MiB");
	goal_at_most("6", "200 threads with 15 MiB live: address space", in_mib(space), 1024, "MiB");
}

/* --- idle threads ---------------------------------------------------------------------------- */

enum { NR_IDLE = 2000, IDLE_STACK = 32 * 1024, IDLE_BLOCKS = 8 };

/* 16 to 128 bytes: 576 together. */
static size_t idle_size(size_t i) { return 16 + i * 16; }

static void *be_idle(void *unused)
{
	char *held[IDLE_BLOCKS];
	for (size_t i = 0; i < IDLE_BLOCKS; i++) {
		CHECK((held[i] = malloc(idle_size(i))) != NULL);
		memset(held[i], 1, idle_size(i));
	}
	free(malloc(300));
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < IDLE_BLOCKS; i++)
		free(held[i]);
	return unused;
}

/* Stacks, with the C library's part of them, between two pages that keep them apart from
 * other mappings. */
static char *map_stacks(void)
{
	size_t bytes = (size_t)NR_IDLE * IDLE_STACK, page = (size_t)sysconf(_SC_PAGESIZE);
	char *area = mmap(NULL, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(area != MAP_FAILED);
	CHECK_EQ(mprotect(area + page, bytes, PROT_READ | PROT_WRITE), 0);
	return area + page;
}

/* Resident bytes between two addresses that begin and end a page. */
static size_t rss_between(char *from, size_t bytes)
{
	static uint64_t entries[512];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	for (size_t at = 0; at < bytes / page;) {
		ssize_t got = pread(fd, entries, sizeof(entries), (off_t)(((uintptr_t)from / page + at) * 8));
		CHECK(got > 0);
		for (size_t i = 0; i < (size_t)got / 8 && at < bytes / page; i++, at++)
			count += entries[i] >> 63;
	}
	close(fd);
	return count * page;
}

static void two_thousand_idle_threads(void)
{
	static pthread_t threads[NR_IDLE];
	pthread_attr_t attributes;
	char *stacks = map_stacks();
	memset(threads, 1, sizeof(threads));
	CHECK_EQ(pthread_attr_init(&attributes), 0);
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, NR_IDLE + 1), 0);
	free(malloc(1));
	double zeros = test_counts_zeros() ? 4 : 0; /* the second page of a cache is only read */
	size_t before = test_rss();
	for (size_t i = 0; i < NR_IDLE; i++) {
		CHECK_EQ(pthread_attr_setstack(&attributes, stacks + i * IDLE_STACK, IDLE_STACK), 0);
		CHECK_EQ(pthread_create(&threads[i], &attributes, be_idle, NULL), 0);
	}
	pthread_barrier_wait(&barrier);
	size_t heap = test_rss() - before - rss_between(stacks, (size_t)NR_IDLE * IDLE_STACK);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < NR_IDLE; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	goal_holding("3", "2,000 idle threads with 0.6 KiB live: what each adds to the heap", in_kib(heap / NR_IDLE) - zeros, 8, 8,
		     "KiB");
}

/* --- a producer and a consumer --------------------------------------------------------------- */

enum { QUEUE_SIZE = 10000, PRODUCED_QUICK = 600000, PRODUCED = 3000000, PRODUCED_LONG = 60000000 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *entries[QUEUE_SIZE];
	size_t nr_put, nr_taken;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static size_t queue_total(void) { return test_pick(PRODUCED_QUICK, PRODUCED, PRODUCED_LONG); }

static size_t queued_size(size_t i) { return 16 + i * 7919 % 497; }

static void *produce(void *unused)
{
	for (size_t i = 0; i < queue_total(); i++) {
		char *block = malloc(queued_size(i));
		CHECK(block != NULL);
		memset(block, (int)(i & 127), queued_size(i));
		pthread_mutex_lock(&queue.lock);
		while (queue.nr_put - queue.nr_taken == QUEUE_SIZE)
			pthread_cond_wait(&queue.changed, &queue.lock);
		queue.entries[queue.nr_put++ % QUEUE_SIZE] = block;
		if (queue.nr_put % (QUEUE_SIZE / 2) == 0)
			pthread_cond_signal(&queue.changed);
		pthread_mutex_unlock(&queue.lock);
	}
	pthread_cond_signal(&queue.changed);
	return unused;
}

static char *take_one(void)
{
	pthread_mutex_lock(&queue.lock);
	while (queue.nr_put == queue.nr_taken)
		pthread_cond_wait(&queue.changed, &queue.lock);
	char *block = queue.entries[queue.nr_taken++ % QUEUE_SIZE];
	if (queue.nr_taken % (QUEUE_SIZE / 2) == 0)
		pthread_cond_signal(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
	return block;
}

static void *consume(void *argument)
{
	size_t *peak = argument;
	for (size_t i = 0; i < queue_total(); i++) {
		char *block = take_one();
		CHECK_EQ(block[queued_size(i) - 1], (char)(i & 127));
		free(block);
		if (i % (queue_total() / 256) == 0) {
			size_t rss = test_rss();
			*peak = rss > *peak ? rss : *peak;
		}
	}
	return NULL;
}

/* At most QUEUE_SIZE blocks, 2.6 MiB, are ever alive; 4 MiB is the budget. */
static void producer_and_consumer(void)
{
	pthread_t producer, consumer;
	double live = in_mib(QUEUE_SIZE * (size_t)(16 + 248));
	memset(queue.entries, 1, sizeof(queue.entries));
	size_t before = test_rss(), peak = before;
	CHECK_EQ(pthread_create(&producer, NULL, produce, NULL), 0);
	CHECK_EQ(pthread_create(&consumer, NULL, consume, &peak), 0);
	CHECK_EQ(pthread_join(producer, NULL), 0);
	CHECK_EQ(pthread_join(consumer, NULL), 0);
	goal_at_most("4", "producer and consumer, 2.5 MiB live: peak", in_mib(peak - before), live + 4, "MiB");
}

static const struct test_case cases[] = {
	{.name = "200 threads with 15 MiB: 22 MiB resident, 1 GiB of address space", .run = two_hundred_threads,
	 .engines = SEAM | GLIBC},
	{.name = "2000 idle threads: 8 KiB each", .run = two_thousand_idle_threads, .engines = SEAM | GLIBC},
	{.name = "producer and consumer: live bytes and the budget", .run = producer_and_consumer, .seconds = 600,
	 .engines = RECYCLING},
};

HARNESS_MAIN(cases)
