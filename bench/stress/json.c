/* SPDX-License-Identifier: MIT */
/* json.c - documents: generate, parse, transform, serialise, free
 *
 * What services do with each message, and the best-known use of trees of small blocks in the
 * last years.  M. Yip's nativejson-benchmark (2014) compares time and memory of some 40 libraries
 * for parsing, serialising and walking; the simplest take a block for each value, and
 * let strings and member lists grow while they are read.
 *
 * Adapted: text is generated from the seed, parsed, and serialised again, which must give the
 * same text.  Then strings are replaced, members removed and added, and the result is
 * serialised and kept beside its tree until its place is needed.  Values are numbered in
 * the order of the text, and each walk verifies that it meets them in this order.
 */
#include "stress.h"

/* Documents of all threads that are kept: 50 MB, most of it trees. */
#define DOCUMENTS 300
#define DOCUMENTS_A_ROUND 20
/* Values below the root, and how deep they may be nested. */
#define MEMBERS_LOW 20
#define MEMBERS_HIGH 120
#define CHILDREN_HIGH 8
#define DEPTH_HIGH 5
#define KEY_LOW 3
#define KEY_HIGH 12
#define STRING_HIGH 60
#define NUMBER_DIGITS_HIGH 9
/* Room of a string, a list and a text when they begin. */
#define STRING_FIRST 16
#define LIST_FIRST 4
#define TEXT_FIRST 256
/* One value of so many is removed, and one added. */
#define CHANGE_ONE_OF 8

enum kind { NUMBER, STRING, ARRAY, OBJECT, NR_KINDS };

struct string {
	char *letters;
	size_t length;
	size_t capacity;
};

struct value {
	uint64_t stamp; /* of its number in its document */
	enum kind kind;
	uint32_t nr_children;
	uint32_t capacity;
	struct value **children;
	uintptr_t sum; /* of the addresses of children */
	struct string key;  /* of a member of an object */
	struct string text; /* of a string or a number */
};

struct document {
	struct string text; /* no letters: none yet */
	struct value *root;
};

struct parser {
	const char *at;
	uint32_t nr_values;
};

/* --- strings -------------------------------------------------------------------------- */

static struct string begin_string(struct worker *self, size_t capacity)
{
	return (struct string){ .letters = take(self, capacity), .capacity = capacity };
}

static void set_capacity(struct worker *self, struct string *string, size_t capacity)
{
	string->letters = resize(self, string->letters, string->capacity, capacity);
	string->capacity = capacity;
}

static void append(struct worker *self, struct string *string, char letter)
{
	if (string->length == string->capacity)
		set_capacity(self, string, 2 * string->capacity);
	string->letters[string->length++] = letter;
}

static void append_all(struct worker *self, struct string *string, const struct string *more)
{
	for (size_t i = 0; i < more->length; i++)
		append(self, string, more->letters[i]);
}

static void discard_string(struct worker *self, struct string *string)
{
	if (string->letters)
		give(self, string->letters, string->capacity);
	string->letters = NULL;
}

static bool is_equal(const struct string *a, const struct string *b)
{
	size_t i = 0;
	while (i < a->length && i < b->length && a->letters[i] == b->letters[i])
		i++;
	return i == a->length && i == b->length;
}

/* --- generating ----------------------------------------------------------------------- */

static void generate_letters(struct worker *self, struct string *text, size_t length, char first, unsigned nr)
{
	for (size_t i = 0; i < length; i++)
		append(self, text, (char)(first + (int)random_below(&self->random, nr)));
}

static void generate_quoted(struct worker *self, struct string *text, size_t length)
{
	append(self, text, '"');
	generate_letters(self, text, length, 'a', 26);
	append(self, text, '"');
}

static void generate(struct worker *self, struct string *text, unsigned depth);

static void generate_list(struct worker *self, struct string *text, unsigned depth, enum kind kind, size_t nr)
{
	append(self, text, kind == OBJECT ? '{' : '[');
	for (size_t i = 0; i < nr; i++) {
		if (i)
			append(self, text, ',');
		if (kind == OBJECT) {
			generate_quoted(self, text, random_between(&self->random, KEY_LOW, KEY_HIGH));
			append(self, text, ':');
		}
		generate(self, text, depth + 1);
	}
	append(self, text, kind == OBJECT ? '}' : ']');
}

/* The root is an object; half of the values are lists, while they may be. */
static void generate(struct worker *self, struct string *text, unsigned depth)
{
	enum kind kind = depth ? (enum kind)random_below(&self->random, depth < DEPTH_HIGH ? NR_KINDS : ARRAY) : OBJECT;
	size_t nr = depth ? random_between(&self->random, 0, CHILDREN_HIGH)
			  : random_between(&self->random, MEMBERS_LOW, MEMBERS_HIGH);
	if (kind == NUMBER)
		generate_letters(self, text, random_between(&self->random, 1, NUMBER_DIGITS_HIGH), '1', 9);
	else if (kind == STRING)
		generate_quoted(self, text, random_between(&self->random, 0, STRING_HIGH));
	else
		generate_list(self, text, depth, kind, nr);
}

/* --- values --------------------------------------------------------------------------- */

static struct value *make_value(struct worker *self, uint32_t number, enum kind kind)
{
	struct value *value = take(self, sizeof(*value));
	*value = (struct value){ .stamp = random_mix(number), .kind = kind };
	return value;
}

static uintptr_t sum_of(const struct value *value)
{
	uintptr_t sum = 0;
	for (uint32_t i = 0; i < value->nr_children; i++)
		sum += (uintptr_t)value->children[i];
	return sum;
}

/* Before one follows its pointers. */
static void verify(const struct value *value, uint32_t number)
{
	if (value->stamp != random_mix(number))
		stress_fail("value %u: overwritten, or another lies in the same place", number);
	if (value->sum != sum_of(value))
		stress_fail("value %u: its list of members was overwritten", number);
}

static void adopt(struct worker *self, struct value *list, struct value *child)
{
	if (list->nr_children == list->capacity) {
		uint32_t capacity = list->capacity ? 2 * list->capacity : LIST_FIRST;
		size_t size = capacity * sizeof(*list->children);
		list->children = list->capacity
			? resize(self, list->children, list->capacity * sizeof(*list->children), size)
			: take(self, size);
		list->capacity = capacity;
	}
	list->children[list->nr_children++] = child;
	list->sum += (uintptr_t)child;
}

/* Frees a tree; `number` is the next one of the walk. */
static void discard(struct worker *self, struct value *value, uint32_t *number)
{
	verify(value, (*number)++);
	for (uint32_t i = 0; i < value->nr_children; i++)
		discard(self, value->children[i], number);
	if (value->children)
		give(self, value->children, value->capacity * sizeof(*value->children));
	discard_string(self, &value->key);
	discard_string(self, &value->text);
	give(self, value, sizeof(*value));
}

/* --- parsing -------------------------------------------------------------------------- */

/* A parser that meets what was not written would go astray. */
static void expect(const struct parser *parser, bool is_as_written)
{
	if (!is_as_written)
		stress_fail("the text of a document was overwritten after %u values", parser->nr_values);
}

static struct string parse_quoted(struct worker *self, struct parser *parser)
{
	struct string string = begin_string(self, STRING_FIRST);
	expect(parser, *parser->at == '"');
	for (parser->at++; *parser->at != '"'; parser->at++) {
		expect(parser, *parser->at != 0);
		append(self, &string, *parser->at);
	}
	parser->at++;
	return string;
}

static struct string parse_digits(struct worker *self, struct parser *parser)
{
	struct string string = begin_string(self, STRING_FIRST);
	for (; *parser->at >= '0' && *parser->at <= '9'; parser->at++)
		append(self, &string, *parser->at);
	expect(parser, string.length > 0);
	return string;
}

static enum kind kind_at(const char *at)
{
	return *at == '{' ? OBJECT : *at == '[' ? ARRAY : *at == '"' ? STRING : NUMBER;
}

static struct value *parse(struct worker *self, struct parser *parser);

/* One child of a list, with its key and the comma behind it. */
static void parse_child(struct worker *self, struct parser *parser, struct value *list, uint32_t number)
{
	struct string key = { NULL, 0, 0 };
	if (list->kind == OBJECT) {
		key = parse_quoted(self, parser);
		expect(parser, *parser->at++ == ':');
	}
	struct value *child = parse(self, parser);
	child->key = key;
	verify(list, number);
	adopt(self, list, child);
	if (*parser->at == ',')
		parser->at++;
}

static struct value *parse(struct worker *self, struct parser *parser)
{
	uint32_t number = parser->nr_values++;
	struct value *value = make_value(self, number, kind_at(parser->at));
	if (value->kind == NUMBER) {
		value->text = parse_digits(self, parser);
	} else if (value->kind == STRING) {
		value->text = parse_quoted(self, parser);
	} else {
		parser->at++;
		while (*parser->at != '}' && *parser->at != ']')
			parse_child(self, parser, value, number);
		parser->at++;
	}
	return value;
}

/* --- serialising ---------------------------------------------------------------------- */

static void write_quoted(struct worker *self, struct string *text, const struct string *string)
{
	append(self, text, '"');
	append_all(self, text, string);
	append(self, text, '"');
}

static void write_value(struct worker *self, struct string *text, const struct value *value, uint32_t *number)
{
	verify(value, (*number)++);
	if (value->key.letters) {
		write_quoted(self, text, &value->key);
		append(self, text, ':');
	}
	if (value->kind == NUMBER)
		append_all(self, text, &value->text);
	if (value->kind == STRING)
		write_quoted(self, text, &value->text);
	if (value->kind < ARRAY)
		return;
	append(self, text, value->kind == OBJECT ? '{' : '[');
	for (uint32_t i = 0; i < value->nr_children; i++) {
		if (i)
			append(self, text, ',');
		write_value(self, text, value->children[i], number);
	}
	append(self, text, value->kind == OBJECT ? '}' : ']');
}

static struct string serialise(struct worker *self, const struct value *root)
{
	uint32_t number = 0;
	struct string text = begin_string(self, TEXT_FIRST);
	write_value(self, &text, root, &number);
	set_capacity(self, &text, text.length);
	return text;
}

/* --- transforming --------------------------------------------------------------------- */

struct change {
	uint32_t old_number; /* of the next value, before and after */
	uint32_t new_number;
};

static void replace_text(struct worker *self, struct string *text)
{
	size_t length = random_between(&self->random, 0, STRING_HIGH);
	discard_string(self, text);
	*text = begin_string(self, length ? length : 1);
	generate_letters(self, text, length, 'A', 26);
}

/* Another number at the end of a list. */
static void add_number(struct worker *self, struct value *list, struct change *change)
{
	struct value *value = make_value(self, change->new_number++, NUMBER);
	value->text = begin_string(self, NUMBER_DIGITS_HIGH);
	generate_letters(self, &value->text, NUMBER_DIGITS_HIGH, '1', 9);
	if (list->kind == OBJECT) {
		value->key = begin_string(self, KEY_HIGH);
		generate_letters(self, &value->key, KEY_HIGH, 'A', 26);
	}
	adopt(self, list, value);
}

static void transform(struct worker *self, struct value *value, struct change *change)
{
	uint32_t nr_kept = 0;
	verify(value, change->old_number++);
	value->stamp = random_mix(change->new_number++);
	if (value->kind == STRING)
		replace_text(self, &value->text);
	for (uint32_t i = 0; i < value->nr_children; i++) {
		if (random_is(&self->random, 1, CHANGE_ONE_OF)) {
			discard(self, value->children[i], &change->old_number);
			continue;
		}
		transform(self, value->children[i], change);
		value->children[nr_kept++] = value->children[i];
	}
	value->nr_children = nr_kept;
	value->sum = sum_of(value);
	if (value->kind >= ARRAY && random_is(&self->random, 1, CHANGE_ONE_OF))
		add_number(self, value, change);
}

/* --- documents ------------------------------------------------------------------------ */

static void discard_document(struct worker *self, struct document *document)
{
	uint32_t number = 0;
	struct string text = serialise(self, document->root);
	if (!is_equal(&text, &document->text))
		stress_fail("a document of %zu letters has changed while it was kept", document->text.length);
	discard_string(self, &text);
	discard_string(self, &document->text);
	discard(self, document->root, &number);
}

/* A document from text, whose tree gives the same text again. */
static struct value *parse_document(struct worker *self)
{
	struct string text = begin_string(self, TEXT_FIRST);
	generate(self, &text, 0);
	append(self, &text, 0);
	struct parser parser = { .at = text.letters, .nr_values = 0 };
	struct value *root = parse(self, &parser);
	struct string again = serialise(self, root);
	text.length--; /* the zero at its end */
	if (!is_equal(&text, &again))
		stress_fail("a document of %zu letters was not serialised as it was parsed", text.length);
	discard_string(self, &text);
	discard_string(self, &again);
	return root;
}

static struct document make_document(struct worker *self)
{
	struct document document = { .root = parse_document(self) };
	struct change change = { 0, 0 };
	transform(self, document.root, &change);
	document.text = serialise(self, document.root);
	return document;
}

static void work(struct worker *self)
{
	size_t nr = stress_share(DOCUMENTS);
	struct document *documents = take_zeroed(self, nr * sizeof(*documents));
	while (worker_goes_on(self)) {
		for (size_t i = stress_share(DOCUMENTS_A_ROUND); i > 0; i--) {
			struct document *document = &documents[random_below(&self->random, nr)];
			if (document->root)
				discard_document(self, document);
			*document = make_document(self);
		}
	}
	for (size_t i = 0; i < nr; i++)
		if (documents[i].root)
			discard_document(self, &documents[i]);
	give(self, documents, nr * sizeof(*documents));
}

const struct pattern pattern = {
	.name = "json",
	.imitates = "JSON documents: generate, parse, transform, serialise, free (after nativejson-benchmark, Yip 2014)",
	.threads = 1,
	.rounds = 50,
	.is_quick = true,
	.work = work,
};
