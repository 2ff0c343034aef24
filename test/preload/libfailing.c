/* SPDX-License-Identifier: MIT */
/* libfailing.c - in front of the C library: calls that hardly ever fail, failing */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <sched.h>
#include <sys/auxv.h>
#include <time.h>

static int fail(int error)
{
	errno = error;
	return -1;
}

int sched_getcpu(void) { return fail(ENOSYS); }

int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	(void)now;
	return fail(EINVAL);
}

unsigned long getauxval(unsigned long type)
{
	(void)type;
	fail(ENOENT);
	return 0;
}
