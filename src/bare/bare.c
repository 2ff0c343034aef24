/* SPDX-License-Identifier: MIT */
/* bare.c - the answers of a system that has memory and nothing else
 *
 * Only libseamalloc-core.a has this file, in place of those that ask Linux.  A host supplies some
 * ten functions of os.h itself (examples/kernel/README.md).  It may define any of these, too: they
 * are weak.  Each says what is true if nobody knows better: one processor, no other thread, no
 * files, no signals.  Waiting for a lock is a loop then.
 */
#include "base/context.h"
#include "base/cpus.h"
#include "base/os.h"
#include "base/upward.h"
#include "engines/engine.h"

#define BARE __attribute__((weak))

/* --- memory -------------------------------------------------------------------------- */

BARE void *sea_os_reserve(size_t size) { return sea_os_reserve_at(NULL, size, false); }
BARE size_t sea_os_address_space(void) { return SIZE_MAX; }
BARE bool sea_os_advise_huge(void *base, size_t size, enum sea_huge huge)
{
	(void)base, (void)size;
	return huge == SEA_HUGE_AUTO;
}
BARE unsigned sea_os_purge_many(const struct sea_os_range *ranges, unsigned nr) { return (void)ranges, (void)nr, 0; }
BARE void sea_os_populate(void *base, size_t size) { (void)base, (void)size; }
BARE bool sea_os_is_guest(void) { return false; }
BARE enum sea_moved sea_os_move(void *from, void *to, size_t size)
{
	(void)from, (void)to, (void)size;
	return SEA_STAYED; /* the core copies then */
}
BARE bool sea_os_protect(void *base, size_t size) { return (void)base, (void)size, false; }

/* --- threads and processors ------------------------------------------------------------- */

BARE unsigned sea_cpus_available(void) { return 1; }
BARE size_t sea_os_thread_id(void) { return 0; }
BARE int sea_os_thread_clock(void) { return 0; }
BARE uint64_t sea_os_thread_time(int clock) { return (void)clock, 0; }
BARE void sea_os_wait(uint32_t *word, uint32_t value) { (void)word, (void)value; }
BARE void sea_os_wake(uint32_t *word) { (void)word; }
BARE void sea_os_yield(void) {}
BARE bool sea_os_sleep(unsigned ms) { return (void)ms, false; }
BARE bool sea_os_start_thread(void (*body)(void), const char *name) { return (void)body, (void)name, false; }
BARE void sea_os_at_thread_exit(void (*hook)(void *), void *argument) { (void)hook, (void)argument; }
BARE uint64_t sea_os_now_ms(void) { return sea_os_now_us() / 1000; }

/* --- processes, files and signals ---------------------------------------------------------- */

BARE size_t sea_os_process(void) { return 1; }
BARE bool sea_os_has_environment(void) { return true; } /* it is known, and empty */
BARE bool sea_os_is_confined(void) { return true; }
BARE bool sea_os_catch_faults(void (*see)(const struct sea_fault *fault)) { return (void)see, false; }
BARE bool sea_os_catches_faults(void) { return false; }
BARE bool sea_os_can_read(const void *address) { return (void)address, false; }
BARE bool sea_os_find_code(uintptr_t pc, struct sea_code *code) { return (void)pc, (void)code, false; }
BARE bool sea_os_is_on_stack(const void *here, const void *address) { return (void)here, (void)address, false; }
BARE int sea_os_share_make(size_t size) { return (void)size, -1; }
BARE size_t sea_os_share_size(int file) { return (void)file, 0; }
BARE void *sea_os_share(int file, size_t size) { return (void)file, (void)size, NULL; }
BARE void sea_os_unshare(void *base, size_t size) { (void)base, (void)size; }
BARE void sea_os_close(int file) { (void)file; }

/* No fault is caught, so nobody calls these two. */
BARE void sea_context_of_signal(const void *context, struct sea_registers *registers)
{
	(void)context;
	*registers = (struct sea_registers){0};
}
BARE enum sea_access sea_context_access(const void *context) { return (void)context, SEA_ACCESS_UNKNOWN; }

/* --- beginning and end ----------------------------------------------------------------------- */

/* Options are set by then, if at all. */
BARE void sea_front_start(void) { sea_engine_start(true); }

BARE _Noreturn void sea_os_abort(void (*first)(void))
{
	first();
	sea_os_die();
}
