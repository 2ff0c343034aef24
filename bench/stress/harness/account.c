/* SPDX-License-Identifier: MIT */
/* account.c - every call counted, live bytes added up without a shared counter
 *
 * A worker writes two sums of its own that only rise: bytes taken, bytes given.  Whoever
 * wants to know what is alive reads all `taken` first, then all `given`.
 *
 * A1  What it gets was at most what was alive when the last `taken` was read: bytes taken
 *     later are missing, and bytes given meanwhile are subtracted.  So the peak, the
 *     largest sum, is never above the true one, however long the reader was interrupted.
 * A2  With several workers, each adds up when its own live bytes have risen by LOOK_STEP
 *     since it last did, or since they were lowest afterwards.  So the peak is at most
 *     LOOK_STEP for each worker below the true one, but for what an interrupted reader missed.
 * A3  A single worker adds up at each new maximum: its peak is exact.
 *
 * Live bytes are those that were asked for.  The timeline is kept by worker 0: a sample
 * each so many of its operations, and when the samples are full, every second one is dropped
 * and the distance doubled.  So they lie at equal parts of the work, which is not known
 * in advance.
 */
#include "account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"

/* Some hundred small blocks, and less than a hundredth of the smallest live set. */
#define LOOK_STEP ((int64_t)(32 * KiB))

/* The least distance of two samples, in operations. */
#define SAMPLE_STEP 64

static struct worker workers[MAX_THREADS];
static unsigned nr_workers;
static _Atomic uint64_t peak_live;

static struct sample samples[MAX_SAMPLES];
static unsigned nr_samples;
static uint64_t sample_step;

void account_open(unsigned nr, uint64_t seed)
{
	nr_workers = nr;
	for (unsigned i = 0; i < nr; i++) {
		workers[i].index = i;
		workers[i].random = random_from(random_mix(seed) + random_mix(i));
		workers[i].sample_at = UINT64_MAX;
	}
	sample_step = SAMPLE_STEP;
	workers[0].sample_at = SAMPLE_STEP;
}

struct worker *account_worker(unsigned index)
{
	return &workers[index];
}

/* --- sums ------------------------------------------------------------------------ */

/* The order of the two loops is what A1 rests on; the loads acquire, so that it holds. */
uint64_t account_live(void)
{
	uint64_t taken = 0, given = 0;
	for (unsigned i = 0; i < nr_workers; i++)
		taken += atomic_load_explicit(&workers[i].taken_bytes, memory_order_acquire);
	for (unsigned i = 0; i < nr_workers; i++)
		given += atomic_load_explicit(&workers[i].given_bytes, memory_order_acquire);
	return taken > given ? taken - given : 0;
}

uint64_t account_peak_live(void)
{
	return atomic_load_explicit(&peak_live, memory_order_relaxed);
}

uint64_t account_operations(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < nr_workers; i++)
		sum += atomic_load_explicit(&workers[i].operations, memory_order_relaxed);
	return sum;
}

static void raise_peak(uint64_t live)
{
	uint64_t peak = account_peak_live();
	if (nr_workers == 1 && live > peak) {
		atomic_store_explicit(&peak_live, live, memory_order_relaxed);
		return;
	}
	while (live > peak && !atomic_compare_exchange_weak_explicit(&peak_live, &peak, live, memory_order_relaxed,
								     memory_order_relaxed))
		continue;
}

/* --- the timeline ------------------------------------------------------------------ */

static void thin_out(void)
{
	nr_samples /= 2;
	for (unsigned i = 0; i < nr_samples; i++)
		samples[i] = samples[2 * i + 1];
	sample_step *= 2;
}

void account_sample(void)
{
	if (nr_samples == MAX_SAMPLES)
		thin_out();
	samples[nr_samples++] = (struct sample){
		.operations = account_operations(),
		.live_bytes = account_live(),
		.rss_bytes = system_rss(),
	};
}

unsigned account_samples(const struct sample **list)
{
	*list = samples;
	return nr_samples;
}

/* --- counting ---------------------------------------------------------------------- */

/* The account has one writer, so that no exchange is needed. */
static void add(_Atomic uint64_t *sum, uint64_t more)
{
	atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + more, memory_order_release);
}

static int64_t own_live(const struct worker *self)
{
	return (int64_t)(atomic_load_explicit(&self->taken_bytes, memory_order_relaxed) -
			 atomic_load_explicit(&self->given_bytes, memory_order_relaxed));
}

static uint64_t own_operations(const struct worker *self)
{
	return atomic_load_explicit(&self->operations, memory_order_relaxed);
}

/* Bytes were taken. */
static void note_rise(struct worker *self)
{
	int64_t live = own_live(self);
	if (live > self->look_above) {
		raise_peak(account_live());
		self->look_above = nr_workers == 1 ? live : live + LOOK_STEP;
	}
}

/* Bytes were given: a rise counts from here, unless the peak is exact anyway. */
static void note_fall(struct worker *self)
{
	int64_t above = own_live(self) + LOOK_STEP;
	if (nr_workers > 1 && above < self->look_above)
		self->look_above = above;
}

static void count_operation(struct worker *self)
{
	add(&self->operations, 1);
	if (own_operations(self) >= self->sample_at) {
		account_sample();
		self->sample_at = own_operations(self) + sample_step;
	}
}

/* --- the calls --------------------------------------------------------------------- */

/* The compiler may not look through it: the call must happen. */
static void *opaque(void *memory)
{
	__asm__ volatile("" : "+r"(memory) : : "memory");
	return memory;
}

static void *demand(void *memory, size_t size)
{
	if (!memory)
		stress_fail("out of memory: %zu bytes more, with %llu bytes alive", size,
			    (unsigned long long)account_live());
	return memory;
}

void *take(struct worker *self, size_t size)
{
	void *memory = demand(opaque(malloc(size)), size);
	add(&self->taken_bytes, size);
	note_rise(self);
	count_operation(self);
	return memory;
}

static void verify_zero(const void *memory, size_t size)
{
	const unsigned char *byte = memory;
	for (size_t i = 0; i < size; i++)
		if (byte[i])
			stress_fail("calloc(%zu): byte %zu is %u, not zero", size, i, byte[i]);
}

void *take_zeroed(struct worker *self, size_t size)
{
	void *memory = demand(opaque(calloc(1, size)), size);
	verify_zero(memory, size);
	add(&self->taken_bytes, size);
	note_rise(self);
	count_operation(self);
	return memory;
}

/* While it copies, both are alive to the allocator; to the program there is one. */
void *resize(struct worker *self, void *memory, size_t old_size, size_t size)
{
	memory = demand(opaque(realloc(memory, size)), size);
	add(&self->given_bytes, old_size);
	note_fall(self);
	add(&self->taken_bytes, size);
	note_rise(self);
	count_operation(self);
	return memory;
}

/* Counted before the call: whoever gets the memory next counts it as taken later. */
void give(struct worker *self, void *memory, size_t size)
{
	add(&self->given_bytes, size);
	note_fall(self);
	free(memory);
	count_operation(self);
}
