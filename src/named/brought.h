/* SPDX-License-Identifier: MIT */
/* brought.h - heap objects in memory that the program brought */
#ifndef SEA_NAMED_BROUGHT_H
#define SEA_NAMED_BROUGHT_H

#include "named/plot.h"

enum sea_brought_result {
	SEA_BROUGHT_OK,
	/* for our structures, or there are SEA_MAX_NAMED heaps, or over the quota */
	SEA_BROUGHT_NO_MEMORY,
	SEA_BROUGHT_TOO_SHORT, /* no room for the metadata, or ranges that are occupied overlap */
	SEA_BROUGHT_NONE,      /* no heap is there */
	SEA_BROUGHT_DAMAGED,
	SEA_BROUGHT_TAKEN,     /* a heap of this process is there */
};

/* Makes one; `occupied` as in plot.h. */
enum sea_brought_result sea_named_create_in(struct sea_brought brought, const char *name, struct sea_named_options options,
					    const struct sea_note *occupied, size_t nr_occupied, struct sea_named **named);

/* Finds one that was made there. */
enum sea_brought_result sea_named_open_in(struct sea_brought brought, struct sea_named_options options,
					  struct sea_named **named);

/* Takes the plot from its heap.  `keeps`: it can be opened again.  Heap's lock. */
void sea_named_detach(struct sea_named *named, bool keeps);

/* The heap whose brought memory has the address, or NULL.  Cheap if there is none. */
struct sea_named *sea_named_plot_around(const void *address);

/* Claim: BR1 to BR3 hold.  No heap is being made or destroyed. */
bool sea_named_plots_are_sound(void);

#endif
