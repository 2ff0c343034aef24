/* SPDX-License-Identifier: MIT */
/* audit.c - walking a segment: counts, and the invariants
 *
 * The walk follows the seam bitmap, so it ends on any contents.
 */
#include "segment/gaps.h"
#include "segment/layout.h"

bool sea_segment_chunk_from(const struct sea_segment *segment, size_t offset, struct sea_segment_chunk *chunk)
{
	size_t metadata = (size_t)(segment->data - segment->base);
	size_t g = offset <= metadata ? 0 : (offset - metadata + SEA_SEGMENT_GRANULE - 1) / SEA_SEGMENT_GRANULE;
	if (g >= segment->nr_granules)
		return false;
	if (!sea_layout_is_seam(segment, g))
		g = sea_layout_next(segment, g);
	if (g >= segment->nr_granules)
		return false;
	SEA_ASSERT(sea_layout_next(segment, g) > g && sea_layout_next(segment, g) <= segment->nr_granules);
	*chunk = (struct sea_segment_chunk){
		.offset = metadata + g * SEA_SEGMENT_GRANULE,
		.size = (sea_layout_next(segment, g) - g) * SEA_SEGMENT_GRANULE,
		.is_used = !sea_layout_is_end(segment, g),
	};
	return true;
}

bool sea_segment_walk(const struct sea_segment *segment, bool (*visit)(const struct sea_segment_chunk *, void *),
		      void *context)
{
	struct sea_segment_chunk chunk;
	if (!sea_layout_is_seam(segment, 0))
		return false;
	for (size_t at = 0; sea_segment_chunk_from(segment, at, &chunk); at = chunk.offset + chunk.size)
		if (!visit(&chunk, context))
			break;
	return true;
}

static bool count_chunk(const struct sea_segment_chunk *chunk, void *context)
{
	struct sea_segment_counts *counts = context;
	if (chunk->is_used) {
		counts->used += chunk->size;
		counts->nr_blocks++;
	} else {
		counts->free += chunk->size;
		counts->nr_holes++;
		counts->largest = sea_max(counts->largest, chunk->size);
	}
	return true;
}

void sea_segment_count(const struct sea_segment *segment, struct sea_segment_counts *counts)
{
	size_t data = segment->nr_granules * SEA_SEGMENT_GRANULE;
	*counts = (struct sea_segment_counts){.metadata = (size_t)(segment->data - segment->base)};
	counts->length = counts->metadata + data;
	sea_segment_walk(segment, count_chunk, counts);
}

void sea_segment_measure(const struct sea_segment *segment, struct sea_segment_counts *counts)
{
	const struct sea_segment_header *header = segment->header;
	size_t data = segment->nr_granules * SEA_SEGMENT_GRANULE;
	size_t used = sea_min(sea_load_relaxed(&header->nr_used), segment->nr_granules) * SEA_SEGMENT_GRANULE;
	*counts = (struct sea_segment_counts){.metadata = (size_t)(segment->data - segment->base),
					      .used = used,
					      .free = data - used,
					      .nr_blocks = sea_load_relaxed(&header->nr_blocks),
					      .nr_holes = sea_load_relaxed(&header->nr_holes)};
	counts->length = counts->metadata + data;
}

/* Claim: no bit of `ends` in [from, to). */
static bool has_no_ends(const struct sea_segment *segment, size_t from, size_t to)
{
	return sea_bits_find(segment->ends, from, to, true) >= to;
}

/* SG2, SG3 and SG5 for the chunk [g, end). */
static bool chunk_is_sound(const struct sea_segment *segment, size_t g, size_t end)
{
	if (!sea_layout_is_end(segment, g))
		return has_no_ends(segment, g, end);
	bool is_merged = g == 0 || !sea_layout_is_end(segment, g - 1);
	if (!is_merged || sea_gaps_size(segment, g) != end - g)
		return false;
	if (sea_load_relaxed(&sea_gap_at(segment, end - 1)->size_at_end) != end - g)
		return false;
	return end - g <= 2 || has_no_ends(segment, g + 1, end - 1);
}

bool sea_segment_is_sound(const struct sea_segment *segment)
{
	struct sea_segment_counts counts;
	const struct sea_segment_header *header = segment->header;
	size_t nr_listed;
	if (segment->is_broken || !sea_layout_is_seam(segment, 0)) /* SG1 */
		return false;
	if (sea_load_relaxed(&header->nr_granules) != segment->nr_granules)
		return false;
	for (size_t g = 0, end; g < segment->nr_granules; g = end) {
		end = sea_layout_next(segment, g);
		if (!chunk_is_sound(segment, g, end))
			return false;
	}
	sea_segment_count(segment, &counts);
	if (!sea_gaps_are_sound(segment, &nr_listed) || nr_listed != counts.nr_holes)
		return false;
	return sea_load_relaxed(&header->nr_used) * SEA_SEGMENT_GRANULE == counts.used && /* SG6 */
	       sea_load_relaxed(&header->nr_blocks) == counts.nr_blocks &&
	       sea_load_relaxed(&header->nr_holes) == counts.nr_holes;
}
