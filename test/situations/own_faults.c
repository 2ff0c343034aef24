/* SPDX-License-Identifier: MIT */
/* own_faults.c - programs for which a fault is no mistake
 *
 * They touch pages that they have closed themselves and open them in a handler of SIGSEGV, as
 * garbage collectors and databases do, or they jump out of it, or send themselves the signal.
 * Between that they allocate, and so come into the reach of guards (option `guard`).
 */
#include "situation.h"

#include <malloc.h>
#include <setjmp.h>
#include <sys/mman.h>

enum { NR_PAGES = 64, NR_BLOCKS = 20000, ROUNDS = 3 };

static char *pages;
static size_t page_size;
static volatile int nr_faults;
static sigjmp_buf target;

/* Enough refills for guards to begin, and blocks of all sizes that they take. */
static void allocate(void)
{
	static char *blocks[NR_BLOCKS];
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		size_t size = 1 + i * 7 % 3000;
		blocks[i] = malloc(size);
		CHECK(blocks[i] != NULL);
		memset(blocks[i], (int)i, malloc_usable_size(blocks[i]));
	}
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		CHECK(blocks[i][0] == (char)i);
		free(blocks[i]);
	}
}

static void open_page(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	char *page = pages + ((char *)info->si_addr - pages) / (ptrdiff_t)page_size * (ptrdiff_t)page_size;
	nr_faults++;
	if (page < pages || page >= pages + NR_PAGES * page_size || mprotect(page, page_size, PROT_READ | PROT_WRITE) != 0)
		_exit(9);
}

static void jump_out(int signal)
{
	nr_faults++;
	siglongjmp(target, signal);
}

static void handle(void (*with_info)(int, siginfo_t *, void *), void (*plain)(int))
{
	struct sigaction action = {.sa_flags = with_info ? SA_SIGINFO : 0};
	if (with_info)
		action.sa_sigaction = with_info;
	else
		action.sa_handler = plain;
	CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
}

static void close_pages(void)
{
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	pages = mmap(NULL, NR_PAGES * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
}

static void touch_pages(void)
{
	nr_faults = 0;
	for (size_t i = 0; i < NR_PAGES; i++)
		pages[i * page_size] = 1;
	CHECK_EQ(nr_faults, NR_PAGES);
	munmap(pages, NR_PAGES * page_size);
}

static void handler_first(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		close_pages();
		handle(open_page, NULL);
		allocate();
		touch_pages();
		allocate();
	}
}

static void handler_later(void)
{
	allocate();
	close_pages();
	handle(open_page, NULL);
	touch_pages();
	allocate();
	close_pages();
	touch_pages();
}

static void handler_comes_and_goes(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		allocate();
		close_pages();
		handle(open_page, NULL);
		touch_pages();
		allocate();
		signal(SIGSEGV, SIG_DFL);
	}
}

static void jumps_out_of_a_null_pointer(void)
{
	allocate();
	handle(NULL, jump_out);
	for (volatile int i = 0; i < 100; i++)
		if (sigsetjmp(target, 1) == 0)
			*(volatile char *)opaque(NULL) = 1;
	CHECK_EQ(nr_faults, 100);
	allocate();
}

static void ignores_it(void)
{
	signal(SIGSEGV, SIG_IGN);
	allocate();
	CHECK_EQ(raise(SIGSEGV), 0);
	allocate();
}

/* The signal kills as it does without us, sent or caused. */
static void dies_of_it(void (*how)(void))
{
	int status;
	allocate();
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		allocate();
		how();
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void send_it(void) { raise(SIGSEGV); }
static void touch_nothing(void) { *(volatile char *)opaque(NULL) = 1; }
static void touch_closed(void)
{
	close_pages();
	pages[0] = 1;
}
static void touch_impossible(void) { *(volatile char *)opaque((void *)0x1234567812345678) = 1; }

static void dies_of_a_signal(void) { dies_of_it(send_it); }
static void dies_of_null(void) { dies_of_it(touch_nothing); }
static void dies_of_a_closed_page(void) { dies_of_it(touch_closed); }
static void dies_of_an_impossible_address(void) { dies_of_it(touch_impossible); }

static const struct test_case cases[] = {
	{.name = "a handler from the start", .run = handler_first},
	{.name = "a later handler", .run = handler_later},
	{.name = "a handler that comes and goes", .run = handler_comes_and_goes},
	{.name = "a jump out of a null pointer", .run = jumps_out_of_a_null_pointer},
	{.name = "SIGSEGV ignored", .run = ignores_it},
	{.name = "killed by a signal that was sent", .run = dies_of_a_signal},
	{.name = "killed by a null pointer", .run = dies_of_null},
	{.name = "killed by a closed page", .run = dies_of_a_closed_page},
	{.name = "killed by an impossible address", .run = dies_of_an_impossible_address},
};

HARNESS_MAIN(cases)
