/* SPDX-License-Identifier: MIT */
/* compiler.h - what we ask of the compiler, by name */
#ifndef SEA_COMPILER_H
#define SEA_COMPILER_H

/* Before any header: a compiler without the system's headers for another machine says this
 * first. */
#if __SIZEOF_POINTER__ != 8 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "seamalloc needs a 64-bit, little-endian machine: addresses, words of bitmaps and marks have 64 bits"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* A slow path: never inlined, and placed away from the code that calls it. */
#define SEA_COLD __attribute__((noinline, cold))
#define SEA_NOINLINE __attribute__((noinline))
#define SEA_INLINE static inline __attribute__((always_inline))

/* Not exported from the shared object, so the code reaches the variable without a table. */
#define SEA_HIDDEN __attribute__((visibility("hidden")))

/* One cache line: fields written by different threads are kept this far apart. */
#define SEA_CACHE_LINE 64
#define SEA_LINE_ALIGNED __attribute__((aligned(SEA_CACHE_LINE)))

/* No padding, aligned to two bytes: keeps an array of the struct short. */
#define SEA_PACKED_BY_TWO __attribute__((packed, aligned(2)))

/* Thread-local storage reached through one register, also in a shared object.  A program that
 * dlopen()s us must have that much left in its static TLS block.  Who builds the core for a system
 * with one thread may define it as nothing. */
#ifndef SEA_THREAD_LOCAL
#define SEA_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#endif

/* Exempt from the thread sanitizer.  The function's comment says why. */
#define SEA_RACE_BY_DESIGN __attribute__((no_sanitize("thread")))

#define SEA_KIB ((size_t)1 << 10)
#define SEA_MIB ((size_t)1 << 20)
#define SEA_GIB ((size_t)1 << 30)

SEA_INLINE size_t sea_min(size_t a, size_t b) { return a < b ? a : b; }
SEA_INLINE size_t sea_max(size_t a, size_t b) { return a > b ? a : b; }

#endif
