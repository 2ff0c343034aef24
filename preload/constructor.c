/* SPDX-License-Identifier: MIT */
/* constructor.c - the start of the process, and its end
 *
 * Allocation works before this has run, and without it.  It is the first constructor of all:
 * the shared object is marked so, and in a program that is linked with the archive it is the
 * first of the program's own (those of libraries are older).  The C library may not have found
 * the environment yet.
 */
#include "base/os.h"
#include "base/upward.h"
#include "front/front.h"

/* 0 to 100 are for the compiler's own. */
#define FIRST 101

__attribute__((constructor(FIRST))) static void start(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	sea_os_note_environment(environment);
	sea_front_start();
}

__attribute__((destructor)) static void end(void) { sea_front_end(); }
