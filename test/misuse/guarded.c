/* SPDX-License-Identifier: MIT */
/* guarded.c MISTAKE SIZE PLACE [MORE] - makes the mistake with a guarded block
 *
 * PLACE is `end` or `start`: where on its page the block lies.  A block is guarded if it has
 * exactly the SIZE that was asked for, which is no multiple of 16.  Names the address and says
 * which thread it is, and where the functions are that allocate, free and misuse the block:
 *
 *     0xADDRESS THREAD
 *
 * MORE is `thread`: another thread frees the block; `child`: the mistake is a child's; `handler`:
 * the program has a handler of its own, which ends with 7; `late`: it installs that handler when
 * the block is there; `chain`: that handler calls the one that was there before;
 * `blocked`: SIGSEGV is blocked.
 */
#include "misuse.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { TRIES = 300000, STATUS_OF_HANDLER = 7 };

static size_t page;

__attribute__((noinline)) static char *allocate_it(size_t size)
{
	char *it = malloc(size);
	__asm__ volatile("" : "+r"(it));
	return it;
}

__attribute__((noinline)) static void free_it(char *it)
{
	free(it);
	__asm__ volatile("");
}

/* Blocks of other sizes come and go, so that refills are frequent. */
static char *guarded(size_t size, int at_end)
{
	for (int i = 0; i < TRIES; i++) {
		char *it = allocate_it(size);
		uintptr_t behind = ((uintptr_t)it + size + 15) & ~(uintptr_t)15;
		if (malloc_usable_size(it) == size && (behind % page == 0) == at_end)
			return it;
	}
	_exit(3);
}

static struct sigaction before;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO && before.sa_sigaction != NULL)
		before.sa_sigaction(signal, info, context);
	else
		_exit(STATUS_OF_HANDLER);
}

static void handle(struct sigaction *old)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &action, old);
}

static void *free_in_thread(void *it)
{
	free_it(it);
	return NULL;
}

static void free_by(char *it, const char *who)
{
	pthread_t thread;
	if (strcmp(who, "thread") != 0) {
		free_it(it);
		return;
	}
	if (pthread_create(&thread, NULL, free_in_thread, it) != 0 || pthread_join(thread, NULL) != 0)
		_exit(3);
}

/* The mistakes.  `to` is how far from the block. */
__attribute__((noinline)) static void misuse(const char *mistake, char *it, size_t size, const char *who)
{
	volatile char *volatile at = it;
	size_t round = (size + 15) & ~(size_t)15;
	if (strcmp(mistake, "overflow") == 0)
		at[round] = 1;
	else if (strcmp(mistake, "overread") == 0)
		(void)at[round + 7];
	else if (strcmp(mistake, "underflow") == 0)
		at[-1] = 1;
	else if (strcmp(mistake, "far") == 0)
		memset((char *)at, 1, round + 1000);
	else if (strcmp(mistake, "slack") == 0)
		at[size] ^= 1;
	else if (strcmp(mistake, "front") == 0)
		at[-1] ^= 1;
	if (strcmp(mistake, "read") == 0 || strcmp(mistake, "write") == 0 || strcmp(mistake, "twice") == 0 ||
	    strcmp(mistake, "realloc") == 0)
		free_by(it, who);
	if (strcmp(mistake, "read") == 0)
		(void)at[3];
	else if (strcmp(mistake, "write") == 0)
		at[0] = 1;
	else if (strcmp(mistake, "realloc") == 0)
		at = realloc((char *)at, 100);
	else if (strcmp(mistake, "interior") == 0)
		free_it((char *)at + 8);
	else
		free_it((char *)at);
}

static void run_in_child(const char *mistake, char *it, size_t size)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		accused(it);
		misuse(mistake, it, size, "child");
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child)
		_exit(3);
	if (WIFSIGNALED(status)) {
		free_it(it); /* the block of the parent is as it was */
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	const char *more = argc > 4 ? argv[4] : "";
	size_t size = number(argv, 2);
	sigset_t faults;
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (strcmp(more, "handler") == 0)
		handle(NULL);
	char *it = guarded(size, strcmp(argv[3], "end") == 0);
	memset(it, 1, size);
	if (strcmp(more, "late") == 0)
		handle(NULL);
	if (strcmp(more, "chain") == 0)
		handle(&before);
	sigemptyset(&faults);
	sigaddset(&faults, SIGSEGV);
	if (strcmp(more, "blocked") == 0)
		sigprocmask(SIG_BLOCK, &faults, NULL);
	if (strcmp(more, "child") == 0)
		run_in_child(argv[1], it, size);
	accused(it);
	misuse(argv[1], it, size, more);
	return 0;
}
