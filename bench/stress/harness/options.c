/* SPDX-License-Identifier: MIT */
/* options.c - one table of options; a value follows as the next argument or behind `=` */
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"
#include "system.h"

/* A day: longer runs are a mistake in the unit. */
#define MAX_SECONDS 86400.0
/* Beyond this, the amount of work is a slip of the finger. */
#define MAX_SCALE 10000.0
#define MAX_ROUNDS 1e12

struct parse {
	struct options options;
	const char *name;  /* of the option, for the sentence */
	const char *value;
	bool has_rounds;
	bool has_scale;
};

struct option {
	const char *name;
	bool has_value;
	void (*apply)(struct parse *parse);
	const char *help;
};

static __attribute__((noreturn, format(printf, 1, 2))) void refuse(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	system_say(pattern.name, format, arguments);
	va_end(arguments);
	_exit(2);
}

static double number_between(const struct parse *parse, double low, double high)
{
	char *end;
	double number = strtod(parse->value, &end);
	if (end == parse->value || *end || !(number >= low && number <= high))
		refuse("%s wants a number from %g to %g, not '%s'", parse->name, low, high, parse->value);
	return number;
}

static uint64_t whole_between(const struct parse *parse, uint64_t low, double high)
{
	double number = number_between(parse, (double)low, high);
	if (number != (double)(uint64_t)number)
		refuse("%s wants a whole number, not '%s'", parse->name, parse->value);
	return (uint64_t)number;
}

static void apply_threads(struct parse *parse)
{
	parse->options.threads = (unsigned)whole_between(parse, 1, MAX_THREADS);
}

static void apply_rounds(struct parse *parse)
{
	parse->options.rounds = whole_between(parse, 1, MAX_ROUNDS);
	parse->has_rounds = true;
}

static void apply_seconds(struct parse *parse)
{
	parse->options.seconds = number_between(parse, 0.001, MAX_SECONDS);
}

static void apply_seed(struct parse *parse)
{
	char *end;
	errno = 0;
	parse->options.seed = strtoull(parse->value, &end, 0);
	if (end == parse->value || *end || errno || strchr(parse->value, '-'))
		refuse("%s wants a whole number below 2^64, not '%s'", parse->name, parse->value);
}

static void apply_scale(struct parse *parse)
{
	parse->options.scale = number_between(parse, 0.0001, MAX_SCALE);
	parse->has_scale = true;
}

static void apply_idle(struct parse *parse)
{
	parse->options.idle_s = number_between(parse, 0, MAX_SECONDS);
}

static void apply_json(struct parse *parse)
{
	parse->options.json = true;
}

static __attribute__((noreturn)) void print_and_exit(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	exit(fflush(stdout) ? 1 : 0);
}

static void apply_describe(struct parse *parse)
{
	(void)parse;
	print_and_exit("%s\n", pattern.imitates);
}

static void apply_defaults(struct parse *parse)
{
	(void)parse;
	print_and_exit("%u\n", pattern.threads);
}

static void apply_is_quick(struct parse *parse)
{
	(void)parse;
	print_and_exit("%s\n", pattern.is_quick ? "yes" : "no");
}

static void apply_help(struct parse *parse);

static const struct option options[] = {
	{ "--threads", true, apply_threads, "N   threads that share the work and the live set" },
	{ "--rounds", true, apply_rounds, "N    rounds instead of the usual number" },
	{ "--seconds", true, apply_seconds, "S   run for a time instead of a fixed amount of work" },
	{ "--seed", true, apply_seed, "N      of the random numbers (1)" },
	{ "--scale", true, apply_scale, "X     so many times the usual amount of work" },
	{ "--idle", true, apply_idle, "S      at the end free everything, wait, and tell what is resident" },
	{ "--json", false, apply_json, "       one JSON object instead of lines" },
	{ "--describe", false, apply_describe, "   what it imitates" },
	{ "--defaults", false, apply_defaults, "   number of threads by default" },
	{ "--is-quick", false, apply_is_quick, "   whether it belongs to the quick set" },
	{ "--help", false, apply_help, "       this text" },
};

#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

static void apply_help(struct parse *parse)
{
	(void)parse;
	printf("usage: %s [option]...\n%s\n\n", pattern.name, pattern.imitates);
	for (size_t i = 0; i < NR_OPTIONS; i++)
		printf("  %s %s\n", options[i].name, options[i].help);
	print_and_exit("\nBy default %u threads and %u rounds.\n", pattern.threads, pattern.rounds);
}

/* The option that argument names, up to `=` if there is one. */
static const struct option *find(const char *argument)
{
	size_t length = strcspn(argument, "=");
	for (size_t i = 0; i < NR_OPTIONS; i++)
		if (strlen(options[i].name) == length && !strncmp(options[i].name, argument, length))
			return &options[i];
	refuse("there is no option '%s'; --help lists them", argument);
}

/* Takes one option, and says how many arguments it was. */
static int apply_one(struct parse *parse, char **arguments)
{
	const struct option *option = find(arguments[0]);
	const char *equals = strchr(arguments[0], '=');
	parse->name = option->name;
	if (!option->has_value && equals)
		refuse("%s takes no value", option->name);
	parse->value = equals ? equals + 1 : arguments[1];
	if (option->has_value && !parse->value)
		refuse("%s wants a value", option->name);
	option->apply(parse);
	return option->has_value && !equals ? 2 : 1;
}

static void settle_rounds(struct parse *parse)
{
	struct options *chosen = &parse->options;
	if (chosen->seconds > 0 && (parse->has_rounds || parse->has_scale))
		refuse("--seconds goes neither with --rounds nor with --scale");
	if (!parse->has_rounds)
		chosen->rounds = pattern.rounds;
	chosen->rounds = (uint64_t)((double)chosen->rounds * chosen->scale + 0.5);
	if (chosen->rounds == 0)
		chosen->rounds = 1;
}

struct options options_parse(int argc, char **argv)
{
	struct parse parse = {
		.options = { .threads = pattern.threads, .seed = 1, .scale = 1, .idle_s = -1 },
	};
	for (int at = 1; at < argc;)
		at += apply_one(&parse, argv + at);
	settle_rounds(&parse);
	return parse.options;
}
