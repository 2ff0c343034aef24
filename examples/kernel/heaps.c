/* SPDX-License-Identifier: MIT */
/* heaps.c - a heap on trial, and the heap for messages */
#include "heaps.h"

#include "base/os.h"

/* --- messages --------------------------------------------------------------------- */

struct sea_segment messages;

void messages_begin(void)
{
	void *room = sea_os_reserve(MESSAGE_ROOM);
	if (!room || !sea_os_commit(room, MESSAGE_ROOM))
		fail(HALT_OUT_OF_MEMORY, "no room for messages");
	CHECK(sea_segment_format(&messages, room, MESSAGE_ROOM, MESSAGE_ROOM, false) == SEA_SEGMENT_OK);
}

void *messages_alloc(size_t size)
{
	size_t offset = sea_segment_alloc(&messages, size, 1);
	return offset ? messages.base + offset : NULL;
}

void messages_free(void *block)
{
	CHECK(sea_segment_free(&messages, (size_t)((char *)block - messages.base)) == SEA_SEGMENT_OK);
}

size_t messages_count(void)
{
	struct sea_segment_counts counts;
	sea_segment_count(&messages, &counts);
	return counts.nr_blocks;
}

bool messages_are_sound(void) { return sea_segment_is_sound(&messages); }

/* --- the trial ---------------------------------------------------------------------- */

#define NR_SLOTS 1024

static struct slot {
	unsigned char *block;
	size_t size;
} slots[NR_SLOTS];
static uint64_t state;

/* Xorshift (Marsaglia, 2003). */
static size_t draw(size_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

/* Most blocks are small; one in 64 has up to 8 KiB, one in 2,048 up to 128 KiB. */
static size_t draw_size(void)
{
	size_t kind = draw(2048);
	return 1 + draw(kind == 0 ? 128 * SEA_KIB : kind % 64 == 0 ? 8 * SEA_KIB : 320);
}

static unsigned char mark_of(const struct slot *slot) { return (unsigned char)(slot - slots) | 1; }

static void check(const struct slot *slot)
{
	for (size_t i = 0; i < slot->size; i += i < 64 || i + 65 >= slot->size ? 1 : 64)
		if (slot->block[i] != mark_of(slot))
			fail(HALT_CHECK_FAILED, "a block does not have what was written to it");
}

static void empty(const struct heap *heap, struct slot *slot)
{
	if (!slot->block)
		return;
	check(slot);
	heap->free(slot->block);
	slot->block = NULL;
}

size_t heap_try(const struct heap *heap, size_t nr_operations)
{
	size_t nr_refused = 0;
	state = 88172645463325252ull;
	for (size_t i = 0; i < nr_operations; i++) {
		struct slot *slot = &slots[draw(NR_SLOTS)];
		if (slot->block) {
			empty(heap, slot);
			continue;
		}
		slot->size = draw_size();
		slot->block = heap->alloc(slot->size);
		CHECK((uintptr_t)slot->block % 16 == 0);
		if (slot->block)
			memset(slot->block, mark_of(slot), slot->size);
		nr_refused += !slot->block;
	}
	CHECK(heap->is_sound());
	for (size_t i = 0; i < NR_SLOTS; i++)
		empty(heap, &slots[i]);
	CHECK(heap->is_sound());
	print("  %s: %u operations, contents right, audit right\n", heap->name, nr_operations);
	return nr_refused;
}

#define NR_ROUNDS 32

struct heap_cost heap_measure(const struct heap *heap)
{
	struct heap_cost cost = {0};
	for (size_t round = 0; round < NR_ROUNDS; round++) {
		uint64_t began = machine_cycles();
		for (size_t i = 0; i < NR_SLOTS; i++)
			slots[i].block = heap->alloc(16 + i * 37 % 497);
		uint64_t between = machine_cycles();
		for (size_t i = 0; i < NR_SLOTS; i++)
			if (slots[i * 769 % NR_SLOTS].block)
				heap->free(slots[i * 769 % NR_SLOTS].block);
		cost.alloc += between - began;
		cost.free += machine_cycles() - between;
	}
	for (size_t i = 0; i < NR_SLOTS; i++)
		slots[i].block = NULL;
	return (struct heap_cost){cost.alloc / NR_ROUNDS / NR_SLOTS, cost.free / NR_ROUNDS / NR_SLOTS};
}
