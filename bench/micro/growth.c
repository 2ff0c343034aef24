/* SPDX-License-Identifier: MIT */
/* growth.c - blocks that realloc makes larger
 *
 *   realloc_steps/STEP/MIB   one block from nothing to MIB mebibytes, STEP bytes at a time,
 *                            as a log or a download grows; a word in each page is written
 *   realloc_double           a vector that doubles from 16 bytes to 64 KiB
 *
 * An iteration is the whole growth.  What each step wrote is checked at the end.
 */
#include "block.h"
#include "memory.h"
#include "shim.h"

#define PAGE 4096
#define VECTOR_FIRST 16
#define VECTOR_LAST (64 * KIB)
#define WORDS_PER_PAGE (PAGE / sizeof(uint64_t))

/* Writes the number of each word, one word in a page, from byte `from` to byte `to`. */
static void number_pages(uint64_t *words, size_t from, size_t to)
{
	for (size_t i = from / sizeof *words; i < to / sizeof *words; i += WORDS_PER_PAGE)
		words[i] = i;
}

static bool is_numbered(const uint64_t *words, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof *words; i += WORDS_PER_PAGE) {
		if (words[i] != i)
			return false;
	}
	return true;
}

/* Frees the block and says whether it has what was written. */
static const char *finish(uint64_t *words, size_t size)
{
	bool is_sound = is_numbered(words, size);
	free(words);
	return is_sound ? NULL : DATA_CHANGED;
}

/* Makes `*words` larger and writes the new part; frees it where that fails. */
static const char *grow(uint64_t **words, size_t from, size_t to)
{
	uint64_t *grown = realloc(*words, to);
	if (!grown) {
		free(*words);
		return OUT_OF_MEMORY;
	}
	number_pages(grown, from, to);
	*words = grown;
	return NULL;
}

static const char *grow_by_steps(size_t step, size_t last)
{
	uint64_t *words = NULL;
	for (size_t size = 0; size < last; size += step) {
		const char *reason = grow(&words, size, size + step);
		if (reason)
			return reason;
	}
	return finish(words, last);
}

static void run_steps(struct bench_state *state, const void *argument)
{
	(void)argument;
	size_t step = (size_t)bench_range(state, 0), last = (size_t)bench_range(state, 1) * MIB;
	while (bench_keep_running(state)) {
		const char *reason = grow_by_steps(step, last);
		if (reason)
			bench_skip(state, reason);
	}
	memory_report(state, last);
	bench_set_operations(state, (int64_t)(last / step + 1) * bench_iterations(state));
}

/* Doubles a vector; the mark at its old end shows that the content came along. */
static const char *grow_by_doubling(void)
{
	uint64_t *words = NULL;
	for (size_t size = VECTOR_FIRST; size <= VECTOR_LAST; size *= 2) {
		uint64_t *grown = realloc(words, size);
		if (!grown) {
			free(words);
			return OUT_OF_MEMORY;
		}
		words = grown;
		if (size > VECTOR_FIRST && !is_marked(words, size / 2, size / 2)) {
			free(words);
			return DATA_CHANGED;
		}
		touch(words, size, size);
	}
	free(words);
	return NULL;
}

static void run_double(struct bench_state *state, const void *argument)
{
	(void)argument;
	int64_t operations = 1;	/* the free */
	for (size_t size = VECTOR_FIRST; size <= VECTOR_LAST; size *= 2)
		operations++;
	while (bench_keep_running(state)) {
		const char *reason = grow_by_doubling();
		if (reason)
			bench_skip(state, reason);
	}
	bench_set_operations(state, operations * bench_iterations(state));
}

static void note_base(const struct bench_state *state, const void *argument)
{
	(void)state, (void)argument;
	memory_note_base();
}

BENCH_REGISTER(growth)
{
	static const int64_t by_64_kib[] = {64 * KIB, 200};
	struct bench *steps = bench_add("realloc_steps", run_steps, NULL);
	bench_with_arguments(steps, 2, by_64_kib);
	bench_with_hooks(steps, note_base, NULL);
	bench_add("realloc_double", run_double, NULL);
	bench_quick("realloc_double");
}
