/* SPDX-License-Identifier: MIT */
/* plot_open.c - a heap in memory of the program is made, found again, checked and closed
 *
 * What is found is not trusted.  The head has a sum of its constant fields; a heap that was closed
 * has a sum of its maps.  If it was not closed, the process ended in the middle: then any maps are
 * taken as they are and repaired, so that they are sound whatever they said.
 */
#include "named/plot.h"

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/text.h"

#define VERSION 1
static const char magic[8] = "seaheap";

/* In is_closed: the maps are being cleared, and sum_of_maps is how many notes there are. */
#define IS_CLEARING 2

/* Ranges that can be noted in a plot of less than SMALL bytes: 0.8 % of 64 KiB. */
#define NOTES_IN_SMALL 16
#define SMALL SEA_MIB

/* --- layout -------------------------------------------------------------------------------- */

static size_t nr_words(size_t nr) { return nr / 64 + 1; }
static size_t nr_stripes(size_t nr) { return nr / SEA_PLOT_STRIPE + 1; }
static size_t nr_groups(size_t nr) { return nr_stripes(nr) / SEA_PLOT_GROUP + 1; }

static size_t most_notes(size_t length) { return length < SMALL ? NOTES_IN_SMALL : SEA_MAX_NOTES; }

/* Granules of the metadata. */
static size_t metadata_for(size_t length, size_t nr)
{
	size_t bytes = sizeof(struct sea_plot_head) + most_notes(length) * sizeof(struct sea_note);
	bytes += 2 * nr_words(nr) * sizeof(uint64_t);
	bytes += (3 * nr_stripes(nr) + nr_groups(nr)) * sizeof(uint32_t);
	return (bytes + SEA_GRANULE - 1) / SEA_GRANULE;
}

/* Finds the granules of the memory; false if it is too short or too long. */
static bool measure(struct sea_plot *plot, struct sea_brought brought)
{
	char *first = (char *)sea_round_up((uintptr_t)brought.base, SEA_GRANULE);
	if (brought.length < SEA_PLOT_LEAST || brought.length > SEA_PLOT_MOST ||
	    brought.length > UINTPTR_MAX - (uintptr_t)brought.base)
		return false;
	plot->brought = brought;
	plot->first = first;
	plot->nr = (brought.length - (size_t)(first - brought.base)) / SEA_GRANULE;
	SEA_ASSERT(plot->nr > 0 && sea_plot_address(plot, plot->nr) <= brought.base + brought.length);
	return true;
}

/* Finds the parts of the metadata that starts at granule `at`. */
static void lay_out(struct sea_plot *plot, size_t at)
{
	char *next = sea_plot_address(plot, at);
	plot->head = (struct sea_plot_head *)next;
	next += sizeof(struct sea_plot_head);
	plot->notes = (struct sea_note *)next;
	next += most_notes(plot->brought.length) * sizeof(struct sea_note);
	plot->seam = (uint64_t *)next;
	plot->used = plot->seam + nr_words(plot->nr);
	plot->hint = (uint32_t *)(plot->used + nr_words(plot->nr));
	plot->reach = plot->hint + nr_stripes(plot->nr);
	plot->back = plot->reach + nr_stripes(plot->nr);
	plot->far_hint = plot->back + nr_stripes(plot->nr);
	SEA_ASSERT((char *)(plot->far_hint + nr_groups(plot->nr)) <= sea_plot_address(plot, plot->nr));
}
_Static_assert(sizeof(struct sea_plot_head) % SEA_GRANULE == 0, "the maps behind it are aligned");

/* --- sums ------------------------------------------------------------------------------------ */

/* FNV-1a by words (Fowler, Noll, Vo). */
static uint64_t add_to_sum(uint64_t sum, const uint64_t *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		sum = (sum ^ words[i]) * 0x100000001b3ull;
	return sum;
}

static uint64_t sum_of_head(const struct sea_plot_head *head)
{
	uint64_t fields[] = {head->version, head->length, head->skew, head->nr, head->most_notes};
	return add_to_sum(0xcbf29ce484222325ull, fields, sizeof(fields) / sizeof(*fields));
}

static uint64_t sum_of_maps(const struct sea_plot *plot)
{
	uint64_t sum = add_to_sum(sum_of_head(plot->head), plot->seam, nr_words(plot->nr));
	uint64_t fields[] = {plot->head->root, plot->head->nr_notes};
	sum = add_to_sum(sum, fields, 2);
	sum = add_to_sum(sum, (const uint64_t *)plot->notes, plot->head->nr_notes * sizeof(struct sea_note) / 8);
	return add_to_sum(sum, plot->used, nr_words(plot->nr));
}

/* --- making ---------------------------------------------------------------------------------- */

/* One hole, and the sentinel behind it. */
static void start_maps(struct sea_plot *plot)
{
	memset(plot->seam, 0, nr_words(plot->nr) * sizeof(*plot->seam));
	memset(plot->used, 0, nr_words(plot->nr) * sizeof(*plot->used));
	memset(plot->hint, 0, nr_stripes(plot->nr) * sizeof(*plot->hint));
	memset(plot->far_hint, 0, nr_groups(plot->nr) * sizeof(*plot->far_hint));
	sea_bit_set(plot->seam, 0);
	sea_bit_set(plot->seam, plot->nr);
	sea_bit_set(plot->used, plot->nr);
	sea_plot_note_hole(plot, 0, plot->nr);
}

/* The lowest granule behind `at` at which so many are not occupied; plot->nr: there is none. */
static size_t gap_for(const struct sea_plot *plot, size_t nr, const struct sea_note *occupied, size_t nr_occupied)
{
	size_t at = 0, i = 0;
	while (i < nr_occupied) {
		bool overlaps = occupied[i].from < at + nr && at < occupied[i].from + occupied[i].nr;
		at = overlaps ? occupied[i].from + occupied[i].nr : at;
		i = overlaps ? 0 : i + 1;
	}
	return at + nr <= plot->nr ? at : plot->nr;
}

static void write_head(struct sea_plot *plot, const char *name)
{
	struct sea_plot_head *head = plot->head;
	memset(head, 0, sizeof(*head));
	head->version = VERSION;
	head->length = plot->brought.length;
	head->skew = (uint64_t)(plot->first - plot->brought.base);
	head->nr = plot->nr;
	head->most_notes = most_notes(plot->brought.length);
	head->sum = sum_of_head(head);
	sea_text_copy(head->name, SEA_NAME_ROOM, name);
}

bool sea_plot_create(struct sea_plot *plot, struct sea_brought brought, const char *name,
		      const struct sea_note *occupied, size_t nr_occupied)
{
	if (!measure(plot, brought))
		return false;
	size_t nr = metadata_for(brought.length, plot->nr), at = gap_for(plot, nr, occupied, nr_occupied);
	if (at == plot->nr || nr_occupied >= most_notes(brought.length))
		return false;
	lay_out(plot, at);
	write_head(plot, name);
	start_maps(plot);
	struct sea_note own = {at, nr, SEA_NOTE_OCCUPIED, "seamalloc"};
	bool noted = sea_plot_note(plot, &own) == SEA_NOTED;
	for (size_t i = 0; i < nr_occupied && noted; i++)
		noted = sea_plot_note(plot, &occupied[i]) == SEA_NOTED;
	if (noted)
		memcpy(plot->head->magic, magic, sizeof(magic));
	return noted;
}

/* Claim: the note is of granules that there are. */
static bool is_inside(const struct sea_plot *plot, const struct sea_note *note)
{
	return note->nr && note->from < plot->nr && note->nr <= plot->nr - note->from;
}

/* Frees all but what is noted.  Until it has ended the head says what to begin again with: the
 * notes themselves stay where they are.  False: they are broken. */
static bool clear(struct sea_plot *plot, uint32_t nr_notes)
{
	SEA_ASSERT(nr_notes <= plot->head->most_notes);
	struct sea_plot_head *head = plot->head;
	bool sound = true;
	head->sum_of_maps = nr_notes;
	sea_before_a_signal();
	head->is_closed = IS_CLEARING;
	sea_before_a_signal();
	head->root = 0;
	start_maps(plot);
	head->nr_notes = 0;
	for (uint32_t i = 0; i < nr_notes && sound; i++)
		sound = is_inside(plot, &plot->notes[i]) && sea_plot_note(plot, &plot->notes[i]) == SEA_NOTED;
	sea_before_a_signal();
	head->is_closed = 0;
	return sound;
}

void sea_plot_clear(struct sea_plot *plot) { SEA_CHECK(clear(plot, plot->head->nr_notes)); }

/* --- finding it again ------------------------------------------------------------------------ */

static bool is_head(const struct sea_plot *plot)
{
	const struct sea_plot_head *head = plot->head;
	return !memcmp(head->magic, magic, sizeof(magic)) && head->version == VERSION && head->sum == sum_of_head(head) &&
	       head->length == plot->brought.length && head->nr == plot->nr &&
	       head->skew == (uint64_t)(plot->first - plot->brought.base) &&
	       head->most_notes == most_notes(head->length);
}

/* Claim: a chunk of this length starts there.  The maps may be anything. */
static bool is_chunk(const struct sea_plot *plot, uint64_t from, uint64_t nr)
{
	if (from >= plot->nr || nr > plot->nr - from || !nr || !sea_bit_test(plot->seam, from))
		return false;
	return sea_bits_find(plot->seam, from + 1, plot->nr + 1, true) == from + nr;
}

/* Claim: the notes are of chunks, and the first is that of the metadata.  They become used
 * chunks. */
static bool take_notes(struct sea_plot *plot)
{
	const struct sea_plot_head *head = plot->head;
	if (!head->nr_notes || head->nr_notes > head->most_notes || plot->notes[0].from ||
	    plot->notes[0].nr != metadata_for(head->length, plot->nr))
		return false;
	for (uint32_t i = 0; i < head->nr_notes; i++) {
		struct sea_note *note = &plot->notes[i];
		if (!is_chunk(plot, note->from, note->nr) || note->kind > SEA_NOTE_RESERVED)
			return false;
		note->label[SEA_LABEL_ROOM - 1] = '\0';
		sea_bits_set(plot->used, note->from, note->from + note->nr);
	}
	return true;
}

/* The ends of the maps, whatever was there. */
static void set_ends(struct sea_plot *plot)
{
	uint64_t inside = sea_mask(0, (unsigned)(plot->nr % 64)), end = 1ull << plot->nr % 64;
	plot->seam[plot->nr / 64] = (plot->seam[plot->nr / 64] & inside) | end;
	plot->used[plot->nr / 64] = (plot->used[plot->nr / 64] & inside) | end;
	sea_bit_set(plot->seam, 0);
}

/* Frees chunks that are used in part, joins free neighbours, and learns the hints. */
static void repair(struct sea_plot *plot)
{
	size_t hole = plot->nr; /* start of the hole that ends at `from`; plot->nr: none does */
	for (size_t from = 0, to; from < plot->nr; from = to) {
		to = sea_bits_find(plot->seam, from + 1, plot->nr + 1, true);
		bool is_used = sea_bits_find(plot->used, from, to, false) == to;
		if (is_used) {
			if (hole != plot->nr)
				sea_plot_note_hole(plot, hole, from);
			hole = plot->nr;
			continue;
		}
		sea_bits_clear(plot->used, from, to);
		if (hole != plot->nr)
			sea_bit_clear(plot->seam, from);
		else
			hole = from;
	}
	if (hole != plot->nr)
		sea_plot_note_hole(plot, hole, plot->nr);
}

enum sea_plot_found sea_plot_open(struct sea_plot *plot, struct sea_brought brought)
{
	if (!measure(plot, brought))
		return SEA_PLOT_NONE;
	if (metadata_for(brought.length, plot->nr) >= plot->nr)
		return SEA_PLOT_NONE;
	lay_out(plot, 0);
	if (!is_head(plot))
		return SEA_PLOT_NONE;
	if (plot->head->nr_notes > plot->head->most_notes)
		return SEA_PLOT_DAMAGED;
	if (plot->head->is_closed == IS_CLEARING) {
		uint64_t nr_notes = plot->head->sum_of_maps;
		if (nr_notes > plot->head->most_notes || !clear(plot, (uint32_t)nr_notes))
			return SEA_PLOT_DAMAGED;
	}
	if (plot->head->is_closed && plot->head->sum_of_maps != sum_of_maps(plot))
		return SEA_PLOT_DAMAGED;
	set_ends(plot);
	if (!take_notes(plot))
		return SEA_PLOT_DAMAGED;
	plot->head->is_closed = 0;
	plot->head->name[SEA_NAME_ROOM - 1] = '\0';
	memset(plot->hint, 0, nr_stripes(plot->nr) * sizeof(*plot->hint));
	memset(plot->far_hint, 0, nr_groups(plot->nr) * sizeof(*plot->far_hint));
	repair(plot);
	uint64_t root = plot->head->root;
	if (root > plot->nr || (root && !sea_plot_size(plot, sea_plot_address(plot, root - 1))))
		plot->head->root = 0;
	SEA_AUDIT(SEA_CHECK(sea_plot_is_sound(plot)));
	return SEA_PLOT_FOUND;
}

void sea_plot_close(struct sea_plot *plot, bool keeps)
{
	if (!keeps) {
		memset(plot->head->magic, 0, sizeof(plot->head->magic));
		return;
	}
	plot->head->sum_of_maps = sum_of_maps(plot);
	plot->head->is_closed = 1;
}
