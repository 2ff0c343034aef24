/* SPDX-License-Identifier: MIT */
/* spots.c - ranges found, reserved and released */
#include "named/spots.h"

#include "base/check.h"
#include "base/text.h"
#include "heap/mistake.h"
#include "named/runs.h"
#include "secure/secure.h"

/* --- which ranges ------------------------------------------------------------------------ */

static void set(struct sea_spot *spot, char *base, size_t length, enum sea_spot_kind kind, const char *label)
{
	SEA_ASSERT(length > 0);
	*spot = (struct sea_spot){.base = base, .length = length, .kind = kind};
	sea_text_copy(spot->label, SEA_NAME_ROOM, label);
}

/* The lowest note that ends above granule g, or NULL. */
static const struct sea_note *note_above(const struct sea_plot *plot, size_t g)
{
	const struct sea_note *lowest = NULL;
	for (uint32_t i = 0; i < plot->head->nr_notes; i++) {
		const struct sea_note *note = &plot->notes[i];
		if (note->from + note->nr > g && (!lowest || note->from < lowest->from))
			lowest = note;
	}
	return lowest;
}

/* A note, or what is available up to the next one. */
static bool next_in_plot(const struct sea_named *named, const char *from, struct sea_spot *spot)
{
	const struct sea_plot *plot = named->plot;
	size_t g = from > plot->first ? (size_t)(from - plot->first + SEA_GRANULE - 1) / SEA_GRANULE : 0;
	const struct sea_note *note = note_above(plot, g);
	if (g >= plot->nr)
		return false;
	if (!note || note->from > g) {
		size_t end = note ? note->from : plot->nr;
		set(spot, sea_plot_address(plot, g), (end - g) * SEA_GRANULE, SEA_SPOT_AVAILABLE, named->name);
		return true;
	}
	set(spot, sea_plot_address(plot, note->from), note->nr * SEA_GRANULE,
	    note->kind == SEA_NOTE_RESERVED ? SEA_SPOT_RESERVED : SEA_SPOT_OCCUPIED, note->label);
	return true;
}

static bool is_next(const char *base, size_t length, const char *from, const struct sea_spot *best)
{
	return base + length > from && (!best->base || base < best->base);
}

/* A zone is available, a large block is occupied. */
static bool next_in_zones(const struct sea_named *named, const char *from, struct sea_spot *spot)
{
	*spot = (struct sea_spot){0};
	for (uint32_t i = 0; i < named->shard.nr_zones; i++) {
		char *base = named->shard.zones[i]->base;
		if (is_next(base, SEA_ZONE_SIZE, from, spot))
			set(spot, base, SEA_ZONE_SIZE, SEA_SPOT_AVAILABLE, named->name);
	}
	for (const struct sea_run *run = named->runs; run; run = run->next)
		if (is_next(run->base, run->size, from, spot))
			set(spot, run->base, run->size, SEA_SPOT_OCCUPIED, run->is_shared ? "shared block" : "large block");
	return spot->base;
}

bool sea_named_next_spot(uint64_t handle, const char *verb, const char *from, struct sea_spot *spot)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	bool found = named->plot ? next_in_plot(named, from, spot) : next_in_zones(named, from, spot);
	sea_named_leave(named);
	return found;
}

/* --- reserving ------------------------------------------------------------------------------- */

/* False: the range is empty or not wholly in the plot. */
static bool granules_of(const struct sea_plot *plot, const char *base, size_t length, struct sea_note *note)
{
	const char *last = sea_plot_address(plot, plot->nr);
	if (!length || base < plot->first || base >= last || length > (size_t)(last - base))
		return false;
	note->from = (size_t)(base - plot->first) / SEA_GRANULE;
	note->nr = ((size_t)(base - plot->first) + length + SEA_GRANULE - 1) / SEA_GRANULE - note->from;
	SEA_ASSERT(note->nr > 0 && note->from + note->nr <= plot->nr);
	return true;
}

static enum sea_reserved reserve(struct sea_plot *plot, char *base, size_t length, const char *label)
{
	static const enum sea_reserved result[] = {
		[SEA_NOTED] = SEA_RESERVED, [SEA_NOT_FREE] = SEA_RESERVED_IN_USE, [SEA_NO_ROOM_FOR_NOTE] = SEA_RESERVED_NO_ROOM};
	struct sea_note note = {.kind = SEA_NOTE_RESERVED};
	if (!plot || !granules_of(plot, base, length, &note))
		return SEA_RESERVED_INVALID;
	sea_text_copy(note.label, SEA_LABEL_ROOM, label);
	return result[sea_plot_note(plot, &note)];
}

enum sea_reserved sea_named_reserve(uint64_t handle, const char *verb, char *base, size_t length, const char *label)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	enum sea_reserved result = reserve(named->plot, base, length, label);
	sea_named_leave(named);
	return result;
}

bool sea_named_unreserve(uint64_t handle, const char *verb, char *base)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	struct sea_note note;
	bool done = named->plot && granules_of(named->plot, base, 1, &note) && sea_plot_unnote(named->plot, note.from);
	sea_named_leave(named);
	return done;
}

/* --- brought memory -------------------------------------------------------------------------- */

bool sea_named_is_brought(uint64_t handle, const char *verb)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	bool is_brought = named->plot;
	sea_named_leave(named);
	return is_brought;
}

bool sea_named_set_root(uint64_t handle, const char *verb, void *block)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	struct sea_plot *plot = named->plot;
	if (plot && block && !sea_plot_size(plot, block) && sea_secure_is_on() && sea_secure_has(block))
		sea_fatal_block(verb, block, "this block was not allocated in this heap", 0, 0);
	if (plot && block && !sea_plot_size(plot, block))
		sea_mistake(verb, block);
	if (plot)
		plot->head->root = block ? (uint64_t)((char *)block - plot->first) / SEA_GRANULE + 1 : 0;
	sea_named_leave(named);
	return plot;
}

void *sea_named_root(uint64_t handle, const char *verb)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	const struct sea_plot *plot = named->plot;
	void *root = plot && plot->head->root ? sea_plot_address(plot, plot->head->root - 1) : NULL;
	sea_named_leave(named);
	return root;
}
