/* SPDX-License-Identifier: MIT */
/* text.c - a compiler's use of memory: names, tokens, syntax trees, text that grows
 *
 * After what B. Zorn and D. Grunwald, "Empirical Measurements of Six Allocation-intensive C
 * Programs", SIGPLAN Notices 27(12), 1992, found in interpreters and tools, and
 * E. Berger, B. Zorn and K. McKinley, "Reconsidering Custom Memory Allocation", OOPSLA 2002, in
 * gcc: many small strings and nodes, freed together when a function or a unit is done.
 *
 * Adapted: a function is invented rather than read.  It is split into tokens, its names
 * are entered into a symbol table, a tree of random shape is built over the tokens, and the
 * tree is printed into a string that doubles by realloc.  Tokens and tree are freed whole;
 * the text is cut to its length and kept until its place is needed; symbols live until the
 * table is full.  The text must have the hash of the tokens.
 */
#include "stress.h"

/* Of all threads. */
#define SYMBOLS_HIGH 60000
#define VOCABULARY 200000
#define BUCKETS 32768
#define TEXTS_KEPT 2000
#define FUNCTIONS_A_ROUND 20
/* Tokens of a function. */
#define TOKENS_LOW 50
#define TOKENS_END 1600
#define WORD_LOW 1
#define WORD_HIGH 24
#define NAME_IS_ONE_OF 3
/* Children of an inner node; its array begins with room for two. */
#define CHILDREN_HIGH 6
#define CHILDREN_FIRST 2
#define TEXT_FIRST 64
/* A node with so few tokens has one leaf for each. */
#define LEAVES_AT_MOST 6
/* FNV-1a, by Fowler, Noll and Vo. */
#define FNV_START 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

struct token {
	struct token *next;
	uint64_t stamp;
	uint32_t word; /* the text is spelled from it */
	uint32_t length;
	char *text;
};

struct symbol {
	struct symbol *next;
	uint32_t word;
	uint32_t length;
	uint64_t nr_uses;
	char *name;
};

struct node {
	uint64_t stamp;
	uint32_t nr_children;
	uint32_t capacity;
	struct node **children; /* NULL: a leaf */
	uintptr_t sum;          /* of the addresses of children */
	struct token *token;    /* of a leaf */
};

struct string {
	char *letters;
	size_t length;
	size_t capacity;
	uint64_t hash; /* what the letters must have */
};

struct unit {
	struct symbol **buckets;
	size_t nr_symbols;
	struct string *texts;
	uint64_t nr_functions;
	uint32_t nr_nodes; /* of this function, built or seen */
};

/* --- words ---------------------------------------------------------------------------- */

static uint32_t length_of(uint32_t word)
{
	return WORD_LOW + (uint32_t)(random_mix(word) >> 32) % (WORD_HIGH - WORD_LOW + 1);
}

static char *spell(struct worker *self, uint32_t word, uint32_t length)
{
	uint64_t letters = random_mix(word);
	char *text = take(self, length);
	for (uint32_t i = 0; i < length; i++)
		text[i] = (char)('a' + (letters >> (4 * (i % 16)) & 15));
	return text;
}

static uint64_t hash_on(uint64_t hash, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * FNV_PRIME;
	return hash;
}

static void verify_word(const char *text, uint32_t word, uint32_t length)
{
	uint64_t letters = random_mix(word);
	bool is_sound = length == length_of(word);
	for (uint32_t i = 0; is_sound && i < length; i++)
		is_sound = text[i] == (char)('a' + (letters >> (4 * (i % 16)) & 15));
	if (!is_sound)
		stress_fail("word %u of %u letters was overwritten", word, length);
}

/* --- tokens --------------------------------------------------------------------------- */

static uint64_t token_stamp(size_t position, uint32_t word)
{
	return random_mix((uint64_t)position << 32 | word);
}

static struct token *scan(struct worker *self, size_t nr_tokens)
{
	struct token *first = NULL, **link = &first;
	for (size_t i = 0; i < nr_tokens; i++) {
		struct token *token = take(self, sizeof(*token));
		uint32_t word = (uint32_t)random_below(&self->random, VOCABULARY);
		*token = (struct token){ NULL, token_stamp(i, word), word, length_of(word), NULL };
		token->text = spell(self, word, token->length);
		*link = token;
		link = &token->next;
	}
	return first;
}

static void verify_token(const struct token *token, size_t position)
{
	if (token->stamp != token_stamp(position, token->word))
		stress_fail("token %zu: overwritten, or another lies in the same place", position);
	verify_word(token->text, token->word, token->length);
}

static void discard_tokens(struct worker *self, struct token *token)
{
	for (size_t i = 0; token; i++) {
		struct token *next = token->next;
		verify_token(token, i);
		give(self, token->text, token->length);
		give(self, token, sizeof(*token));
		token = next;
	}
}

/* --- symbols -------------------------------------------------------------------------- */

static struct symbol **bucket_of(const struct unit *unit, uint32_t word)
{
	return &unit->buckets[random_mix(word) % stress_share(BUCKETS)];
}

static void enter(struct worker *self, struct unit *unit, uint32_t word)
{
	struct symbol **bucket = bucket_of(unit, word), *symbol = *bucket;
	while (symbol && symbol->word != word) {
		if (bucket_of(unit, symbol->word) != bucket)
			stress_fail("symbol %u is in a bucket that is not its own", symbol->word);
		symbol = symbol->next;
	}
	if (!symbol) {
		symbol = take(self, sizeof(*symbol));
		*symbol = (struct symbol){ *bucket, word, length_of(word), 0, NULL };
		symbol->name = spell(self, word, symbol->length);
		*bucket = symbol;
		unit->nr_symbols++;
	}
	symbol->nr_uses++;
}

static void discard_symbols(struct worker *self, struct unit *unit)
{
	for (size_t i = 0; i < stress_share(BUCKETS); i++) {
		struct symbol *symbol;
		while ((symbol = unit->buckets[i])) {
			verify_word(symbol->name, symbol->word, symbol->length);
			unit->buckets[i] = symbol->next;
			give(self, symbol->name, symbol->length);
			give(self, symbol, sizeof(*symbol));
		}
	}
	unit->nr_symbols = 0;
}

/* --- trees ---------------------------------------------------------------------------- */

static uintptr_t sum_of(const struct node *node)
{
	uintptr_t sum = 0;
	for (uint32_t i = 0; i < node->nr_children; i++)
		sum += (uintptr_t)node->children[i];
	return sum;
}

/* Nodes are numbered as they are built: parents before children, left before right. */
static struct node *make_node(struct worker *self, struct unit *unit)
{
	struct node *node = take(self, sizeof(*node));
	*node = (struct node){ .stamp = random_mix(unit->nr_nodes++) };
	return node;
}

static void verify_node(const struct node *node, uint32_t number)
{
	if (node->stamp != random_mix(number))
		stress_fail("node %u: overwritten, or another lies in the same place", number);
	if (node->sum != sum_of(node))
		stress_fail("node %u: its list of children was overwritten", number);
}

static void adopt(struct worker *self, struct node *node, struct node *child)
{
	if (node->nr_children == node->capacity) {
		uint32_t capacity = node->capacity ? 2 * node->capacity : CHILDREN_FIRST;
		size_t size = capacity * sizeof(*node->children);
		node->children = node->capacity
			? resize(self, node->children, node->capacity * sizeof(*node->children), size)
			: take(self, size);
		node->capacity = capacity;
	}
	node->children[node->nr_children++] = child;
	node->sum += (uintptr_t)child;
}

/* A tree over the next nr_tokens tokens: either leaves, or subtrees over parts of them. */
static struct node *parse(struct worker *self, struct unit *unit, struct token **token, size_t nr_tokens)
{
	uint32_t number = unit->nr_nodes;
	struct node *node = make_node(self, unit);
	if (nr_tokens == 1) {
		node->token = *token;
		*token = (*token)->next;
		return node;
	}
	size_t nr_parts = nr_tokens <= LEAVES_AT_MOST ? nr_tokens : random_between(&self->random, 2, CHILDREN_HIGH);
	for (size_t left = nr_parts; left > 0; left--) {
		size_t part = nr_tokens / left;
		struct node *child = parse(self, unit, token, part);
		verify_node(node, number);
		adopt(self, node, child);
		nr_tokens -= part;
	}
	return node;
}

static void discard_tree(struct worker *self, struct unit *unit, struct node *node)
{
	verify_node(node, unit->nr_nodes++);
	for (uint32_t i = 0; i < node->nr_children; i++)
		discard_tree(self, unit, node->children[i]);
	if (node->children)
		give(self, node->children, node->capacity * sizeof(*node->children));
	give(self, node, sizeof(*node));
}

/* --- text ----------------------------------------------------------------------------- */

static void set_capacity(struct worker *self, struct string *string, size_t capacity)
{
	string->letters = resize(self, string->letters, string->capacity, capacity);
	string->capacity = capacity;
}

static void append(struct worker *self, struct string *string, const char *text, size_t length)
{
	while (string->length + length > string->capacity)
		set_capacity(self, string, 2 * string->capacity);
	for (size_t i = 0; i < length; i++)
		string->letters[string->length++] = text[i];
}

static void print(struct worker *self, struct unit *unit, struct string *string, const struct node *node)
{
	verify_node(node, unit->nr_nodes++);
	if (node->token)
		append(self, string, node->token->text, node->token->length);
	for (uint32_t i = 0; i < node->nr_children; i++)
		print(self, unit, string, node->children[i]);
}

static void discard_text(struct worker *self, struct string *string)
{
	if (string->hash != hash_on(FNV_START, string->letters, string->length))
		stress_fail("a text of %zu letters is not that of its tokens", string->length);
	give(self, string->letters, string->capacity);
	string->letters = NULL;
}

/* --- functions ------------------------------------------------------------------------ */

static struct string print_all(struct worker *self, struct unit *unit, const struct node *tree)
{
	struct string text = { .letters = take(self, TEXT_FIRST), .capacity = TEXT_FIRST };
	unit->nr_nodes = 0;
	print(self, unit, &text, tree);
	set_capacity(self, &text, text.length);
	return text;
}

/* Enters the names, and gives the hash of all tokens. */
static uint64_t resolve(struct worker *self, struct unit *unit, const struct token *token)
{
	uint64_t hash = FNV_START;
	for (size_t i = 0; token; token = token->next, i++) {
		verify_token(token, i);
		hash = hash_on(hash, token->text, token->length);
		if (token->word % NAME_IS_ONE_OF == 0)
			enter(self, unit, token->word);
	}
	return hash;
}

static void translate(struct worker *self, struct unit *unit)
{
	size_t nr_tokens = random_between(&self->random, TOKENS_LOW, TOKENS_END - 1);
	struct token *tokens = scan(self, nr_tokens), *next = tokens;
	struct string *kept = &unit->texts[unit->nr_functions++ % stress_share(TEXTS_KEPT)];
	uint64_t hash = resolve(self, unit, tokens);
	unit->nr_nodes = 0;
	struct node *tree = parse(self, unit, &next, nr_tokens);
	if (kept->letters)
		discard_text(self, kept);
	*kept = print_all(self, unit, tree);
	kept->hash = hash;
	unit->nr_nodes = 0;
	discard_tree(self, unit, tree);
	discard_tokens(self, tokens);
}

static void discard_texts(struct worker *self, struct unit *unit)
{
	for (size_t i = 0; i < stress_share(TEXTS_KEPT); i++)
		if (unit->texts[i].letters)
			discard_text(self, &unit->texts[i]);
}

static void work(struct worker *self)
{
	size_t buckets_bytes = stress_share(BUCKETS) * sizeof(struct symbol *);
	size_t texts_bytes = stress_share(TEXTS_KEPT) * sizeof(struct string);
	struct unit unit = { .buckets = take_zeroed(self, buckets_bytes), .texts = take_zeroed(self, texts_bytes) };
	while (worker_goes_on(self)) {
		for (size_t i = stress_share(FUNCTIONS_A_ROUND); i > 0; i--)
			translate(self, &unit);
		if (unit.nr_symbols > stress_share(SYMBOLS_HIGH))
			discard_symbols(self, &unit);
	}
	discard_symbols(self, &unit);
	discard_texts(self, &unit);
	give(self, unit.texts, texts_bytes);
	give(self, unit.buckets, buckets_bytes);
}

const struct pattern pattern = {
	.name = "text",
	.imitates = "a compiler: symbols, tokens, syntax trees and growing text, functions freed whole "
		    "(after Zorn and Grunwald 1992, Berger et al. 2002)",
	.threads = 1,
	.rounds = 200,
	.work = work,
};
