/* SPDX-License-Identifier: MIT */
/* bittree.c - a set against an array of bools */
#include "base/bittree.h"

#include "unit.h"

#define LARGEST 300000

static uint64_t memory[LARGEST / 32];
static bool naive[LARGEST];

static struct sea_bittree make(size_t capacity)
{
	struct sea_bittree tree;
	memset(memory, 0, sizeof(memory));
	memset(naive, 0, sizeof(naive));
	uint64_t *end = sea_bittree_init(&tree, capacity, memory);
	CHECK_EQ(end - memory, sea_bittree_words(capacity));
	return tree;
}

static size_t naive_lowest(size_t capacity)
{
	size_t member = 0;
	while (member < capacity && !naive[member])
		member++;
	return member;
}

static void check_tree(const struct sea_bittree *tree, size_t capacity)
{
	size_t lowest = naive_lowest(capacity);
	CHECK_EQ(sea_bittree_is_empty(tree), lowest == capacity);
	if (lowest < capacity)
		CHECK_EQ(sea_bittree_lowest(tree), lowest);
	CHECK(sea_bittree_is_sound(tree, capacity));
}

static void toggle(struct sea_bittree *tree, size_t member)
{
	CHECK_EQ(sea_bittree_has(tree, member), naive[member]);
	if (naive[member])
		sea_bittree_remove(tree, member);
	else
		sea_bittree_add(tree, member);
	naive[member] = !naive[member];
}

static void edges_of_capacity(void)
{
	static const size_t capacities[] = {1, 2, 63, 64, 65, 4095, 4096, 4097, 262144, 262145};
	for (size_t i = 0; i < NR(capacities); i++) {
		struct sea_bittree tree = make(capacities[i]);
		CHECK(sea_bittree_is_empty(&tree));
		toggle(&tree, capacities[i] - 1);
		check_tree(&tree, capacities[i]);
		toggle(&tree, 0);
		check_tree(&tree, capacities[i]);
		toggle(&tree, 0);
		check_tree(&tree, capacities[i]);
	}
}

static void adding_twice_changes_nothing(void)
{
	struct sea_bittree tree = make(5000);
	sea_bittree_add(&tree, 4097);
	sea_bittree_add(&tree, 4097);
	naive[4097] = true;
	check_tree(&tree, 5000);
	sea_bittree_remove(&tree, 4097);
	CHECK(sea_bittree_is_empty(&tree));
}

static void random_members(void)
{
	static const size_t capacities[] = {5, 64, 200, 5000, 70000};
	uint64_t seed = test_seed();
	for (size_t i = 0; i < NR(capacities); i++) {
		struct sea_bittree tree = make(capacities[i]);
		for (size_t step = 0; step < rounds(800); step++) {
			toggle(&tree, below(&seed, step % 2 ? capacities[i] : 1 + capacities[i] / 50));
			check_tree(&tree, capacities[i]);
		}
	}
}

static void emptied_from_below(void)
{
	struct sea_bittree tree = make(1000);
	for (size_t member = 0; member < 1000; member += 3)
		toggle(&tree, member);
	for (size_t member = 0; member < 1000; member += 3) {
		CHECK_EQ(sea_bittree_lowest(&tree), member);
		toggle(&tree, member);
	}
	CHECK(sea_bittree_is_empty(&tree));
}

static void unsound_levels_are_noticed(void)
{
	struct sea_bittree tree = make(5000);
	sea_bittree_add(&tree, 70);
	CHECK(sea_bittree_is_sound(&tree, 5000));
	for (unsigned l = 0; l < tree.nr_levels; l++) {
		uint64_t *word = &tree.level[l][l ? 0 : 1], before = *word;
		*word = 0; /* the levels above and below say something else */
		CHECK(!sea_bittree_is_sound(&tree, 5000));
		*word = before;
	}
	tree.nr_levels--;
	CHECK(!sea_bittree_is_sound(&tree, 5000)); /* B2 */
}

static const struct test_case cases[] = {
	PASSES(edges_of_capacity), PASSES(adding_twice_changes_nothing), PASSES(random_members),
	PASSES(emptied_from_below), PASSES(unsound_levels_are_noticed),
};

HARNESS_MAIN(cases)
