/* SPDX-License-Identifier: MIT */
/* report.h - the facts of a run, for people or for a program */
#ifndef BENCH_STRESS_REPORT_H
#define BENCH_STRESS_REPORT_H

#include "options.h"

struct facts {
	double wall_s;
	double cpu_s;
	uint64_t base_rss_bytes; /* before the first operation */
	uint64_t peak_rss_bytes;
	uint64_t idle_rss_bytes; /* with an idle phase */
	const char *check;       /* "ok", or what was wrong */
};

void report_write(const struct options *options, const struct facts *facts);

#endif
