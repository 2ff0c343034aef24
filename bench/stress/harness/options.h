/* SPDX-License-Identifier: MIT */
/* options.h - the command line of every stress program */
#ifndef BENCH_STRESS_OPTIONS_H
#define BENCH_STRESS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	unsigned threads;
	uint64_t rounds; /* of each worker; unused if seconds is not 0 */
	double seconds;  /* 0: a fixed amount of work */
	uint64_t seed;
	double scale;
	double idle_s; /* negative: no idle phase */
	bool json;
};

/* Fills in what the pattern has by default.  Ends the program with status 2 and a
 * sentence if an argument makes no sense, with 0 if it asks for text only. */
struct options options_parse(int argc, char **argv);

#endif
