/* SPDX-License-Identifier: MIT */
/* handover.c - shared runs are made, exported, imported, released */
#include "named/handover.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/map.h"
#include "named/bins.h"

/* The first page of the file. */
struct head {
	char magic[8];
	uint64_t length; /* bytes of the block */
	uint64_t owner;	 /* token of a process, and IN_TRANSIT; atomic */
};
#define IN_TRANSIT 1ull
static const char magic[8] = "searun1";

/* A run that was exported: its head stays mapped until somebody has imported it. */
struct transit {
	struct head *head;
	size_t length;
	struct transit *next;
};

static struct {
	struct transit *first, *unused; /* index lock */
} transits;

static struct sea_shared mapped; /* atomic */

/* Differs between processes, also between the two of a fork.  Bit 0 is clear. */
static uint64_t own_token(void)
{
	uint64_t mixed = (sea_os_secret() ^ sea_os_process()) * 0x9e3779b97f4a7c15ull;
	return (mixed ^ mixed >> 32) & ~IN_TRANSIT;
}

static size_t head_size(void) { return sea_page_size(); }

static struct head *head_of(const char *block) { return (struct head *)(block - head_size()); }

static void count(size_t blocks, size_t heads)
{
	sea_add_relaxed_mt(&mapped.blocks, blocks);
	sea_add_relaxed_mt(&mapped.heads, heads);
}

struct sea_shared sea_handover_mapped(void)
{
	return (struct sea_shared){sea_load_relaxed(&mapped.blocks), sea_load_relaxed(&mapped.heads)};
}

/* --- in transit ------------------------------------------------------------------------------ */

/* Forgets runs that other processes have imported.  Index lock. */
static void sweep(void)
{
	SEA_ASSERT(sea_lock_is_held(&sea_named_lock));
	uint64_t mine = own_token() | IN_TRANSIT;
	for (struct transit **link = &transits.first, *each; (each = *link);) {
		if (sea_load_acquire(&each->head->owner) == mine) {
			link = &each->next;
			continue;
		}
		sea_os_unshare(each->head, head_size());
		count(0, -head_size());
		*link = each->next;
		each->next = transits.unused;
		transits.unused = each;
	}
}

/* False: out of memory. */
static bool begin_transit(struct head *head)
{
	sea_lock_take(&sea_named_lock);
	sweep();
	struct transit *transit = transits.unused;
	if (transit)
		transits.unused = transit->next;
	else
		transit = sea_meta_alloc(sizeof(*transit));
	if (transit) {
		*transit = (struct transit){head, head->length, transits.first};
		transits.first = transit;
		sea_store_release(&head->owner, own_token() | IN_TRANSIT);
	}
	sea_lock_drop(&sea_named_lock);
	return transit;
}

size_t sea_handover_in_transit(void)
{
	size_t bytes = 0;
	sea_lock_take(&sea_named_lock);
	sweep();
	for (const struct transit *each = transits.first; each; each = each->next)
		bytes += each->length;
	sea_lock_drop(&sea_named_lock);
	return bytes;
}

/* --- runs ------------------------------------------------------------------------------------ */

/* Enters a mapped file in the books of the heap.  False: out of memory. */
static bool enter(struct sea_named *named, struct head *head, size_t length, int file)
{
	SEA_ASSERT(length > 0 && length % sea_page_size() == 0);
	struct sea_run *run = sea_runs_add(named, (char *)head + head_size(), length);
	if (!run)
		return false;
	run->is_shared = 1;
	run->file = file;
	count(length, head_size());
	named->drawn += length;
	named->nr_drawn++;
	return true;
}

enum sea_handed sea_handover_alloc(struct sea_named *named, size_t size, char **block)
{
	if (size > PTRDIFF_MAX / 2)
		return SEA_HANDED_NO_MEMORY;
	size_t length = sea_round_up(sea_max(size, 1), sea_page_size()), whole = head_size() + length;
	if (!sea_named_has_quota(named, length))
		return SEA_HANDED_OVER_QUOTA;
	int file = sea_os_share_make(whole);
	struct head *head = file < 0 ? NULL : sea_os_share(file, whole);
	if (head) {
		memcpy(head->magic, magic, sizeof(magic));
		head->length = length;
		sea_store_release(&head->owner, own_token());
		if (enter(named, head, length, file)) {
			*block = (char *)head + head_size();
			return SEA_HANDED;
		}
		sea_os_unshare(head, whole);
	}
	if (file >= 0)
		sea_os_close(file);
	return SEA_HANDED_NO_MEMORY;
}

/* The run leaves the books of its heap. */
static void leave(struct sea_run *run)
{
	struct sea_named *named = run->named;
	SEA_ASSERT(run->is_shared && named->drawn >= run->size);
	named->drawn -= run->size;
	named->nr_drawn--;
	sea_runs_remove(run);
}

enum sea_handed sea_handover_export(struct sea_named *named, void *block, struct sea_parcel *parcel)
{
	struct sea_run *run = sea_runs_find(block);
	if (!run || run->named != named || !run->is_shared)
		return SEA_HANDED_NOT_SHARED;
	*parcel = (struct sea_parcel){run->file, head_size(), run->size};
	if (!begin_transit(head_of(block)))
		return SEA_HANDED_NO_MEMORY;
	leave(run);
	sea_os_unshare(block, parcel->length);
	count(-parcel->length, 0);
	return SEA_HANDED;
}

/* Claim: the file has what the parcel says, and cannot shrink. */
static bool is_parcel(const struct sea_parcel *parcel)
{
	size_t size = sea_os_share_size(parcel->file);
	return parcel->offset == head_size() && parcel->length && parcel->length % sea_page_size() == 0 &&
	       size >= head_size() && parcel->length == size - head_size();
}

/* HO1: takes the run over.  False: nobody has exported it, or another was faster. */
static bool take_over(struct head *head, size_t length)
{
	uint64_t owner = sea_load_acquire(&head->owner);
	return !memcmp(head->magic, magic, sizeof(magic)) && head->length == length && owner & IN_TRANSIT &&
	       sea_swap_if(&head->owner, owner, own_token());
}

enum sea_handed sea_handover_import(struct sea_named *named, const struct sea_parcel *parcel, char **block)
{
	if (!is_parcel(parcel))
		return SEA_HANDED_INVALID;
	if (!sea_named_has_quota(named, parcel->length))
		return SEA_HANDED_OVER_QUOTA;
	size_t whole = head_size() + parcel->length;
	struct head *head = sea_os_share(parcel->file, whole);
	if (!head)
		return SEA_HANDED_NO_MEMORY;
	/* Entered first: what fails then is undone here, and the other's books are not touched. */
	if (!enter(named, head, parcel->length, parcel->file)) {
		sea_os_unshare(head, whole);
		return SEA_HANDED_NO_MEMORY;
	}
	SEA_ASSERT(named->drawn <= named->quota); /* NA3 */
	*block = (char *)head + head_size();
	if (take_over(head, parcel->length))
		return SEA_HANDED;
	leave(sea_runs_find(*block));
	sea_os_unshare(head, whole);
	count(-parcel->length, -head_size());
	return SEA_HANDED_INVALID;
}

void sea_handover_release(struct sea_run *run)
{
	SEA_ASSERT(run->is_shared && sea_load_relaxed(&mapped.blocks) >= run->size); /* HO2 */
	char *block = run->base;
	size_t whole = head_size() + run->size;
	int file = run->file;
	count(-run->size, -head_size());
	sea_runs_remove(run);
	sea_os_unshare(head_of(block), whole);
	sea_os_close(file);
}

/* --- fork ------------------------------------------------------------------------------------ */

/* The mappings are the parent's (sea_os_share()). */
static void forget_shared(struct sea_named *named)
{
	for (struct sea_run *run = named->runs, *next; run; run = next) {
		next = run->next;
		if (!run->is_shared)
			continue;
		sea_os_close(run->file);
		leave(run);
	}
}

void sea_handover_in_child(void)
{
	transits.first = NULL; /* their records are lost to the child */
	mapped = (struct sea_shared){0, 0};
	for (unsigned i = 0; i < sea_apart_count(); i++) {
		struct sea_named *named = sea_load_relaxed(&sea_named_entries[i]);
		if (named && named->runs)
			forget_shared(named);
	}
}

/* --- observers ------------------------------------------------------------------------------- */

static void add_shared_runs(const struct sea_named *named, struct sea_shared *sum)
{
	for (const struct sea_run *run = named->runs; run; run = run->next) {
		sum->blocks += run->is_shared ? run->size : 0;
		sum->heads += run->is_shared ? head_size() : 0;
	}
}

bool sea_handover_is_sound(void)
{
	struct sea_shared sum = {0, 0}, counted = sea_handover_mapped();
	for (unsigned i = 0; i < sea_apart_count(); i++)
		if (sea_named_entries[i])
			add_shared_runs(sea_named_entries[i], &sum);
	sea_lock_take(&sea_named_lock);
	for (const struct transit *each = transits.first; each; each = each->next)
		sum.heads += head_size();
	sea_lock_drop(&sea_named_lock);
	return sum.blocks == counted.blocks && sum.heads == counted.heads;
}
