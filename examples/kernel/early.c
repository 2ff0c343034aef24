/* SPDX-License-Identifier: MIT */
/* early.c - whole pages before there is a page allocator
 *
 *    |  image  |## run ##|### run ###|  free  ...                  |
 *                                    top                           end of the largest range
 *
 * The two textbook engines are linked in a second time under names of their own, and what they ask of
 * the room page/ is answered here (kernel.mk).  Runs lie one behind the other; a run that is freed is
 * used again if it is the last.
 */
#include "page/page_alloc.h"
#include "kernel.h"

#define NR_RUNS 64

static struct run {
	uintptr_t base, end;
} runs[NR_RUNS];
static size_t nr_runs;
static struct run memory; /* the largest available range */

void early_begin(void)
{
	for (size_t i = 0; i < map_nr; i++)
		if (map[i].kind == AVAILABLE && map[i].end - map[i].base > memory.end - memory.base)
			memory = (struct run){map[i].base, map[i].end};
}

uintptr_t early_top(void) { return nr_runs ? runs[nr_runs - 1].end : memory.base; }

size_t early_in_use(void)
{
	size_t bytes = 0;
	for (size_t i = 0; i < nr_runs; i++)
		bytes += runs[i].end - runs[i].base;
	return bytes;
}

/* The run that has the address. */
static const struct run *run_around(const void *address)
{
	for (size_t i = 0; i < nr_runs; i++)
		if ((uintptr_t)address - runs[i].base < runs[i].end - runs[i].base)
			return &runs[i];
	return NULL;
}

void *early_pages_alloc(size_t size, size_t align, enum sea_touch touch, bool *zeroed);
void early_pages_free(void *run);
size_t early_pages_size(const void *address);
void early_pages_touch(const void *from, const void *to, bool surely);
bool early_pages_is_readable(const void *address);
enum sea_place early_pages_place(const void *address, void **base, size_t *size);
void *early_meta_alloc(size_t size);

void *early_pages_alloc(size_t size, size_t align, enum sea_touch touch, bool *zeroed)
{
	(void)touch;
	uintptr_t base = sea_round_up(early_top(), sea_max(align, PAGE_SIZE)), end = base + sea_round_up(size, PAGE_SIZE);
	if (frames_must_fail() || nr_runs == NR_RUNS || end > memory.end || end < base)
		return NULL;
	runs[nr_runs++] = (struct run){base, end};
	if (zeroed)
		*zeroed = true;
	return memset((void *)base, 0, end - base);
}

void early_pages_free(void *address)
{
	struct run *run = (struct run *)run_around(address);
	CHECK(run && run->base == (uintptr_t)address);
	run->end = run->base;
	while (nr_runs && runs[nr_runs - 1].base == runs[nr_runs - 1].end)
		nr_runs--;
}

size_t early_pages_size(const void *address)
{
	const struct run *run = run_around(address);
	return run && run->base == (uintptr_t)address ? run->end - run->base : 0;
}

void early_pages_touch(const void *from, const void *to, bool surely) { (void)from, (void)to, (void)surely; }

bool early_pages_is_readable(const void *address) { return run_around(address) != NULL; }

enum sea_place early_pages_place(const void *address, void **base, size_t *size)
{
	const struct run *run = run_around(address);
	if (!run)
		return SEA_PLACE_FOREIGN;
	*base = (void *)run->base;
	*size = run->end - run->base;
	return SEA_PLACE_RUN;
}

/* The table of zones. */
void *early_meta_alloc(size_t size) { return early_pages_alloc(size, PAGE_SIZE, SEA_TOUCH_NOW, NULL); }
