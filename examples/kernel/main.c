/* SPDX-License-Identifier: MIT */
/* main.c - the boot, rung by rung
 *
 * Each rung says what it does, shows it, and checks it.  The first that fails ends the boot.
 */
#include "heaps.h"

#include "base/options.h"
#include "engines/freelist/index.h"
#include "front/account.h"

static const char *rung = "start";

static void begin(const char *name)
{
	rung = name;
	print("\n%s\n", name);
}

void fail(unsigned code, const char *text)
{
	print("%s: %s: %s\n", rung, code == HALT_OUT_OF_MEMORY ? "out of memory" : "check failed", text);
	print("halt %u\n", (size_t)code);
	machine_halt(code);
}

void fail_by_trap(size_t number, uintptr_t place, uintptr_t address)
{
	print("%s: trap %u of the kernel at 0x%x, address 0x%x\nhalt %u\n", rung, number, place, address,
	      (size_t)HALT_TRAP);
	machine_halt(HALT_TRAP);
}

/* --- 1: bookkeeping ---------------------------------------------------------------------- */

/* hole=BASE+SIZE on the command line, any number of times: memory that is not to be used.  What of
 * it is not in one available range is ignored. */
static void read_holes(void)
{
	const char *at = command_line;
	for (size_t base; (base = option(&at, "hole=", SIZE_MAX)) != SIZE_MAX;) {
		at += *at == '+';
		size_t end = base + read_number(&at);
		for (size_t i = 0; i < map_nr; i++)
			if (map[i].kind == AVAILABLE && base >= map[i].base && end <= map[i].end && base < end) {
				map_set(base, end, RESERVED, true, "a hole, by the command line");
				break;
			}
	}
}

static void keep_books(uintptr_t information)
{
	begin("rung 1: bookkeeping");
	machine_read_map(information);
	read_holes();
	map_set((uintptr_t)image_start, (uintptr_t)text_end, OCCUPIED, true, "kernel: code and constants");
	map_set((uintptr_t)text_end, (uintptr_t)image_end, OCCUPIED, false, "kernel: data, page tables, stack");
	if (map[map_nr - 1].end > MACHINE_REACH)
		map_set(MACHINE_REACH, map[map_nr - 1].end, RESERVED, false, "beyond the first page tables");
	map_round();
	map_print();
	map_sum();
}

/* --- 2: a watermark -------------------------------------------------------------------------- */

static void raise_watermark(void)
{
	begin("rung 2: a watermark, and a free that does nothing");
	early_begin();
	struct range *copy = watermark_sea_engine_alloc(map_nr * sizeof(*map));
	if (!copy)
		fail(HALT_OUT_OF_MEMORY, "no memory for a copy of the map");
	memcpy(copy, map, map_nr * sizeof(*map));
	char *low = watermark_sea_engine_alloc(100), *high = watermark_sea_engine_alloc(100);
	CHECK(low && high && high == low + 128); /* 112 bytes, and a header */
	watermark_sea_engine_free(high);
	char *above = watermark_sea_engine_alloc(100);
	print("  the map's %u ranges are copied; blocks of 100 bytes are %u bytes apart\n", map_nr, (size_t)(high - low));
	print("  one is freed; the next is %u bytes above it\n", (size_t)(above - high));
	CHECK(above == high + 128 && watermark_sea_engine_is_sound());
	CHECK(!memcmp(copy, map, map_nr * sizeof(*map)));
}

/* --- 3: a free list in address order --------------------------------------------------------- */

static void *list_alloc(size_t size)
{
	void *block = freelist_sea_engine_alloc(size);
	if (!block)
		fail(HALT_OUT_OF_MEMORY, "no zone for the free list");
	return block;
}

/* Draws the chunks of the zone around a block, and returns the number of its holes.  A hole has
 * its own descriptor, whose link is drawn. */
static size_t draw_zone(const char *text, const void *block)
{
	struct zone *zone = zone_of(block);
	struct hole *hole = freelist_sea_index_above(&zone->chunk);
	size_t nr = 0;
	print("  %s\n    ", text);
	for (struct sea_chunk *chunk = sea_chunk_next(&zone->chunk); !is_mark(hole); chunk = sea_chunk_next(chunk)) {
		if (chunk != &hole->chunk) {
			print("[%u]", sea_chunk_room(chunk));
			continue;
		}
		hole = hole->next;
		print("(hole %u, next ", sea_chunk_room(chunk));
		if (is_mark(hole))
			print("none)");
		else
			print("+%u)", (size_t)((char *)hole - (char *)chunk));
		nr++;
	}
	print("\n");
	return nr;
}

static const struct heap list = {"free list in address order", freelist_sea_engine_alloc, freelist_sea_engine_free,
				 freelist_sea_engine_is_sound};

static struct heap_cost keep_list(void)
{
	begin("rung 3: a free list in address order, neighbours merged");
	char *block[5];
	for (size_t i = 0; i < 5; i++)
		block[i] = list_alloc(64 + 32 * i);
	CHECK(draw_zone("five blocks", block[0]) == 1);
	list.free(block[1]);
	list.free(block[3]);
	CHECK(draw_zone("the second and the fourth are freed", block[0]) == 3);
	list.free(block[2]);
	CHECK(draw_zone("the third is freed: three holes are one", block[0]) == 2);
	CHECK(list_alloc(64) == block[1]);
	CHECK(draw_zone("64 bytes are taken: the lowest hole that is large enough", block[0]) == 2);
	list.free(block[1]);
	list.free(block[0]);
	list.free(block[4]);
	CHECK(draw_zone("everything is freed", block[0]) == 1);
	if (heap_try(&list, 100000))
		fail(HALT_OUT_OF_MEMORY, "no zone for the free list");
	struct heap_cost cost = heap_measure(&list);
	freelist_sea_engine_trim(0);
	return cost;
}

/* --- 4: a page allocator --------------------------------------------------------------------- */

static void split_buddies(void)
{
	begin("rung 4: a page allocator over all that is left");
	size_t available = map_pages(AVAILABLE);
	frames_begin(watermark_sea_engine_alloc);
	print("  available in the map %u pages = early memory %u + free %u\n", available,
	      available - map_pages(AVAILABLE), frames.total);
	print("  low watermark: %u pages stay for page tables\n", frames.min);
	CHECK(frames.total == map_pages(AVAILABLE) && frames_are_sound());
	void *page[3];
	for (size_t i = 0; i < 3; i++)
		if (!(page[i] = frames_take(false)))
			fail(HALT_OUT_OF_MEMORY, "no page");
	CHECK(page[0] < page[1] && page[1] < page[2]);
	for (size_t i = 0; i < 3; i++)
		frames_give(page[i]);
	CHECK(frames.free == frames.total && frames_are_sound());
	CHECK(!frames_promise(frames.total)); /* that would use the pages for page tables */
}

/* --- 5: two heaps ---------------------------------------------------------------------------- */

static const struct heap messages_heap = {"messages", messages_alloc, messages_free, messages_are_sound};
static const struct heap engine = {"seamalloc", sea_engine_alloc, sea_engine_free, sea_engine_is_sound};

/* An arena takes an eighth of the memory, not 64 MiB: promises are kept. */
static void run_heaps(size_t nr_operations, struct heap_cost textbook)
{
	begin("rung 5: two heaps: messages, and everything else");
	sea_options_set_nearest("arena", sea_round_down(frames.total * PAGE_SIZE / 8, SEA_MIB));
	sea_options_set_nearest("dirty_max", SEA_MIB);
	messages_begin();
	size_t nr_refused = heap_try(&messages_heap, nr_operations / 10) + heap_try(&engine, nr_operations);
	if (nr_refused)
		fail(HALT_OUT_OF_MEMORY, "a heap refused a request, was asked for others, and is sound");
	struct heap_cost cost = heap_measure(&engine);
	print("  cycles for malloc and free: %s %u and %u, %s %u and %u\n", list.name, textbook.alloc, textbook.free,
	      engine.name, cost.alloc, cost.free);
	struct sea_stats stats;
	sea_account(&stats);
	CHECK(sea_account_adds_up(&stats) && stats.live == 0);
	size_t used = frames.total - frames.free;
	sea_engine_trim(0);
	print("  pages in use %u; after trimming %u\n", used, frames.total - frames.free);
	CHECK(frames_are_sound() && sea_engine_is_sound());
}

/* --- the end --------------------------------------------------------------------------------- */

static _Noreturn void end(void)
{
	begin("the end");
	sea_engine_trim(0);
	system_end();
	print("  free %u pages, available at rung 4 %u pages\n", frames.free, frames.total);
	CHECK(frames.free == frames.total && frames.promised == 0 && frames_are_sound());
	CHECK(map_is_unchanged());
	print("  what nobody may write to has the checksums of rung 1\n");
	print("  requests for pages %u%s\n", frames_nr_requests,
	      frames_fail_at - 1 < frames_nr_requests ? "; one was refused, and the boot went on" : "");
	print("halt 0\n");
	machine_halt(HALT_WELL);
}

/* The thread-local variables of the one thread. */
static void *make_thread(void)
{
	static char block[32 * SEA_KIB] __attribute__((aligned(64)));
	size_t size = sea_round_up((size_t)(tls_end - tls_start), 64);
	CHECK(size + sizeof(void *) <= sizeof(block));
	memcpy(block, tls_start, (size_t)(tls_data_end - tls_start));
	char *thread = MACHINE_THREAD_IS_BEHIND ? block + size : block;
	if (MACHINE_THREAD_IS_BEHIND)
		*(void **)thread = thread;
	return thread;
}

void kernel_main(uintptr_t information)
{
	machine_start(make_thread());
	keep_books(information);
	const char *at = command_line, *again = command_line;
	frames_fail_at = option(&at, "oom=", 0);
	raise_watermark();
	struct heap_cost textbook = keep_list();
	split_buddies();
	run_heaps(option(&again, "operations=", 1000000), textbook);
	begin("rung 6: address spaces");
	processes_run();
	end();
}
