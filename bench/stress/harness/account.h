/* SPDX-License-Identifier: MIT */
/* account.h - what is alive, and how that went */
#ifndef BENCH_STRESS_ACCOUNT_H
#define BENCH_STRESS_ACCOUNT_H

#include <stdint.h>

#include "stress.h"

/* What a plot can show. */
#define MAX_SAMPLES 200

struct sample {
	uint64_t operations;
	uint64_t live_bytes;
	uint64_t rss_bytes;
};

/* Sets up the accounts of so many workers. */
void account_open(unsigned nr_workers, uint64_t seed);
struct worker *account_worker(unsigned index);

uint64_t account_live(void);
uint64_t account_peak_live(void);
uint64_t account_operations(void);

/* Adds a sample of this moment; worker 0 or, when it is not running, main. */
void account_sample(void);
/* The samples so far, in order. */
unsigned account_samples(const struct sample **samples);

#endif
