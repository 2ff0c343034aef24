/* SPDX-License-Identifier: MIT */
/* words.c - the merge arithmetic for all words of some bits
 *
 * A word of n granules: each may start a chunk or not, and each chunk may be pending or not; the
 * word before may send a chunk on, and its last granule may be free.  A seam that stays is behind
 * the n granules.  The arithmetic has to do what a loop over granules does.
 */
#include "heap/word.h"

#include "exhaustive.h"

static uint64_t fill_naively(uint64_t seams, uint64_t pending, bool carry, unsigned nr_bits)
{
	uint64_t freed = 0;
	for (unsigned g = 0; g < nr_bits; g++) {
		if (seams >> g & 1)
			carry = pending >> g & 1;
		if (carry)
			freed |= 1ull << g;
	}
	return freed;
}

static uint64_t join_naively(uint64_t seams, uint64_t holes, bool before, unsigned nr_bits)
{
	for (unsigned g = 0; g < nr_bits; g++) {
		bool is_hole = holes >> g & 1, is_before = g ? holes >> (g - 1) & 1 : before;
		if (is_hole && is_before)
			seams &= ~(1ull << g);
	}
	return seams;
}

static void try_word(uint64_t seams, uint64_t pending, unsigned nr_bits)
{
	uint64_t end = 1ull << nr_bits;
	for (unsigned carry = 0; carry < 2; carry++) {
		uint64_t freed = sea_word_fill(seams | end, pending, carry);
		if (freed != fill_naively(seams, pending, carry, nr_bits))
			fail("seams %#llx, pending %#llx, carry %u: %#llx are freed", (unsigned long long)seams,
			     (unsigned long long)pending, carry, (unsigned long long)freed);
		uint64_t joined = sea_word_join(seams | end, freed, carry);
		if (joined != (join_naively(seams, freed, carry, nr_bits) | end))
			fail("seams %#llx, holes %#llx, before %u: %#llx stay", (unsigned long long)seams,
			     (unsigned long long)freed, carry, (unsigned long long)joined);
	}
}

int main(int argc, char **argv)
{
	unsigned nr_bits = number(argc, argv, 1, 16);
	uint64_t nr_words = 0;
	for (uint64_t seams = 0; seams < 1ull << nr_bits; seams++) {
		uint64_t pending = seams;
		for (;; pending = (pending - 1) & seams) { /* each part of the seams */
			try_word(seams, pending, nr_bits);
			nr_words += 2;
			if (!pending)
				break;
		}
	}
	printf("words of %u bits: %llu, each as the loop says\n", nr_bits, (unsigned long long)nr_words);
	return 0;
}
