/* SPDX-License-Identifier: MIT */
/* brought.c - heap objects in brought memory: attached, found by address, detached
 *
 * BR1  plots.nr is the length of the list.
 * BR2  A plot in the list belongs to a heap that has this plot; an unused record belongs to none.
 * BR3  No two plots in the list have their metadata in the same place.
 */
#include "base/check.h"
#include "map/map.h"
#include "named/brought.h"

static struct {
	struct sea_plot *first, *unused; /* index lock */
	uint32_t nr;			  /* atomic */
} plots;

static struct sea_plot *take_record(void)
{
	sea_lock_take(&sea_named_lock);
	struct sea_plot *plot = plots.unused;
	if (plot)
		plots.unused = plot->next;
	else
		plot = sea_meta_alloc(sizeof(*plot));
	sea_lock_drop(&sea_named_lock);
	return plot;
}

static void give_record(struct sea_plot *plot)
{
	sea_lock_take(&sea_named_lock);
	plot->named = NULL;
	plot->next = plots.unused;
	plots.unused = plot;
	sea_lock_drop(&sea_named_lock);
}

/* Bytes in blocks, and how many these are. */
static size_t count_live(const struct sea_plot *plot, size_t *nr)
{
	size_t bytes = 0, at = 0, k;
	for (*nr = 0; sea_plot_next(plot, &at, &k); ++*nr)
		bytes += k * SEA_GRANULE;
	return bytes;
}

/* From now on the heap's blocks are there. */
static void attach(struct sea_named *named, struct sea_plot *plot)
{
	SEA_ASSERT(!named->plot && !plot->named);
	named->drawn = count_live(plot, &named->nr_drawn);
	SEA_ASSERT(named->drawn <= named->quota); /* NA3 */
	named->plot = plot;
	sea_lock_take(&sea_named_lock);
	plot->named = named;
	plot->next = plots.first;
	plots.first = plot;
	sea_add_relaxed_mt(&plots.nr, 1);
	sea_lock_drop(&sea_named_lock);
}

void sea_named_detach(struct sea_named *named, bool keeps)
{
	struct sea_plot *plot = named->plot, **link = &plots.first;
	SEA_ASSERT(plot && plot->named == named);
	sea_plot_close(plot, keeps);
	sea_lock_take(&sea_named_lock);
	while (*link != plot)
		link = &(*link)->next;
	*link = plot->next;
	SEA_ASSERT(sea_load_relaxed(&plots.nr) > 0); /* BR1 */
	sea_add_relaxed_mt(&plots.nr, -1u);
	sea_lock_drop(&sea_named_lock);
	named->plot = NULL;
	give_record(plot);
}

struct sea_named *sea_named_plot_around(const void *address)
{
	if (!sea_load_relaxed(&plots.nr))
		return NULL;
	sea_lock_take(&sea_named_lock);
	const struct sea_plot *plot = plots.first;
	while (plot && !sea_plot_has(plot, address))
		plot = plot->next;
	struct sea_named *named = plot ? plot->named : NULL;
	sea_lock_drop(&sea_named_lock);
	return named;
}

/* Claim: a heap of this process has its metadata in this memory.  (A heap that lies in a block of
 * another does not meet it.) */
static bool is_taken(struct sea_brought brought)
{
	sea_lock_take(&sea_named_lock);
	const struct sea_plot *plot = plots.first;
	while (plot && (size_t)((char *)plot->head - brought.base) >= brought.length)
		plot = plot->next;
	sea_lock_drop(&sea_named_lock);
	return plot;
}

/* Makes the heap object for a plot that was made or found. */
static struct sea_named *make(struct sea_plot *plot, struct sea_named_options options)
{
	struct sea_named *named = sea_named_create(plot->head->name, options);
	if (named)
		attach(named, plot);
	return named;
}

enum sea_brought_result sea_named_create_in(struct sea_brought brought, const char *name, struct sea_named_options options,
					    const struct sea_note *occupied, size_t nr_occupied, struct sea_named **named)
{
	if (is_taken(brought))
		return SEA_BROUGHT_TAKEN;
	struct sea_plot *plot = take_record();
	if (!plot)
		return SEA_BROUGHT_NO_MEMORY;
	if (!sea_plot_create(plot, brought, name, occupied, nr_occupied)) {
		give_record(plot);
		return SEA_BROUGHT_TOO_SHORT;
	}
	*named = make(plot, options);
	if (*named)
		return SEA_BROUGHT_OK;
	give_record(plot);
	return SEA_BROUGHT_NO_MEMORY;
}

enum sea_brought_result sea_named_open_in(struct sea_brought brought, struct sea_named_options options,
					  struct sea_named **named)
{
	static const enum sea_brought_result result[] = {
		[SEA_PLOT_NONE] = SEA_BROUGHT_NONE, [SEA_PLOT_DAMAGED] = SEA_BROUGHT_DAMAGED};
	size_t nr_live;
	if (is_taken(brought))
		return SEA_BROUGHT_TAKEN;
	struct sea_plot *plot = take_record();
	if (!plot)
		return SEA_BROUGHT_NO_MEMORY;
	enum sea_plot_found found = sea_plot_open(plot, brought);
	if (found != SEA_PLOT_FOUND) {
		give_record(plot);
		return result[found];
	}
	*named = count_live(plot, &nr_live) <= options.quota ? make(plot, options) : NULL;
	if (*named)
		return SEA_BROUGHT_OK;
	sea_plot_close(plot, true);
	give_record(plot);
	return SEA_BROUGHT_NO_MEMORY;
}

/* BR3, against the plots behind this one. */
static bool is_only_one(const struct sea_plot *plot)
{
	const struct sea_plot *other = plot->next;
	while (other && other->head != plot->head)
		other = other->next;
	return !other;
}

bool sea_named_plots_are_sound(void)
{
	bool sound = true;
	uint32_t nr = 0;
	sea_lock_take(&sea_named_lock);
	for (const struct sea_plot *plot = plots.first; plot && sound; plot = plot->next, nr++)
		sound = plot->named && plot->named->plot == plot && is_only_one(plot);
	for (const struct sea_plot *plot = plots.unused; plot && sound; plot = plot->next)
		sound = !plot->named;
	sound &= nr == sea_load_relaxed(&plots.nr);
	sea_lock_drop(&sea_named_lock);
	return sound;
}
