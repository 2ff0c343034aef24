/* SPDX-License-Identifier: MIT */
/* sizes.h - block sizes as real programs ask for them
 *
 * Measured, not invented: sizes/record.c recorded the requests (malloc, calloc and
 * realloc) of five programs on Debian 12, and sizes/make-table made the rows.  Each
 * program weighs a fifth.  It is what is asked for, not what stays alive.
 *
 *   python3     PYTHONMALLOC=malloc; 5 MB of JSON written, parsed, split and counted
 *   g++ -O2     a file with regex, map, unordered_map and iostream
 *   perl        a hash of arrays of 200,000 random words, sorted and joined
 *   sqlite3     100,000 rows in memory with an index, grouped and joined
 *   redis       redis-benchmark with set, lpush, hset, zadd and sadd of 100 bytes
 *
 * 62 % are up to 32 bytes, 90 % up to 128, 96 % up to 1 KiB; the rest is 4 % of the
 * requests and most of the bytes.
 */
#ifndef BENCH_SIZES_H
#define BENCH_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "random.h"

#define SIZE_SMALLEST 8	/* so that a block can hold a mark */

/* A band of sizes: above the row before, up to `end`; parts of 100,000 requests. */
struct size_band {
	uint32_t end, parts;
};

static const struct size_band size_bands[] = {
	{16, 32585},
	{32, 29454},
	{48, 9140},
	{64, 8949},
	{80, 3684},
	{96, 703},
	{112, 4774},
	{128, 472},
	{160, 2226},
	{192, 591},
	{224, 1113},
	{256, 580},
	{320, 354},
	{384, 369},
	{448, 155},
	{512, 215},
	{640, 172},
	{768, 120},
	{896, 100},
	{1024, 193},
	{1280, 1389},
	{1536, 71},
	{1792, 68},
	{2048, 72},
	{2560, 112},
	{3072, 58},
	{3584, 74},
	{4096, 492},
	{5120, 755},
	{6144, 78},
	{7168, 116},
	{8192, 692},
	{10240, 13},
	{12288, 9},
	{14336, 5},
	{16384, 12},
	{20480, 11},
	{24576, 3},
	{28672, 2},
	{32768, 3},
	{40960, 2},
	{49152, 1},
	{57344, 1},
	{65536, 9},
};

/* A size from the table, none above `limit`, which is an end in it. */
static inline uint32_t size_draw(struct random_source *source, uint32_t limit)
{
	uint64_t all = 0;
	for (const struct size_band *band = size_bands; band == size_bands || band[-1].end < limit; band++)
		all += band->parts;
	uint64_t part = random_below(source, all);
	const struct size_band *band = size_bands;
	for (; part >= band->parts; band++)
		part -= band->parts;
	uint32_t first = band == size_bands ? SIZE_SMALLEST : band[-1].end + 1;
	return (uint32_t)random_between(source, first, band->end);
}

#endif
