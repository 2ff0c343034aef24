/* SPDX-License-Identifier: MIT */
/* cxx.c - C++ operator new and delete, by their mangled names (names only)
 *
 * Written in C: no libstdc++ is needed.  Where the program has it, a failed new
 * calls the handler and throws; where it has not, it ends the process.
 * The names are those of the Itanium C++ ABI: m is size_t, a[] is `na`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "bits.h"
#include "check.h"
#include "engine.h"
#include "front.h"
#include "seamalloc.h"

#define EXPORT __attribute__((visibility("default"), used))

typedef void (*new_handler)(void);

/* Absent from a static program. */
#pragma weak dlsym

/* std::get_new_handler() and std::__throw_bad_alloc(). */
extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* Calls the handler, which may free memory or throw; false if there is none. */
static bool call_new_handler(void)
{
	new_handler handler = _ZSt15get_new_handlerv ? _ZSt15get_new_handlerv() : NULL;
	if (!handler)
		return false;
	handler();
	return true;
}

SEA_COLD static void *new_failed(void)
{
	if (!_ZSt17__throw_bad_allocv)
		sea_fatal("operator new", "out of memory, and the process has no C++ library to throw from");
	_ZSt17__throw_bad_allocv();
	return NULL;
}

SEA_COLD static void *new_or_throw(size_t size)
{
	for (;;) {
		void *block = sea_engine_alloc(size);
		if (block)
			return block;
		if (!call_new_handler())
			return new_failed();
	}
}

/* What operator new does past its fast path. */
static SEA_NOINLINE void *new_slow(size_t size)
{
	void *block = sea_fast_pop_more(size);
	return likely(block) ? block : new_or_throw(size);
}

/* An alignment that is no power of two is the caller's mistake: it fails. */
SEA_COLD static void *new_aligned(size_t size, size_t align)
{
	for (;;) {
		void *block = sea_is_power_of_two(align) ? sea_engine_alloc_aligned(align, size) : NULL;
		if (block)
			return block;
		if (!call_new_handler())
			return new_failed();
	}
}

/* The nothrow forms call the handler too, and catch what it throws.  C cannot catch:
 * but the C++ library's own forms do, around the throwing operator, which is ours. */
static SEA_NOINLINE void *new_nothrow_slow(size_t size)
{
	void *block = sea_fast_pop_more(size);
	if (likely(block) || (block = sea_engine_alloc(size)))
		return block;
	if (!_ZSt15get_new_handlerv || !_ZSt15get_new_handlerv() || !dlsym)
		return NULL;
	void *(*theirs)(size_t, const void *) = dlsym(RTLD_NEXT, "_ZnwmRKSt9nothrow_t");
	return theirs ? theirs(size, NULL) : NULL;
}

static void *new_nothrow(size_t size) { return sea_fast_alloc(size, new_nothrow_slow); }

static void *new_aligned_nothrow(size_t size, size_t align)
{
	void *block = sea_is_power_of_two(align) ? sea_engine_alloc_aligned(align, size) : NULL;
	if (block || !_ZSt15get_new_handlerv || !_ZSt15get_new_handlerv() || !dlsym)
		return block;
	void *(*theirs)(size_t, size_t, const void *) = dlsym(RTLD_NEXT, "_ZnwmSt11align_val_tRKSt9nothrow_t");
	return theirs ? theirs(size, align, NULL) : NULL;
}

#define NEW(name)                                                                                  \
	EXPORT void *name(size_t size);                                                            \
	EXPORT void *name(size_t size) { return sea_fast_alloc(size, new_slow); }
#define NEW_NOTHROW(name)                                                                          \
	EXPORT void *name(size_t size, const void *nothrow);                                       \
	EXPORT void *name(size_t size, const void *nothrow) { return (void)nothrow, new_nothrow(size); }
#define NEW_ALIGNED(name)                                                                          \
	EXPORT void *name(size_t size, size_t align);                                              \
	EXPORT void *name(size_t size, size_t align) { return new_aligned(size, align); }
#define NEW_ALIGNED_NOTHROW(name)                                                                  \
	EXPORT void *name(size_t size, size_t align, const void *nothrow);                         \
	EXPORT void *name(size_t size, size_t align, const void *nothrow)                          \
	{                                                                                          \
		return (void)nothrow, new_aligned_nothrow(size, align);                            \
	}

NEW(_Znwm)
NEW(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)

/* Sizes, alignments and nothrow change nothing about giving a block back. */
#define DELETE(name)                                                                               \
	EXPORT void name(void *block);                                                             \
	EXPORT void name(void *block) { sea_front_free(block); }
#define DELETE_1(name, type)                                                                       \
	EXPORT void name(void *block, type a);                                                     \
	EXPORT void name(void *block, type a) { (void)a, sea_front_free(block); }
#define DELETE_2(name, type_a, type_b)                                                             \
	EXPORT void name(void *block, type_a a, type_b b);                                         \
	EXPORT void name(void *block, type_a a, type_b b) { (void)a, (void)b, sea_front_free(block); }

DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE_1(_ZdlPvm, size_t)
DELETE_1(_ZdaPvm, size_t)
DELETE_1(_ZdlPvSt11align_val_t, size_t)
DELETE_1(_ZdaPvSt11align_val_t, size_t)
DELETE_1(_ZdlPvRKSt9nothrow_t, const void *)
DELETE_1(_ZdaPvRKSt9nothrow_t, const void *)
DELETE_2(_ZdlPvmSt11align_val_t, size_t, size_t)
DELETE_2(_ZdaPvmSt11align_val_t, size_t, size_t)
DELETE_2(_ZdlPvSt11align_val_tRKSt9nothrow_t, size_t, const void *)
DELETE_2(_ZdaPvSt11align_val_tRKSt9nothrow_t, size_t, const void *)
