/* SPDX-License-Identifier: MIT */
/* constructor.c - what needs the C library to be ready, and the end of the process
 *
 * Allocation works before this has run, and without it.
 */
#include "front.h"

__attribute__((constructor)) static void start(void) { sea_front_start(); }

__attribute__((destructor)) static void end(void) { sea_front_end(); }
