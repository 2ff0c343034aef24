/* SPDX-License-Identifier: MIT */
/* atomic.h - every atomic operation of the project
 *
 * The name says the order.  A release in one thread pairs with an acquire in another; a field that
 * is used so names its partner at its declaration.
 *
 * An operation that ends in _mt is atomic only while the process has several threads.  With one
 * thread it is a plain instruction.
 */
#ifndef SEA_ATOMIC_H
#define SEA_ATOMIC_H

#include "base/compiler.h"

/* Claim: the process has one thread, and no other starts while the caller runs, so plain
 * instructions are enough.  The C library says so, before a second thread starts (glibc 2.32 and
 * later; others say nothing). */
extern char __libc_single_threaded __attribute__((weak));

SEA_INLINE bool sea_is_alone(void) { return &__libc_single_threaded && __libc_single_threaded; }

/* In a build that runs threads by a seed (test/schedules), each operation may first let another
 * thread run. */
#ifdef SEA_SCHEDULED
void sea_may_switch(void);
#else
#define sea_may_switch() ((void)0)
#endif

#define sea_load_relaxed(p) (sea_may_switch(), __atomic_load_n(p, __ATOMIC_RELAXED))
#define sea_load_acquire(p) (sea_may_switch(), __atomic_load_n(p, __ATOMIC_ACQUIRE))
#define sea_store_relaxed(p, v) (sea_may_switch(), __atomic_store_n(p, v, __ATOMIC_RELAXED))
#define sea_store_release(p, v) (sea_may_switch(), __atomic_store_n(p, v, __ATOMIC_RELEASE))
#define sea_add_relaxed_mt(p, v)                                                                   \
	(sea_may_switch(), sea_is_alone() ? (*(p) += (v)) : __atomic_add_fetch(p, v, __ATOMIC_RELAXED))
#define sea_exchange_acq_rel_mt(p, v)                                                              \
	({                                                                                         \
		__typeof__(*(p)) old_;                                                             \
		sea_may_switch();                                                                  \
		if (sea_is_alone()) {                                                              \
			old_ = *(p);                                                               \
			*(p) = (v);                                                                \
		} else {                                                                           \
			old_ = __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL);                        \
		}                                                                                  \
		old_;                                                                              \
	})
/* These are ordered with each other.  If one thread sets a bit and then reads, and another takes
 * that bit's partner and then reads the bit, they do not both miss the other's write. */
#define sea_or_ordered_mt(p, v)                                                                    \
	(sea_may_switch(), (void)(sea_is_alone() ? (*(p) |= (v)) : __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)))
#define sea_load_ordered(p) (sea_may_switch(), __atomic_load_n(p, __ATOMIC_SEQ_CST))
#define sea_exchange_ordered(p, v) (sea_may_switch(), __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
#define sea_exchange_acq_rel(p, v) (sea_may_switch(), __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL))
#define sea_or_release(p, v) (sea_may_switch(), (void)__atomic_fetch_or(p, v, __ATOMIC_RELEASE))
#define sea_fetch_and_relaxed(p, v) (sea_may_switch(), __atomic_fetch_and(p, v, __ATOMIC_RELAXED))
#define sea_fetch_and_release(p, v) (sea_may_switch(), __atomic_fetch_and(p, v, __ATOMIC_RELEASE))
#define sea_fetch_add_relaxed(p, v) (sea_may_switch(), __atomic_fetch_add(p, v, __ATOMIC_RELAXED))
#define sea_and_relaxed(p, v) ((void)sea_fetch_and_relaxed(p, v))
#define sea_test_and_set_bit(p, bit)                                                               \
	(sea_may_switch(), __atomic_fetch_or(p, 1ull << (bit), __ATOMIC_RELAXED) >> (bit) & 1)

/* Reads a word that was written before the caller could ask for it.  A plain load: compilers fold
 * it into the instruction that uses it, which they do not do with atomics. */
/* hardened mode may make the map late; who reads too early finds no block */
#ifdef __SANITIZE_THREAD__
#define sea_load_constant(p) sea_load_relaxed(p)
#else
#define sea_load_constant(p) (*(p))
#endif

/* Counts a variable of the calling thread down; true if it fell below 0.  One instruction and its
 * flags; compilers would load, test and store. */
#if defined(__x86_64__)
SEA_INLINE bool sea_count_down(int32_t *count)
{
	bool is_negative;
	__asm__("subl $1, %0" : "+m"(*count), "=@ccs"(is_negative));
	return is_negative;
}
#else
SEA_INLINE bool sea_count_down(int32_t *count) { return --*count < 0; }
#endif

/* Tells the processor that the caller waits in a loop. */
#if defined(__x86_64__)
SEA_INLINE void sea_pause(void) { __builtin_ia32_pause(); }
#else
SEA_INLINE void sea_pause(void) {}
#endif

/* To a signal handler of the same thread, everything before this is done before everything after
 * it. */
#define sea_before_a_signal() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* Keeps the compiler from combining the code before with the code after. */
#define sea_compute_now(variable) __asm__("" : "+r"(variable))

/* If *p is `old`, sets it to `new`.  True: it did. */
#define sea_swap_if(p, old, new)                                                                   \
	({                                                                                         \
		__typeof__(*(p)) expected_ = (old);                                                \
		sea_may_switch();                                                                  \
		__atomic_compare_exchange_n(p, &expected_, new, false, __ATOMIC_ACQ_REL,           \
					    __ATOMIC_ACQUIRE);                                     \
	})

/* Counts without a locked instruction.  Several threads write the count and may lose some.  Writes
 * before it are visible to a thread that takes the count with an exchange. */
#define sea_count_roughly(p, v) sea_store_release(p, sea_load_relaxed(p) + (v))

/* Counts what one thread writes and others read: no locked instruction. */
#define sea_count_own(p, v) sea_store_relaxed(p, sea_load_relaxed(p) + (v))

#endif
