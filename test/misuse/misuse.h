/* SPDX-License-Identifier: MIT */
/* misuse.h - common to the programs that each make one mistake
 *
 * A program says on standard output which address it is about to misuse, makes the
 * mistake, and ends with 0 if nobody stopped it.  The file `expectations` lists how
 * each must end instead.
 */
#ifndef SEA_TEST_MISUSE_H
#define SEA_TEST_MISUSE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names the address and hides from the compiler what is wrong with it. */
static inline void *accused(const void *address)
{
	char line[32];
	int length = snprintf(line, sizeof(line), "0x%lx\n", (unsigned long)(uintptr_t)address);
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(3);
	uintptr_t hidden = (uintptr_t)address;
	__asm__ volatile("" : "+r"(hidden));
	return (void *)hidden;
}

/* The number on the command line. */
static inline size_t number(char **argv, int index)
{
	return strtoul(argv[index], NULL, 0);
}

/* A touched block. */
static inline char *block(size_t size)
{
	char *start = (char *)malloc(size);
	if (start == NULL)
		_exit(3);
	memset(start, 1, size);
	return start;
}

/* The same, but another block of the size lies lower in memory, probably close. */
static inline char *block_that_is_not_first(size_t size)
{
	char *lower = block(size);
	for (int i = 0; i < 100; i++) {
		char *start = block(size);
		if (start > lower && (size_t)(start - lower) < 64 * size)
			return start;
		if (start < lower)
			lower = start;
	}
	_exit(3);
}

#endif
