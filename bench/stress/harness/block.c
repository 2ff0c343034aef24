/* SPDX-License-Identifier: MIT */
/* block.c - blocks that hold what their id says
 *
 *    byte  0              8                                             size
 *          | size | stamp | pattern at 8, 16, 24 ...          | pattern |
 *           32 bit 32 bit   all of it up to WHOLE bytes, then      last 8
 *                           one word every PAGE bytes
 *
 * B1  `stamp` is a hash of id and size: a block of another id in the same place, or memory
 *     that was overwritten, is noticed before the size is believed.
 * B2  Each byte of the pattern depends on the id and its offset, not on the size or the
 *     address: it stays valid when the block moves and grows.
 * B3  Each page of a block is written, so that what is alive is resident.
 *
 * Words are read in place: little-endian machines only, as the library is.
 */
#include "stress.h"

/* Odd, and its bits are mixed: 2^64 divided by the golden ratio. */
#define SPREAD 0x9e3779b97f4a7c15ull

/* Two cache lines; what a program writes into a larger block costs more than to allocate it. */
#define WHOLE 128
/* The smallest page; with larger ones, some words more are written. */
#define PAGE (4 * KiB)
#define WORD sizeof(uint64_t)

/* A word at any address, whatever else the memory is used for. */
typedef uint64_t __attribute__((aligned(1), may_alias)) loose_word;

static uint64_t head_of(size_t size, uint64_t id)
{
	uint64_t stamp = random_mix(random_mix(id) ^ size) >> 32;
	return stamp << 32 | size;
}

/* The bytes at a multiple of 8. */
static uint64_t aligned_pattern(uint64_t id, size_t at)
{
	return (id + 1) * SPREAD + at * 0x0101010101010101ull;
}

/* The 8 bytes at any offset: parts of two words where it is no multiple of 8. */
static uint64_t pattern_at(uint64_t id, size_t at)
{
	unsigned shift = 8 * (unsigned)(at % WORD);
	uint64_t low = aligned_pattern(id, at - at % WORD);
	if (!shift)
		return low;
	return low >> shift | aligned_pattern(id, at - at % WORD + WORD) << (64 - shift);
}

static loose_word *word_at(const void *block, size_t at)
{
	return (loose_word *)((uintptr_t)block + at);
}

/* The first offset after `at` that holds a word of the pattern, in front of the last one. */
static size_t next_offset(size_t size, size_t at)
{
	if (size <= WHOLE || at < WORD)
		return at + WORD;
	return at - at % PAGE + PAGE;
}

static void fill(void *block, size_t size, uint64_t id)
{
	*word_at(block, 0) = head_of(size, id);
	for (size_t at = WORD; at < size - WORD; at = next_offset(size, at))
		*word_at(block, at) = pattern_at(id, at);
	*word_at(block, size - WORD) = pattern_at(id, size - WORD);
}

static void verify_word(const void *block, size_t at, uint64_t id)
{
	if (*word_at(block, at) != pattern_at(id, at))
		stress_fail("block %llu of %zu bytes: not what was written at byte %zu",
			    (unsigned long long)id, block_size(block), at);
}

static void verify_head(const void *block, uint64_t id)
{
	uint64_t head = *word_at(block, 0);
	if (head != head_of((uint32_t)head, id))
		stress_fail("block %llu: overwritten, or another block lies in the same place",
			    (unsigned long long)id);
}

/* Verifies the words of a block that lie in its first `kept` bytes. */
static void verify_part(const void *block, size_t kept, uint64_t id)
{
	verify_head(block, id);
	size_t size = block_size(block);
	for (size_t at = WORD; at < size - WORD && at + WORD <= kept; at = next_offset(size, at))
		verify_word(block, at, id);
	if (kept == size)
		verify_word(block, size - WORD, id);
}

size_t block_size(const void *block)
{
	return (uint32_t)*word_at(block, 0);
}

void block_verify(const void *block, uint64_t id)
{
	verify_head(block, id);
	verify_part(block, block_size(block), id);
}

void *block_take(struct worker *self, size_t size, uint64_t id)
{
	void *block = take(self, size);
	fill(block, size, id);
	return block;
}

void *block_resize(struct worker *self, void *block, size_t size, uint64_t id)
{
	block_verify(block, id);
	size_t old_size = block_size(block);
	block = resize(self, block, old_size, size);
	verify_part(block, size < old_size ? size : old_size, id);
	fill(block, size, id);
	return block;
}

void block_give(struct worker *self, void *block, uint64_t id)
{
	block_verify(block, id);
	give(self, block, block_size(block));
}

void block_replace(struct worker *self, void **table, size_t place, size_t size, uint64_t id)
{
	if (table[place])
		block_give(self, table[place], id);
	table[place] = block_take(self, size, id);
}

void **table_take(struct worker *self, size_t nr_places)
{
	return take_zeroed(self, nr_places * sizeof(void *));
}

void table_give(struct worker *self, void **table, size_t nr_places, uint64_t first_id)
{
	for (size_t i = 0; i < nr_places; i++)
		if (table[i])
			block_give(self, table[i], first_id + i);
	give(self, table, nr_places * sizeof(void *));
}
