/* SPDX-License-Identifier: MIT */
/* cxx.c - C++ operator new and delete, by their mangled names (names only)
 *
 * Written in C: no libstdc++ is needed.  Where the program has it, a failed new
 * calls the handler and throws; where it has not, it ends the process.
 * The names are those of the Itanium C++ ABI: m is size_t, a[] is `na`.
 *
 * A program may replace any of the operators.  The standard says which form calls which:
 *
 *     new[], delete[]                  call new, delete
 *     with a size, delete (nothrow)    calls the one without
 *     with an alignment                the same among themselves
 *
 * So there are four that do something, and the others call one of them by its symbol: the
 * program's, if it has one.  The names are weak for the same reason: in a static program
 * the program's own takes their place.
 *
 * Hardened mode wants to know the kind of a block.  Nobody knows what the program's own operators
 * call, so the kind is told only if new and delete are both ours.
 *
 * new (nothrow) is not here: it has to catch what new throws, which C cannot.  The C++
 * library's own form does it around new, whose ever that is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "engines/engine.h"
#include "front/front.h"
#include "seamalloc.h"

#define EXPORT __attribute__((visibility("default"), used, weak))

/* Absent from a static program. */
#pragma weak dlsym

EXPORT void *_Znwm(size_t size);
EXPORT void *_ZnwmSt11align_val_t(size_t size, size_t align);
EXPORT void _ZdlPv(void *block);
EXPORT void _ZdlPvSt11align_val_t(void *block, size_t align);
EXPORT void *_Znam(size_t size);
EXPORT void _ZdaPv(void *block);
EXPORT void _ZdaPvm(void *block, size_t size);

/* --- the C++ library ------------------------------------------------------------------ */

typedef void (*new_handler)(void);

/* std::get_new_handler() and std::__throw_bad_alloc(). */
extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* Of the library that came with a plugin, after us; NULL: there is none.  dlopen() is looked up:
 * a linker warns of a static program that names it. */
static void *find_late(const char *name)
{
	void *(*open)(const char *, int) = dlsym ? (void *(*)(const char *, int))dlsym(RTLD_DEFAULT, "dlopen") : NULL;
	void *library = open ? open("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD) : NULL;
	return library ? dlsym(library, name) : NULL;
}

static new_handler get_new_handler(void)
{
	new_handler (*get)(void) = _ZSt15get_new_handlerv;
	if (!get)
		get = (new_handler (*)(void))find_late("_ZSt15get_new_handlerv");
	return get ? get() : NULL;
}

/* Calls the handler, which may free memory or throw; false if there is none. */
static bool call_new_handler(void)
{
	SEA_LEAVES_HERE();
	new_handler handler = get_new_handler();
	if (!handler)
		return false;
	handler();
	return true;
}

SEA_COLD static void *new_failed(void)
{
	void (*throw_bad_alloc)(void) = _ZSt17__throw_bad_allocv;
	if (!throw_bad_alloc)
		throw_bad_alloc = (void (*)(void))find_late("_ZSt17__throw_bad_allocv");
	if (!throw_bad_alloc)
		sea_fatal("operator new", "out of memory, and the process has no C++ library to throw from");
	throw_bad_alloc();
	return NULL;
}

/* --- kinds --------------------------------------------------------------------------- */

extern void *our_new(size_t size) __attribute__((alias("_Znwm"), visibility("hidden")));
extern void our_delete(void *block) __attribute__((alias("_ZdlPv"), visibility("hidden")));

static enum sea_kind kind_if_ours(enum sea_kind kind)
{
	return _Znwm == our_new && _ZdlPv == our_delete ? kind : SEA_KIND_PLAIN;
}

/* --- the four -------------------------------------------------------------------------- */

SEA_COLD static void *new_or_throw(enum sea_kind kind, size_t size)
{
	for (;;) {
		void *block = sea_engine_alloc_as(kind, SEA_GRANULE, size);
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
	return likely(block) ? block : new_or_throw(kind_if_ours(SEA_KIND_NEW), size);
}

void *_Znwm(size_t size) { return sea_fast_alloc(size, new_slow); }

/* An alignment that is no power of two is the caller's mistake: it fails.  Aligned blocks have no
 * kind of their own. */
void *_ZnwmSt11align_val_t(size_t size, size_t align)
{
	for (;;) {
		void *block = sea_is_power_of_two(align) ? sea_engine_alloc_aligned(align, size) : NULL;
		if (block)
			return block;
		if (!call_new_handler())
			return new_failed();
	}
}

static SEA_NOINLINE void delete_slow(void *block, size_t size)
{
	sea_engine_free_as(kind_if_ours(SEA_KIND_NEW), block, size);
}

void _ZdlPv(void *block) { sea_fast_free_as(block, SEA_SIZE_UNTOLD, delete_slow); }

/* Alignments, sizes and nothrow change nothing about giving a block back. */
void _ZdlPvSt11align_val_t(void *block, size_t align) { (void)align, sea_front_free(block); }

/* --- those that call them ----------------------------------------------------------------- */

#define CALLS(type, name, parameters, basic, arguments)                                            \
	EXPORT type name parameters;                                                               \
	type name parameters { return basic arguments; }

#define PLAIN (void *block)
#define NOTHROW (void *block, __attribute__((unused)) const void *nothrow)
#define ALIGNED (void *block, size_t align)
#define ALIGNED_NOTHROW (void *block, size_t align, __attribute__((unused)) const void *nothrow)

CALLS(void *, _ZnamSt11align_val_t, (size_t size, size_t align), _ZnwmSt11align_val_t, (size, align))

CALLS(void, _ZdlPvRKSt9nothrow_t, NOTHROW, _ZdlPv, (block))
CALLS(void, _ZdaPvRKSt9nothrow_t, NOTHROW, _ZdaPv, (block))

CALLS(void, _ZdaPvSt11align_val_t, ALIGNED, _ZdlPvSt11align_val_t, (block, align))
CALLS(void, _ZdlPvSt11align_val_tRKSt9nothrow_t, ALIGNED_NOTHROW, _ZdlPvSt11align_val_t, (block, align))
CALLS(void, _ZdaPvSt11align_val_tRKSt9nothrow_t, ALIGNED_NOTHROW, _ZdaPvSt11align_val_t, (block, align))

/* Arrays: hardened mode tells them from single objects if these and the basic forms are ours. */
extern void our_delete_array(void *block) __attribute__((alias("_ZdaPv"), visibility("hidden")));

static bool arrays_are_ours(void) { return kind_if_ours(SEA_KIND_NEW) == SEA_KIND_NEW && _ZdaPv == our_delete_array; }

void *_Znam(size_t size)
{
	if (sea_fast_is_secure() && arrays_are_ours())
		return new_or_throw(SEA_KIND_ARRAY, size);
	return _Znwm(size);
}

void _ZdaPv(void *block)
{
	if (sea_fast_is_secure() && arrays_are_ours())
		sea_engine_free_as(SEA_KIND_ARRAY, block, SEA_SIZE_UNTOLD);
	else
		_ZdlPv(block);
}

void _ZdaPvm(void *block, size_t size)
{
	if (sea_fast_is_secure() && arrays_are_ours())
		sea_engine_free_as(SEA_KIND_ARRAY, block, size);
	else
		_ZdaPv(block);
}

/* Aligned blocks: hardened mode looks at the size if all forms are ours. */
extern void *our_new_aligned(size_t size, size_t align)
	__attribute__((alias("_ZnwmSt11align_val_t"), visibility("hidden")));
extern void *our_new_array_aligned(size_t size, size_t align)
	__attribute__((alias("_ZnamSt11align_val_t"), visibility("hidden")));
extern void our_delete_aligned(void *block, size_t align)
	__attribute__((alias("_ZdlPvSt11align_val_t"), visibility("hidden")));
extern void our_delete_array_aligned(void *block, size_t align)
	__attribute__((alias("_ZdaPvSt11align_val_t"), visibility("hidden")));

static bool aligned_are_ours(void)
{
	return _ZnwmSt11align_val_t == our_new_aligned && _ZnamSt11align_val_t == our_new_array_aligned &&
	       _ZdlPvSt11align_val_t == our_delete_aligned && _ZdaPvSt11align_val_t == our_delete_array_aligned;
}

EXPORT void _ZdlPvmSt11align_val_t(void *block, size_t size, size_t align);
void _ZdlPvmSt11align_val_t(void *block, size_t size, size_t align)
{
	if (sea_fast_is_secure() && aligned_are_ours())
		sea_engine_free_as(SEA_KIND_PLAIN, block, size);
	else
		_ZdlPvSt11align_val_t(block, align);
}

EXPORT void _ZdaPvmSt11align_val_t(void *block, size_t size, size_t align);
void _ZdaPvmSt11align_val_t(void *block, size_t size, size_t align)
{
	if (sea_fast_is_secure() && aligned_are_ours())
		sea_engine_free_as(SEA_KIND_PLAIN, block, size);
	else
		_ZdaPvSt11align_val_t(block, align);
}

/* Delete with a size is the commonest: it goes the fast path itself, through a gate that opens
 * once operator delete is known to be ours.  The gate costs no instruction. */
static uintptr_t gate;

static SEA_NOINLINE void delete_sized_slow(void *block, size_t size)
{
	if (_ZdlPv != our_delete) {
		_ZdlPv(block);
		return;
	}
	sea_fast_open(&gate);
	sea_engine_free_as(kind_if_ours(SEA_KIND_NEW), block, size);
}

EXPORT void _ZdlPvm(void *block, size_t size);
void _ZdlPvm(void *block, size_t size) { sea_fast_free_through(&gate, block, size, delete_sized_slow); }
