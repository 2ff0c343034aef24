/* SPDX-License-Identifier: MIT */
/* libhooks.c - a tool that keeps a record of each call it stands in for, in memory of malloc's,
 * as tracers, network stacks and false clocks do
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NR_KEPT = 64 };

static __thread int is_inside __attribute__((tls_model("initial-exec")));
static __thread void *kept[NR_KEPT] __attribute__((tls_model("initial-exec")));
static __thread unsigned nr_records __attribute__((tls_model("initial-exec")));

static void record(void)
{
	if (is_inside)
		return;
	is_inside = 1;
	unsigned k = nr_records++ % NR_KEPT;
	free(kept[k]);
	kept[k] = malloc(1000 + 37 * k);
	if (kept[k] == NULL)
		abort();
	memset(kept[k], 1, 64);
	is_inside = 0;
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
	record();
	return (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
}

int munmap(void *base, size_t size)
{
	record();
	return (int)syscall(SYS_munmap, base, size);
}

int madvise(void *base, size_t size, int advice)
{
	record();
	return (int)syscall(SYS_madvise, base, size, advice);
}

int mprotect(void *base, size_t size, int protection)
{
	record();
	return (int)syscall(SYS_mprotect, base, size, protection);
}

void *mremap(void *base, size_t from, size_t to, int flags, ...)
{
	va_list list;
	va_start(list, flags);
	void *target = va_arg(list, void *);
	va_end(list);
	record();
	return (void *)syscall(SYS_mremap, base, from, to, flags, target);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	record();
	return (int)syscall(SYS_clock_gettime, clock, now);
}

int sched_getcpu(void)
{
	unsigned cpu = 0;
	record();
	return syscall(SYS_getcpu, &cpu, NULL, NULL) ? -1 : (int)cpu;
}

char *getenv(const char *name)
{
	(void)name;
	record();
	return NULL;
}
