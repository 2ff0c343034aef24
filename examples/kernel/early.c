/* SPDX-License-Identifier: MIT */
/* early.c - whole pages before there is a page allocator
 *
 *    |  image  |## run ##|  gap  |### run ###|  free  ...          |
 *                                                                  end of the largest range
 *
 * The two textbook engines are linked in a second time under names of their own, and what they ask
 * of the room page/ is answered here (kernel.mk).  A run is in the lowest gap that is long enough.
 *
 * E1  Runs are in address order, in one available range, and do not overlap.
 */
#include "page/page_alloc.h"
#include "kernel.h"

#define NR_RUNS 64

static struct run {
	uintptr_t base, end;
} runs[NR_RUNS + 1];
static size_t nr_runs;
static struct run memory; /* the largest available range */

void early_begin(void)
{
	for (size_t i = 0; i < map_nr; i++)
		if (map[i].kind == AVAILABLE && map[i].end - map[i].base > memory.end - memory.base)
			memory = (struct run){map[i].base, map[i].end};
}

void early_end(void)
{
	for (size_t i = 0; i < nr_runs; i++)
		map_set(runs[i].base, runs[i].end, OCCUPIED, false, "early memory");
}

/* The run that has the address. */
static const struct run *run_around(const void *address)
{
	for (size_t i = 0; i < nr_runs; i++)
		if ((uintptr_t)address - runs[i].base < runs[i].end - runs[i].base)
			return &runs[i];
	return NULL;
}

/* No header has these functions: kernel.mk makes up their names. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

void *early_pages_alloc(size_t size, size_t align, enum sea_touch touch, bool *zeroed)
{
	uintptr_t base = sea_round_up(memory.base, sea_max(align, PAGE_SIZE));
	size_t i = 0;
	(void)touch;
	size = sea_round_up(size, PAGE_SIZE);
	for (; i < nr_runs && (runs[i].base < base || runs[i].base - base < size); i++)
		base = sea_round_up(sea_max(base, runs[i].end), sea_max(align, PAGE_SIZE));
	if (frames_must_fail() || nr_runs == NR_RUNS || base > memory.end || memory.end - base < size)
		return NULL;
	memmove(&runs[i + 1], &runs[i], (nr_runs++ - i) * sizeof(*runs));
	runs[i] = (struct run){base, base + size};
	if (zeroed)
		*zeroed = true;
	return memset((void *)base, 0, size);
}

void early_pages_free(void *address)
{
	struct run *run = (struct run *)run_around(address);
	CHECK(run && run->base == (uintptr_t)address);
	memmove(run, run + 1, (size_t)(&runs[nr_runs--] - (run + 1)) * sizeof(*run));
}

size_t early_pages_size(const void *address)
{
	const struct run *run = run_around(address);
	return run && run->base == (uintptr_t)address ? run->end - run->base : 0;
}

void early_pages_touch(const void *from, const void *to, bool surely) { (void)from, (void)to, (void)surely; }

bool early_pages_is_readable(const void *address) { return run_around(address) != NULL; }

enum sea_at early_pages_at(const void *address, void **base, size_t *size)
{
	const struct run *run = run_around(address);
	if (!run)
		return SEA_AT_FOREIGN;
	*base = (void *)run->base;
	*size = run->end - run->base;
	return SEA_AT_RUN;
}

/* Physical memory has nobody to give pages back to. */
size_t early_pages_purge_range(void *from, void *to) { return (void)from, (void)to, 0; }
size_t early_pages_purge_free(size_t keep) { return (void)keep, 0; }

bool early_pages_are_sound(void)
{
	uintptr_t end = memory.base;
	bool sound = true;
	for (size_t i = 0; i < nr_runs; end = runs[i++].end)
		sound &= runs[i].base >= end && runs[i].end >= runs[i].base && runs[i].end <= memory.end;
	return sound;
}

/* The table of zones. */
void *early_meta_alloc(size_t size) { return early_pages_alloc(size, PAGE_SIZE, SEA_TOUCH_NOW, NULL); }
