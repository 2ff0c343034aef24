/* SPDX-License-Identifier: MIT */
/* report.c - the facts, written from a buffer of our own: a failed check is reported
 * while the allocator may not be trusted
 */
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "system.h"

/* A sample takes at most 3 numbers of 20 digits and some signs. */
#define TEXT_BYTES (MAX_SAMPLES * 72 + 4 * KiB)

static char text[TEXT_BYTES];
static size_t length;

static __attribute__((format(printf, 1, 2))) void put(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int more = vsnprintf(text + length, TEXT_BYTES - length, format, arguments);
	va_end(arguments);
	if (more > 0 && length + (size_t)more < TEXT_BYTES)
		length += (size_t)more;
}

typedef unsigned long long number;

static double rate(uint64_t operations, double wall_s)
{
	return wall_s > 0 ? (double)operations / wall_s : 0;
}

static void put_timeline(void)
{
	const struct sample *samples;
	unsigned nr = account_samples(&samples);
	put("\"timeline\": [");
	for (unsigned i = 0; i < nr; i++)
		put("%s[%llu, %llu, %llu]", i ? ", " : "", (number)samples[i].operations,
		    (number)samples[i].live_bytes, (number)samples[i].rss_bytes);
	put("], ");
}

static void put_json(const struct options *options, const struct facts *facts)
{
	uint64_t operations = account_operations();
	put("{\"program\": \"%s\", \"threads\": %u, \"seed\": %llu, ", pattern.name, options->threads,
	    (number)options->seed);
	put("\"operations\": %llu, \"wall_s\": %.6f, \"cpu_s\": %.6f, \"operations_per_s\": %.0f, ",
	    (number)operations, facts->wall_s, facts->cpu_s, rate(operations, facts->wall_s));
	put("\"peak_live_bytes\": %llu, \"base_rss_bytes\": %llu, \"peak_rss_bytes\": %llu, ",
	    (number)account_peak_live(), (number)facts->base_rss_bytes, (number)facts->peak_rss_bytes);
	if (options->idle_s >= 0)
		put("\"idle_rss_bytes\": %llu, ", (number)facts->idle_rss_bytes);
	else
		put("\"idle_rss_bytes\": null, ");
	put_timeline();
	put("\"check\": \"%s\"}\n", facts->check);
}

static void put_lines(const struct options *options, const struct facts *facts)
{
	const struct sample *samples;
	uint64_t operations = account_operations();
	put("program %s\nthreads %u\nseed %llu\n", pattern.name, options->threads, (number)options->seed);
	put("operations %llu\nwall_s %.3f s\ncpu_s %.3f s\noperations_per_s %.0f 1/s\n", (number)operations,
	    facts->wall_s, facts->cpu_s, rate(operations, facts->wall_s));
	put("peak_live_bytes %llu B\nbase_rss_bytes %llu B\npeak_rss_bytes %llu B\n", (number)account_peak_live(),
	    (number)facts->base_rss_bytes, (number)facts->peak_rss_bytes);
	if (options->idle_s >= 0)
		put("idle_rss_bytes %llu B\n", (number)facts->idle_rss_bytes);
	put("timeline %u samples\ncheck %s\n", account_samples(&samples), facts->check);
}

void report_write(const struct options *options, const struct facts *facts)
{
	length = 0;
	if (options->json)
		put_json(options, facts);
	else
		put_lines(options, facts);
	system_write(STDOUT_FILENO, text, length);
}
