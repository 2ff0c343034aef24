/* SPDX-License-Identifier: MIT */
/* memory.c - reads the kernel's figures on this process, without malloc
 *
 * VmHWM rather than ru_maxrss: the latter keeps what the launcher had before exec.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

#define BYTES_PER_KIB 1024

/* Less than this says nothing of fragmentation: an allocator's first mappings and the
 * caches of a thread are a tenth of it or more. */
#define LIVE_WORTH_TELLING (512 * BYTES_PER_KIB)

/* /proc/self/status has some 1.5 KB; the lines on memory are in its first half. */
#define STATUS_BYTES 4096

static uint64_t base_rss;

/* Bytes that /proc/self/status says of `field`; 0 where there is no such file. */
static uint64_t status_bytes(const char *field)
{
	char text[STATUS_BYTES];
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	text[length > 0 ? length : 0] = '\0';
	const char *line = strstr(text, field);
	return line ? strtoull(line + strlen(field), NULL, 10) * BYTES_PER_KIB : 0;
}

void memory_note_base(void)
{
	if (!base_rss)
		base_rss = status_bytes("VmRSS:");
}

void memory_report(struct bench_state *state, uint64_t peak_live)
{
	if (peak_live * (uint64_t)bench_threads(state) >= LIVE_WORTH_TELLING)
		bench_set_counter(state, "peak_live_bytes", (double)peak_live, BENCH_PLAIN);
	if (bench_thread(state) > 0)
		return;	/* counters of threads are added up */
	bench_set_counter(state, "peak_rss_bytes", (double)status_bytes("VmHWM:"), BENCH_PLAIN);
	bench_set_counter(state, "base_rss_bytes", (double)base_rss, BENCH_PLAIN);
}
