/* SPDX-License-Identifier: MIT */
/* tree.c - binary trees, built and torn down beside one that stays
 *
 * After GCBench by J. Ellis and P. Kovac, adapted by H. Boehm (1990s): many short-lived
 * trees of several depths, half of them built from the root down and half from the leaves
 * up, beside a tree and an array of numbers that live to the end.
 *
 * Adapted: malloc and free instead of a collector.  Each node knows its number, root 1,
 * children 2 n and 2 n + 1, and is verified when its tree is torn down.
 */
#include "stress.h"

/* Nodes of 32 bytes: 16 MB that stay. */
#define LASTING_NODES ((size_t)1 << 19)
#define ARRAY_BYTES (4 * MiB)
/* Nodes of each depth that all threads build in a round. */
#define NODES_A_DEPTH ((size_t)1 << 14)
#define DEPTH_LOW 4
#define DEPTH_HIGH 16
#define DEPTH_STEP 2

struct node {
	struct node *left;
	struct node *right;
	uint64_t number;
	uint64_t stamp; /* of number and tree, so that equal numbers of two trees differ */
};

static uint64_t stamp_of(uint64_t number, uint64_t tree)
{
	return random_mix(number ^ tree << 32);
}

static struct node *make_node(struct worker *self, uint64_t number, uint64_t tree)
{
	struct node *node = take(self, sizeof(*node));
	*node = (struct node){ NULL, NULL, number, stamp_of(number, tree) };
	return node;
}

static void populate(struct worker *self, struct node *node, unsigned depth, uint64_t tree)
{
	if (depth == 0)
		return;
	node->left = make_node(self, 2 * node->number, tree);
	node->right = make_node(self, 2 * node->number + 1, tree);
	populate(self, node->left, depth - 1, tree);
	populate(self, node->right, depth - 1, tree);
}

static struct node *build_down(struct worker *self, unsigned depth, uint64_t tree)
{
	struct node *root = make_node(self, 1, tree);
	populate(self, root, depth, tree);
	return root;
}

static struct node *build_up(struct worker *self, unsigned depth, uint64_t number, uint64_t tree)
{
	struct node *left = depth ? build_up(self, depth - 1, 2 * number, tree) : NULL;
	struct node *right = depth ? build_up(self, depth - 1, 2 * number + 1, tree) : NULL;
	struct node *node = make_node(self, number, tree);
	node->left = left;
	node->right = right;
	return node;
}

static void tear_down(struct worker *self, struct node *node, uint64_t number, uint64_t tree)
{
	if (!node)
		return;
	if (node->number != number || node->stamp != stamp_of(number, tree))
		stress_fail("node %llu of tree %llu: overwritten, or another node lies in the same place",
			    (unsigned long long)number, (unsigned long long)tree);
	tear_down(self, node->left, 2 * number, tree);
	tear_down(self, node->right, 2 * number + 1, tree);
	give(self, node, sizeof(*node));
}

/* One depth: enough trees for the nodes of a round, and one at least. */
static void run_depth(struct worker *self, unsigned depth, uint64_t *next_tree)
{
	size_t nodes_a_tree = (size_t)2 << depth;
	for (size_t made = 0; made < stress_share(NODES_A_DEPTH); made += nodes_a_tree) {
		uint64_t tree = (*next_tree)++;
		struct node *root = tree % 2 ? build_down(self, depth, tree) : build_up(self, depth, 1, tree);
		tear_down(self, root, 1, tree);
	}
}

static unsigned lasting_depth(void)
{
	return 62 - (unsigned)__builtin_clzll(stress_share(LASTING_NODES));
}

static void work(struct worker *self)
{
	uint64_t next_tree = 1;
	struct node *lasting = build_down(self, lasting_depth(), 0);
	void *array = block_take(self, stress_share(ARRAY_BYTES), self->index);
	while (worker_goes_on(self))
		for (unsigned depth = DEPTH_LOW; depth <= DEPTH_HIGH; depth += DEPTH_STEP)
			run_depth(self, depth, &next_tree);
	block_give(self, array, self->index);
	tear_down(self, lasting, 1, 0);
}

const struct pattern pattern = {
	.name = "tree",
	.imitates = "binary trees built and torn down beside one that stays (after GCBench, Ellis, Kovac and Boehm)",
	.threads = 1,
	.rounds = 100,
	.is_quick = true,
	.work = work,
};
