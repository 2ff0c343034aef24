/* SPDX-License-Identifier: MIT */
/* os_sim.c - the simulated kernel
 *
 *    range   |committed|reserved|      |reserved|committed|
 *
 * T1  Ranges are in address order, not empty and do not overlap.
 * T2  reserved and committed are the sums of their sizes.
 *
 * One lock protects all of it.  Memory comes from mmap, aligned to the simulated page
 * and to no more than that.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "os_sim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

#define MAX_RANGES 65536
#define MAX_HUGE 1024
/* How far from the stack pointer an address counts as on the stack. */
#define STACK_REACH (8u << 20)

struct sim sim = {
	.page_size = 4096,
	.nr_cpus = 2,
	.secret = 0x5ea5ea5ea5ea5ea5ull,
	.has_environment = true,
};

static struct range {
	char *base;
	size_t size;
	bool is_committed;
} ranges[MAX_RANGES];
static size_t nr_ranges;

static struct {
	size_t at; /* fails when nr_calls reaches this; 0: never */
	bool is_persistent;
} faults[SIM_NR_CALLS + 1];

/* Ranges for which huge pages are wanted, in pieces as they were asked for. */
static struct range huge[MAX_HUGE];
static size_t nr_huge;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void lock_all(void) { pthread_mutex_lock(&mutex); }
static void unlock_all(void) { pthread_mutex_unlock(&mutex); }

/* Registered first, so that in a fork this lock is taken after all of the core's. */
__attribute__((constructor)) static void keep_through_fork(void) { pthread_atfork(lock_all, unlock_all, unlock_all); }

/* --- rules --------------------------------------------------------------------- */

__attribute__((noreturn)) static void broken(const char *rule, const void *base, size_t size)
{
	char text[256];
	int length = snprintf(text, sizeof(text), "simulated kernel: %s: %p, %zu bytes\n", rule, base, size);
	if (write(STDERR_FILENO, text, (size_t)length) < 0)
		_exit(98);
	_exit(99);
}

static void expect_aligned(const char *call, const void *base, size_t size)
{
	if ((uintptr_t)base % sim.page_size || size % sim.page_size || !size)
		broken(call, base, size);
}

/* Counts the call, and tells whether it has to fail. */
static bool is_faulty(enum sim_call kind)
{
	enum sim_call both[2] = {kind, SIM_ANY};
	bool faulty = false;
	for (int i = 0; i < 2; i++) {
		size_t nr = ++sim.nr_calls[both[i]];
		size_t at = faults[both[i]].at;
		faulty |= at && (nr == at || (nr > at && faults[both[i]].is_persistent));
	}
	sim.nr_failed += faulty;
	return faulty;
}

void sim_fail(enum sim_call kind, size_t n, bool persistent)
{
	faults[kind].at = sim.nr_calls[kind] + n;
	faults[kind].is_persistent = persistent;
}

void sim_heal(void) { memset(faults, 0, sizeof(faults)); }

/* --- the shadow ------------------------------------------------------------------ */

/* Index of the first range that ends above `address`. */
static size_t range_above(const char *address)
{
	size_t low = 0, high = nr_ranges;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (ranges[middle].base + ranges[middle].size <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert(size_t at, struct range range)
{
	if (nr_ranges == MAX_RANGES)
		broken("too many ranges", range.base, range.size);
	memmove(ranges + at + 1, ranges + at, (nr_ranges - at) * sizeof(*ranges));
	ranges[at] = range;
	nr_ranges++;
}

static void erase(size_t at)
{
	memmove(ranges + at, ranges + at + 1, (nr_ranges - at - 1) * sizeof(*ranges));
	nr_ranges--;
}

/* Makes `address` a boundary between ranges. */
static void cut(char *address)
{
	size_t i = range_above(address);
	if (i == nr_ranges || ranges[i].base >= address)
		return;
	struct range upper = {address, (size_t)(ranges[i].base + ranges[i].size - address), ranges[i].is_committed};
	ranges[i].size -= upper.size;
	insert(i + 1, upper);
}

/* Bytes of [base, base + size) that are reserved; of them committed. */
static size_t count(const char *base, size_t size, size_t *committed)
{
	size_t reserved = 0;
	*committed = 0;
	for (size_t i = range_above(base); i < nr_ranges && ranges[i].base < base + size; i++) {
		const char *from = ranges[i].base > base ? ranges[i].base : base;
		const char *end = ranges[i].base + ranges[i].size;
		const char *to = end < base + size ? end : base + size;
		reserved += (size_t)(to - from);
		*committed += ranges[i].is_committed ? (size_t)(to - from) : 0;
	}
	return reserved;
}

static void expect_reserved(const char *call, const char *base, size_t size)
{
	size_t committed;
	expect_aligned(call, base, size);
	if (count(base, size, &committed) != size)
		broken(call, base, size);
}

static void expect_committed(const char *call, const char *base, size_t size)
{
	size_t committed;
	expect_aligned(call, base, size);
	count(base, size, &committed);
	if (committed != size)
		broken(call, base, size);
}

static void remove_range(char *base, size_t size)
{
	size_t committed;
	sim.reserved -= count(base, size, &committed);
	sim.committed -= committed;
	cut(base);
	cut(base + size);
	for (size_t i = range_above(base); i < nr_ranges && ranges[i].base < base + size;)
		erase(i);
}

static void add_range(char *base, size_t size, bool is_committed)
{
	size_t at = range_above(base);
	sim.reserved += size;
	sim.committed += is_committed ? size : 0;
	if (at > 0 && ranges[at - 1].base + ranges[at - 1].size == base &&
	    ranges[at - 1].is_committed == is_committed)
		ranges[at - 1].size += size;
	else
		insert(at, (struct range){base, size, is_committed});
}

void sim_walk(void (*visit)(char *, size_t, bool, void *), void *context)
{
	for (size_t i = 0; i < nr_ranges; i++)
		visit(ranges[i].base, ranges[i].size, ranges[i].is_committed, context);
}

bool sim_is_reserved(const void *base, size_t size)
{
	size_t committed;
	pthread_mutex_lock(&mutex);
	bool all = count(base, size, &committed) == size;
	pthread_mutex_unlock(&mutex);
	return all;
}

bool sim_is_committed(const void *base, size_t size)
{
	size_t committed;
	pthread_mutex_lock(&mutex);
	count(base, size, &committed);
	pthread_mutex_unlock(&mutex);
	return committed == size;
}

/* --- memory ------------------------------------------------------------------------ */

static void *map_host(void *at, size_t size, int flags)
{
	int saved = errno;
	void *base = mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
	errno = saved;
	return base == MAP_FAILED ? NULL : base;
}

/* Host memory in the first gap between sim.lowest and sim.highest, seen from its end.  The host
 * may have something of its own there: then the next place is tried. */
static char *map_between(size_t size)
{
	uintptr_t room = sim.highest - sim.lowest, step = sim.page_size;
	static uintptr_t from; /* how far from the end the last one was */
	for (int round = 0; round < 2; round++, from = 0)
		for (; from + size <= room; from += step, step = step < size ? 2 * step : step) {
			uintptr_t at = sim.is_upward ? sim.lowest + from : sim.highest - from - size;
			char *there = map_host((void *)(at & ~(sim.page_size - 1)), size, MAP_FIXED_NOREPLACE);
			if (!there)
				continue;
			from += size;
			return there;
		}
	return NULL;
}

/* Host memory at a multiple of the simulated page. */
static char *map_aligned(size_t size)
{
	if (sim.highest)
		return map_between(size);
	size_t slack = sim.page_size;
	char *wide = size + slack < size ? NULL : map_host(NULL, size + slack, 0);
	if (!wide)
		return NULL;
	char *base = (char *)(((uintptr_t)wide + slack - 1) & ~(slack - 1));
	if (base > wide)
		munmap(wide, (size_t)(base - wide));
	munmap(base + size, (size_t)(wide + slack - base));
	return base;
}

/* Claim: the kernel lets `more` mappings come to those that there are. */
static bool may_map(size_t more) { return !sim.max_mappings || nr_ranges + more <= sim.max_mappings; }

/* Claim: the kernel unmaps the range.  It needs one mapping more only if both ends of one are
 * left. */
static bool may_unmap(const char *base, size_t size)
{
	const struct range *range = &ranges[range_above(base)];
	return may_map(1) || base <= range->base || base + size >= range->base + range->size;
}

static void *reserve(size_t size, int protection)
{
	char *base = NULL;
	pthread_mutex_lock(&mutex);
	expect_aligned("reserve: not whole pages", NULL, size);
	bool fits = (!sim.max_reserved || sim.reserved + size <= sim.max_reserved) && may_map(1);
	if (!is_faulty(SIM_RESERVE) && fits && (base = map_aligned(size))) {
		mprotect(base, size, protection);
		add_range(base, size, false);
	}
	pthread_mutex_unlock(&mutex);
	return base;
}

void *sea_os_reserve(size_t size) { return reserve(size, PROT_NONE); }

void *sea_os_reserve_at(void *hint, size_t size, bool is_plain)
{
	char *base = NULL;
	(void)is_plain;
	if (!hint || sim.ignores_hints)
		return reserve(size, PROT_NONE);
	pthread_mutex_lock(&mutex);
	expect_aligned("reserve: not whole pages", hint, size);
	bool fits = (!sim.max_reserved || sim.reserved + size <= sim.max_reserved) && may_map(1);
	if (!is_faulty(SIM_RESERVE) && fits && (base = map_host(hint, size, MAP_FIXED_NOREPLACE)))
		add_range(base, size, false);
	pthread_mutex_unlock(&mutex);
	return base;
}

void *sea_os_reserve_zeros(size_t size) { return reserve(size, PROT_READ); }

size_t sea_os_address_space(void) { return sim.address_space ? sim.address_space : SIZE_MAX; }

static bool commit(char *base, size_t size)
{
	size_t already;
	count(base, size, &already);
	if (sim.max_committed && sim.committed + size - already > sim.max_committed)
		return false;
	if (already < size && !may_map(2))
		return false;
	if (mprotect(base, size, PROT_READ | PROT_WRITE))
		return false;
	remove_range(base, size);
	add_range(base, size, true);
	return true;
}

bool sea_os_commit(void *base, size_t size)
{
	pthread_mutex_lock(&mutex);
	expect_reserved("commit: not reserved", base, size);
	bool done = !is_faulty(SIM_COMMIT) && commit(base, size);
	pthread_mutex_unlock(&mutex);
	return done;
}

/* To the shadow the range stays committed. */
bool sea_os_protect(void *base, size_t size)
{
	pthread_mutex_lock(&mutex);
	expect_committed("protect: not committed", base, size);
	bool done = !is_faulty(SIM_COMMIT) && !mprotect(base, size, PROT_NONE);
	pthread_mutex_unlock(&mutex);
	return done;
}

/* Nothing inside [base, base + size) is wanted huge any more. */
static void forget_huge(const char *base, size_t size)
{
	for (size_t i = nr_huge; i-- > 0;) {
		if (huge[i].base + huge[i].size <= base || huge[i].base >= base + size)
			continue;
		if (huge[i].base < base || huge[i].base + huge[i].size > base + size)
			broken("advise: part of a range that was made huge", base, size);
		sim.huge -= huge[i].size;
		huge[i] = huge[--nr_huge];
	}
}

/* But for what was made huge as a whole before it was committed: that may lose parts. */
static void expect_not_huge(const char *call, const char *base, size_t size)
{
	for (size_t i = 0; i < nr_huge; i++)
		if (huge[i].is_committed && huge[i].base < base + size && base < huge[i].base + huge[i].size)
			broken(call, base, size);
}

static void want_huge(char *base, size_t size)
{
	if (nr_huge == MAX_HUGE)
		broken("advise: too many ranges", base, size);
	size_t committed;
	count(base, size, &committed);
	huge[nr_huge++] = (struct range){base, size, committed == size};
	sim.huge += size;
}

bool sea_os_purge(void *base, size_t size)
{
	pthread_mutex_lock(&mutex);
	expect_committed("purge: not committed", base, size);
	expect_not_huge("purge: part of a huge range, which will be filled again", base, size);
	bool done = !is_faulty(SIM_PURGE) && !sim.purge_is_ignored && !madvise(base, size, MADV_DONTNEED);
	if (done)
		sim.purged += size;
	sim.now_ms += sim.purge_ms;
	pthread_mutex_unlock(&mutex);
	return done;
}

void sea_os_populate(void *base, size_t size)
{
	pthread_mutex_lock(&mutex);
	expect_committed("populate: not committed", base, size);
	sim.populated += size;
	pthread_mutex_unlock(&mutex);
}

/* A system that is slow is an old one, too. */
unsigned sea_os_purge_many(const struct sea_os_range *ranges, unsigned nr)
{
	unsigned done = 0;
	sim.nr_purge_many++;
	while (!sim.purge_ms && done < nr && sea_os_purge(ranges[done].base, ranges[done].size))
		done++;
	return done;
}

bool sea_os_reset(void *base, size_t size)
{
	pthread_mutex_lock(&mutex);
	expect_reserved("reset: not reserved", base, size);
	bool done = !is_faulty(SIM_RESET) && may_map(2) && map_host(base, size, MAP_FIXED);
	if (done) {
		forget_huge(base, size);
		remove_range(base, size);
		add_range(base, size, false);
	}
	pthread_mutex_unlock(&mutex);
	return done;
}

int sea_os_share_make(size_t size)
{
	int file = memfd_create("simulated", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file >= 0 && (ftruncate(file, (off_t)size) || fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))) {
		close(file);
		return -1;
	}
	return file;
}

size_t sea_os_share_size(int file)
{
	struct stat status;
	int seals = fcntl(file, F_GET_SEALS);
	return seals >= 0 && seals & F_SEAL_SHRINK && !fstat(file, &status) ? (size_t)status.st_size : 0;
}

void *sea_os_share(int file, size_t size)
{
	pthread_mutex_lock(&mutex);
	void *base = is_faulty(SIM_RESERVE) ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	pthread_mutex_unlock(&mutex);
	return base == MAP_FAILED || madvise(base, size, MADV_DONTFORK) ? NULL : base;
}

void sea_os_unshare(void *base, size_t size)
{
	if (munmap(base, size))
		broken("unshare", base, size);
}

bool sea_os_release(void *base, size_t size)
{
	pthread_mutex_lock(&mutex);
	expect_reserved("release: not reserved", base, size);
	bool done = !is_faulty(SIM_RELEASE) && may_unmap(base, size) && !munmap(base, size);
	if (done) {
		forget_huge(base, size);
		remove_range(base, size);
	}
	pthread_mutex_unlock(&mutex);
	return done;
}

/* The target goes, and comes back if nobody has taken its place. */
static enum sea_moved fail_to_move(char *to, size_t size)
{
	if (!sim.move_unmaps)
		return SEA_STAYED;
	munmap(to, size);
	if (sim.on_unmap)
		sim.on_unmap(to, size);
	char *again = map_host(to, size, MAP_FIXED_NOREPLACE);
	if (again == to && !mprotect(to, size, PROT_READ | PROT_WRITE))
		return SEA_STAYED;
	remove_range(to, size);
	return SEA_LOST;
}

enum sea_moved sea_os_move(void *from, void *to, size_t size)
{
	pthread_mutex_lock(&mutex);
	expect_committed("move: source not committed", from, size);
	expect_committed("move: target not committed", to, size);
	enum sea_moved moved = is_faulty(SIM_MOVE) ? fail_to_move(to, size) : SEA_MOVED;
	if (moved == SEA_MOVED) {
		memcpy(to, from, size);
		madvise(from, size, MADV_DONTNEED);
	}
	pthread_mutex_unlock(&mutex);
	return moved;
}

bool sea_os_advise_huge(void *base, size_t size, enum sea_huge advice)
{
	pthread_mutex_lock(&mutex);
	expect_reserved("advise: not reserved", base, size);
	bool done = !is_faulty(SIM_ADVISE);
	if (done && advice == SEA_HUGE_NEVER)
		forget_huge(base, size);
	if (done && advice == SEA_HUGE_ALWAYS) {
		want_huge(base, size);
		sim.now_ms += sim.huge_ms;
	}
	pthread_mutex_unlock(&mutex);
	return done;
}

bool sea_os_is_guest(void) { return sim.is_guest; }

/* --- the rest ------------------------------------------------------------------------ */

size_t sea_os_page_size(void) { return sim.page_size; }

unsigned sea_os_nr_cpus(void) { return sim.nr_cpus; }

static const char *text_of(const char *path)
{
	for (size_t i = 0; i < sizeof(sim.files) / sizeof(sim.files[0]); i++)
		if (sim.files[i].path && !strcmp(sim.files[i].path, path))
			return sim.files[i].text;
	return "";
}

size_t sea_os_read_file(const char *path, size_t from, char *text, size_t room)
{
	if (sim.on_read)
		sim.on_read();
	pthread_mutex_lock(&mutex);
	const char *all = is_faulty(SIM_READ) ? "" : text_of(path);
	size_t length = strlen(all);
	size_t rest = from < length ? length - from : 0;
	size_t bytes = rest < room ? rest : room;
	memcpy(text, all + length - rest, bytes);
	pthread_mutex_unlock(&mutex);
	return bytes;
}

/* Numbers of simulated files: above all real ones. */
#define FIRST_FILE 1000000

static size_t offsets[sizeof(sim.files) / sizeof(sim.files[0])]; /* how far each was read */

enum sea_opened sea_os_open(const char *path, int *file)
{
	sim.nr_opens++;
	for (size_t i = 0; i < sizeof(sim.files) / sizeof(sim.files[0]); i++) {
		if (!sim.files[i].path || strcmp(sim.files[i].path, path))
			continue;
		offsets[i] = 0;
		*file = FIRST_FILE + (int)i;
		sim.nr_open += sim.refusals[i] == SEA_OPENED;
		return (enum sea_opened)sim.refusals[i];
	}
	return SEA_NO_FILE;
}

size_t sea_os_read(int file, char *text, size_t room)
{
	size_t *offset = &offsets[file - FIRST_FILE];
	const char *rest = sim.files[file - FIRST_FILE].text + *offset;
	size_t bytes = strlen(rest) < room ? strlen(rest) : room;
	memcpy(text, rest, bytes);
	*offset += bytes;
	return bytes;
}

void sea_os_close(int file)
{
	if (file >= FIRST_FILE)
		sim.nr_open--;
	else
		close(file); /* of sea_os_share_make() */
}

const char *sea_os_program(void) { return sim.program ? sim.program : ""; }

uint64_t sea_os_secret(void) { return sim.secret; }

uint64_t sea_os_random(void)
{
	static uint64_t state;
	return sim.secret + (__atomic_add_fetch(&state, 1, __ATOMIC_RELAXED) * 0x9e3779b97f4a7c15ull);
}

bool sea_os_is_secure(void) { return sim.is_secure; }

void sea_os_yield(void)
{
	if (sim.on_yield)
		sim.on_yield();
	else
		sched_yield();
}

/* May return early: the caller looks again. */
void sea_os_wait(uint32_t *word, uint32_t value)
{
	__atomic_add_fetch(&sim.nr_waits, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 100 && __atomic_load_n(word, __ATOMIC_RELAXED) == value; i++)
		sea_os_yield();
}

void sea_os_wake(uint32_t *word)
{
	(void)word;
	__atomic_add_fetch(&sim.nr_wakes, 1, __ATOMIC_RELAXED);
}

uint64_t sea_os_now_ms(void) { return __atomic_load_n(&sim.now_ms, __ATOMIC_RELAXED); }
uint64_t sea_os_now_us(void) { return 1000 * sea_os_now_ms(); }

static __thread int own_clock;

int sea_os_thread_clock(void)
{
	static int nr_clocks;
	if (!own_clock)
		own_clock = __atomic_add_fetch(&nr_clocks, 1, __ATOMIC_RELAXED);
	return own_clock;
}

/* The caller's own time goes on at each look; that of others as the test says. */
uint64_t sea_os_thread_time(int clock)
{
	static uint64_t time;
	bool runs = clock == own_clock || __atomic_load_n(&sim.others_run, __ATOMIC_RELAXED);
	return runs ? __atomic_add_fetch(&time, 1, __ATOMIC_RELAXED) + 1 : 1;
}

/* No thread: the test runs the body when it wants to. */
bool sea_os_start_thread(void (*body)(void), const char *name)
{
	(void)name;
	if (sim.refuse_threads)
		return false;
	sim.thread_body = body;
	sim.nr_threads_started++;
	return true;
}

bool sea_os_sleep(unsigned ms)
{
	if (sim.refuse_sleep)
		return false;
	sim.now_ms += ms;
	if (sim.while_asleep)
		sim.while_asleep();
	return true;
}

bool sea_os_is_confined(void) { return sim.is_confined; }

size_t sea_os_thread_id(void) { return (size_t)sea_os_thread_clock(); }

bool sea_os_can_read(const void *address)
{
	(void)address;
	return !sim.is_confined && !sim.refuse_stacks;
}

/* No tables: stacks are followed by frame pointers. */
bool sea_os_find_code(uintptr_t pc, struct sea_code *code)
{
	(void)pc, (void)code;
	return false;
}

bool sea_os_catch_faults(void (*see)(const struct sea_fault *fault))
{
	if (sim.handles_faults || sim.is_confined)
		return false;
	sim.see_fault = see;
	return true;
}

bool sea_os_catches_faults(void) { return !sim.handles_faults && !sim.is_confined && sim.see_fault; }

/* A key for each hook: one for the thread cache, one for the cell cache. */
static struct {
	void (*hook)(void *);
	pthread_key_t key;
} exits[2];

void sea_os_at_thread_exit(void (*hook)(void *), void *argument)
{
	size_t i = 0, nr = sizeof(exits) / sizeof(*exits);
	pthread_mutex_lock(&mutex);
	while (i < nr && exits[i].hook && exits[i].hook != hook)
		i++;
	if (i == nr || (!exits[i].hook && pthread_key_create(&exits[i].key, hook)))
		abort();
	exits[i].hook = hook;
	pthread_mutex_unlock(&mutex);
	pthread_setspecific(exits[i].key, argument);
}

void sim_end_thread(void)
{
	for (size_t i = 0; i < sizeof(exits) / sizeof(*exits) && exits[i].hook; i++) {
		void *argument = pthread_getspecific(exits[i].key);
		pthread_setspecific(exits[i].key, NULL);
		if (argument)
			exits[i].hook(argument);
	}
}

void sim_forget_reports(void)
{
	sim.report_length = 0;
	sim.report[0] = '\0';
}

void sea_os_report(const char *text, size_t length)
{
	pthread_mutex_lock(&mutex);
	size_t room = sizeof(sim.report) - 1 - sim.report_length;
	size_t kept = length < room ? length : room;
	memcpy(sim.report + sim.report_length, text, kept);
	sim.report_length += kept;
	sim.report[sim.report_length] = '\0';
	if (!sim.is_quiet && !sim.on_abort && write(STDERR_FILENO, text, length) < 0)
		_exit(98);
	pthread_mutex_unlock(&mutex);
}

void sea_os_note_error(void) {}

bool sea_os_error_is_as_noted(void) { return !sim.error_is_another; }

size_t sea_os_process(void) { return 4711; }

void sea_os_note_environment(char **environment) { (void)environment; }

bool sea_os_has_environment(void) { return sim.has_environment; }

const char *sea_os_environment(const char *name)
{
	for (size_t i = 0; i < sizeof(sim.environment) / sizeof(sim.environment[0]); i++)
		if (sim.environment[i].name && !strcmp(sim.environment[i].name, name))
			return sim.environment[i].value;
	return NULL;
}

bool sea_os_is_on_stack(const void *here, const void *address)
{
	return (uintptr_t)address - (uintptr_t)here < STACK_REACH;
}

_Noreturn void sea_os_abort(void (*first)(void))
{
	if (sim.on_abort)
		longjmp(*sim.on_abort, 1);
	first();
	abort();
}

_Noreturn void sea_os_die(void)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}
