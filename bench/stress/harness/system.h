/* SPDX-License-Identifier: MIT */
/* system.h - clocks, resident memory and output, without the allocator */
#ifndef BENCH_STRESS_SYSTEM_H
#define BENCH_STRESS_SYSTEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

double system_wall_s(void);
double system_cpu_s(void); /* of the process */
void system_wait(double seconds);

/* Resident bytes: cheap, as the kernel counts them on each processor. */
uint64_t system_rss(void);
/* Resident bytes, page by page: exact, and slow. */
uint64_t system_rss_exact(void);
/* Most bytes that were ever resident (VmHWM). */
uint64_t system_peak_rss(void);

/* Writes all of it. */
void system_write(int file, const char *text, size_t length);

/* Writes "name: sentence" and the end of the line to standard error. */
void system_say(const char *name, const char *format, va_list arguments);

#endif
