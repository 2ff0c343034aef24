/* SPDX-License-Identifier: MIT */
/* main.c - the boot, rung by rung
 *
 * Each rung says what it does, shows it, and checks it.  The first that fails ends the boot.
 */
#include "kernel.h"

#include "engines/engine.h"
#include "engines/freelist/hole.h"
#include "heaps.h"

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

/* --- 1: bookkeeping ---------------------------------------------------------------------- */

/* hole=BASE+SIZE on the command line, any number of times: memory that is not to be used. */
static void read_holes(void)
{
	const char *at = command_line;
	for (size_t base; (base = option(&at, "hole=", SIZE_MAX)) != SIZE_MAX;) {
		if (*at == '+')
			at++;
		size_t size = read_number(&at);
		map_set(base, base + size, RESERVED, true, "a hole, by the command line");
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

_Noreturn void kernel_main(uintptr_t information)
{
	keep_books(information);
	machine_halt(HALT_WELL);
}
