/* SPDX-License-Identifier: MIT */
/* fuzz.h - what the fuzz targets share */
#ifndef SEA_TEST_FUZZ_H
#define SEA_TEST_FUZZ_H

#include <stdint.h>
#include <stdlib.h>

#include "os_sim.h"

/* Called by libFuzzer for each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define expect(claim) ((claim) ? (void)0 : __builtin_trap())

#endif
