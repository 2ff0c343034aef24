/* SPDX-License-Identifier: MIT */
/* run.c - the life of a stress program: workers, rounds, the idle phase, a failed check */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "account.h"
#include "report.h"
#include "system.h"

/* Enough for the recursion of any pattern, with sanitizers too; 64 of them fit under a
 * limit of addresses. */
#define STACK_BYTES MiB

static struct options options;
static struct facts facts;
static double start_wall_s, start_cpu_s;

static pthread_t threads[MAX_THREADS];
static pthread_attr_t thread_attributes;
static pthread_barrier_t barrier;
/* Worker 0's answer for all; the barrier orders it. */
static bool all_go_on;

unsigned stress_threads(void)
{
	return options.threads;
}

size_t stress_share(size_t total)
{
	size_t share = total / options.threads;
	return share ? share : 1;
}

/* --- failing ----------------------------------------------------------------------- */

static void take_times(void)
{
	facts.wall_s = system_wall_s() - start_wall_s;
	facts.cpu_s = system_cpu_s() - start_cpu_s;
	facts.peak_rss_bytes = system_peak_rss();
}

static _Thread_local bool is_reporting;

void stress_fail(const char *format, ...)
{
	static atomic_flag failed = ATOMIC_FLAG_INIT;
	static char sentence[256];
	va_list arguments;
	while (atomic_flag_test_and_set(&failed))
		pause(); /* another thread has failed, and ends the process */
	is_reporting = true;
	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	va_start(arguments, format);
	system_say(pattern.name, format, arguments);
	va_end(arguments);
	take_times();
	facts.check = sentence;
	if (options.json)
		report_write(&options, &facts);
	_exit(1);
}

/* An allocator that hands out what is in use damages the lists of blocks as well as the
 * blocks, and a pointer out of such a list may be followed before any block is verified. */
static void on_crash(int signal_nr, siginfo_t *info, void *context)
{
	(void)context;
	if (is_reporting)
		signal(signal_nr, SIG_DFL); /* and crash again on return */
	else
		stress_fail("crashed at address %p: a list of blocks is damaged, or the allocator is",
			    info->si_addr);
}

/* Leaves the handlers of a sanitizer or a debugger in place. */
static void catch_crashes(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS };
	const struct sigaction action = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_NODEFER };
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++) {
		struct sigaction before;
		if (sigaction(crashes[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(crashes[i], &action, NULL);
	}
}

/* --- rounds ------------------------------------------------------------------------- */

bool worker_goes_on(struct worker *self)
{
	if (options.seconds > 0 ? system_wall_s() - start_wall_s >= options.seconds
				: self->round >= options.rounds)
		return false;
	self->round++;
	return true;
}

void worker_meet(struct worker *self)
{
	(void)self;
	pthread_barrier_wait(&barrier);
}

bool worker_all_go_on(struct worker *self)
{
	if (self->index == 0)
		all_go_on = worker_goes_on(self);
	worker_meet(self);
	bool answer = all_go_on;
	worker_meet(self);
	if (self->index != 0)
		self->round++;
	return answer;
}

/* --- threads ------------------------------------------------------------------------ */

struct errand {
	struct worker *worker;
	void (*body)(struct worker *self);
};

static void *run_errand(void *argument)
{
	struct errand *errand = argument;
	errand->body(errand->worker);
	return NULL;
}

static pthread_t start_thread(struct errand *errand)
{
	pthread_t thread;
	int error = pthread_create(&thread, &thread_attributes, run_errand, errand);
	if (error)
		stress_fail("no thread can be created: error %d", error);
	return thread;
}

void worker_in_thread(struct worker *self, void (*body)(struct worker *self))
{
	struct errand errand = { .worker = self, .body = body };
	pthread_join(start_thread(&errand), NULL);
}

static void begin_work(struct worker *self)
{
	worker_meet(self);
	pattern.work(self);
}

static void run_workers(void)
{
	static struct errand errands[MAX_THREADS];
	for (unsigned i = 0; i < options.threads; i++) {
		errands[i] = (struct errand){ .worker = account_worker(i), .body = begin_work };
		threads[i] = start_thread(&errands[i]);
	}
	for (unsigned i = 0; i < options.threads; i++)
		pthread_join(threads[i], NULL);
}

/* --- the whole ---------------------------------------------------------------------- */

static void run_pattern(void)
{
	struct worker *first = account_worker(0);
	if (pattern.prepare)
		pattern.prepare(first);
	if (options.threads > 1 || pattern.always_threads)
		run_workers();
	else
		begin_work(first);
	if (pattern.finish)
		pattern.finish(first);
}

static void set_up(void)
{
	pthread_attr_init(&thread_attributes);
	pthread_attr_setstacksize(&thread_attributes, STACK_BYTES);
	pthread_barrier_init(&barrier, NULL, options.threads);
	account_open(options.threads, options.seed);
	facts.base_rss_bytes = system_rss_exact();
	start_wall_s = system_wall_s();
	start_cpu_s = system_cpu_s();
}

static void verify_all_given(void)
{
	if (account_live())
		stress_fail("the program forgot to free %llu bytes", (unsigned long long)account_live());
}

static void be_idle(void)
{
	system_wait(options.idle_s);
	facts.idle_rss_bytes = system_rss_exact();
}

int main(int argc, char **argv)
{
	options = options_parse(argc, argv);
	catch_crashes();
	set_up();
	run_pattern();
	take_times();
	account_sample();
	verify_all_given();
	if (options.idle_s >= 0)
		be_idle();
	facts.check = "ok";
	report_write(&options, &facts);
	return 0;
}
