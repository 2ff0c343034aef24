/* SPDX-License-Identifier: MIT */
/* glibc.c - the report at the end of the process */
#include "front/front.h"
#include "base/lock.h"
#include "base/options.h"
#include "seamalloc.h"
#include "unit.h"

#define TITLE "seamalloc " SEAMALLOC_VERSION " (seam) at the end of program, process 4711, bytes:\n  live "

static void end(void)
{
	sim.is_quiet = true;
	sim.program = "program";
	sea_free(sea_malloc(100));
	sea_front_end();
}

static void no_report_unless_asked_for(void)
{
	end();
	CHECK_EQ(sim.report_length, 0);
}

static void one_report(void)
{
	sea_options.stats = 1;
	end();
	CHECK(!strncmp(sim.report, TITLE, strlen(TITLE)));
	CHECK_EQ(sim.report[sim.report_length - 1], '\n');
}

static void the_longest_name_fits(void)
{
	static char name[256];
	memset(name, 'n', sizeof(name) - 1);
	sea_options.stats = 1;
	sim.is_quiet = true;
	sim.program = name;
	sea_front_end();
	CHECK(strstr(sim.report, "nn, process 4711, bytes:\n"));
	CHECK_EQ(sim.report[sim.report_length - 1], '\n');
}

/* A program may have put a file of its own there. */
static void no_report_into_another_file(void)
{
	sea_options.stats = 1;
	sim.error_is_another = true;
	end();
	CHECK_EQ(sim.report_length, 0);
}

static struct sea_lock lock = SEA_LOCK_INIT(SEA_RANK_SHARD);

/* exit() in a handler of a signal that interrupted malloc(). */
static void no_report_under_a_lock(void)
{
	sea_options.stats = 1;
	sim.is_quiet = true;
	sea_lock_take(&lock);
	sea_front_report_end();
	sea_lock_drop(&lock);
	CHECK_EQ(sim.report_length, 0);
}

static const struct test_case cases[] = {
	PASSES(no_report_unless_asked_for), PASSES(one_report), PASSES(the_longest_name_fits),
	PASSES(no_report_into_another_file), PASSES(no_report_under_a_lock),
};

HARNESS_MAIN(cases)
