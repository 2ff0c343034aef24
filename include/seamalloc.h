/* SPDX-License-Identifier: MIT */
/* seamalloc.h - the public interface
 *
 * Functions that the C library has, too, exist under their standard names as well
 * (malloc for sea_malloc, and so on) in libseamalloc.so and libseamalloc.a.  The
 * prefixed names always mean this allocator, whatever else the process has loaded.
 *
 * For all of them:
 *   - Blocks are aligned to 16 bytes or more.  A block of size 0 has an address of
 *     its own.
 *   - A request above PTRDIFF_MAX, or for which there is no memory, returns NULL with
 *     errno = ENOMEM and changes nothing.  Freeing preserves errno.
 *   - Thread safety: any thread may call any function at any time, and may free
 *     what another has allocated.  Fork from any thread is safe.  None of them
 *     is async-signal-safe.
 *   - A mistake by the caller (a block freed twice, a pointer into the middle of
 *     a block, memory of another owner) ends the process: one line on standard
 *     error, then abort().  A second free is noticed at once, or up to 64 frees later
 *     in a thread that tears down, at the latest when the thread or process ends.
 *     It may go unnoticed if the memory was handed out again, or if the thread that
 *     has the block in its cache is running.
 *   - Cost: a request up to 896 bytes that the thread's cache can serve takes no
 *     lock, no atomic operation and no system call.
 */
#ifndef SEAMALLOC_H
#define SEAMALLOC_H

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What malloc.h of glibc 2.33 and later has. */
#if defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ < 33
struct mallinfo2 {
	size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct mallinfo2 mallinfo2(void);
#endif

#define SEAMALLOC_VERSION "0.1.0"

#define SEA_API __attribute__((visibility("default"), nothrow))
#define SEA_RETURNS_BLOCK __attribute__((malloc, warn_unused_result))
#define SEA_SIZED(...) __attribute__((alloc_size(__VA_ARGS__)))
#define SEA_ALIGNED(param) __attribute__((alloc_align(param)))

/* A program may define this: its own settings, "name=value,name=value".  They take precedence over
 * /etc/seamalloc.conf, and the environment over them.  The string is read at the start of the
 * process.  The linker must export it: it does so in a program that is linked with the library, or
 * by -rdynamic. */
extern __attribute__((visibility("default"))) const char *seamalloc_conf;

/* --- C and POSIX ---------------------------------------------------------- */

SEA_API SEA_RETURNS_BLOCK SEA_SIZED(1) void *sea_malloc(size_t size);

/* The block reads as zero.  NULL and ENOMEM if count * size overflows. */
SEA_API SEA_RETURNS_BLOCK SEA_SIZED(1, 2) void *sea_calloc(size_t count, size_t size);

/* Keeps min(old, new) bytes.  The block stays in place if it can; a large one (4 MiB and
 * more) moves by moving pages, without a copy.  realloc(NULL, n) allocates.  realloc(p, 0) frees p
 * and returns NULL, as glibc does.  On failure the old block stays as it was. */
SEA_API __attribute__((warn_unused_result)) SEA_SIZED(2) void *sea_realloc(void *block, size_t size);
SEA_API __attribute__((warn_unused_result)) SEA_SIZED(2, 3)
void *sea_reallocarray(void *block, size_t count, size_t size);

/* NULL is ignored. */
SEA_API void sea_free(void *block);
SEA_API void sea_cfree(void *block);

/* C23: `size` (and `align`) must be what the block was asked for. */
SEA_API void sea_free_sized(void *block, size_t size);
SEA_API void sea_free_aligned_sized(void *block, size_t align, size_t size);

/* Alignment is a power of two, up to 1 GiB at least.  For any other value aligned_alloc
 * returns NULL with EINVAL, as C23 says.  memalign, which is in no standard, takes the next
 * power of two, as glibc does; it fails with EINVAL only if there is none. */
SEA_API SEA_RETURNS_BLOCK SEA_ALIGNED(1) SEA_SIZED(2) void *sea_aligned_alloc(size_t align, size_t size);
SEA_API SEA_RETURNS_BLOCK SEA_ALIGNED(1) SEA_SIZED(2) void *sea_memalign(size_t align, size_t size);

/* Returns 0, EINVAL (align is no power of two or no multiple of sizeof(void *))
 * or ENOMEM, and leaves *block alone when it fails.  As glibc's, it sets errno only to
 * ENOMEM, when it returns that. */
SEA_API int sea_posix_memalign(void **block, size_t align, size_t size);

/* Aligned to the page; pvalloc rounds the size up to whole pages as well. */
SEA_API SEA_RETURNS_BLOCK SEA_SIZED(1) void *sea_valloc(size_t size);
SEA_API SEA_RETURNS_BLOCK void *sea_pvalloc(size_t size);

/* --- glibc's questions, answered for this heap ------------------------------ */

/* Bytes that the caller may use; constant while the block lives.  0 for NULL. */
SEA_API size_t sea_malloc_usable_size(void *block);

/* Empties the calling thread's cache, merges, and returns all free pages but `keep`
 * bytes to the system.  1 if any were returned, otherwise 0. */
SEA_API int sea_malloc_trim(size_t keep);

/* arena: bytes of the heap that may hold memory, hblks/hblkhd: blocks with a mapping
 * of their own, uordblks: bytes in blocks that the program holds, fordblks: those of
 * arena that it does not hold, fsmblks: those of them in thread caches, keepcost: those
 * of them that a trim could return to the system.  Each call counts anew, in steps of some
 * 100 us in which all locks are held.  mallinfo saturates at INT_MAX. */
SEA_API struct mallinfo sea_mallinfo(void);
SEA_API struct mallinfo2 sea_mallinfo2(void);

/* Writes XML to `stream`: where every byte is (docs/memory.md).  -1 and EINVAL if options
 * is not 0. */
SEA_API int sea_malloc_info(int options, FILE *stream);

/* The same in a few lines on standard error. */
SEA_API void sea_malloc_stats(void);

/* M_TRIM_THRESHOLD sets the option dirty_max, M_ARENA_MAX the option shards (for threads that
 * start later).  A value out of range gives the nearest in range, a negative one the largest.
 * Other parameters of glibc (M_PERTURB among them) are accepted and change nothing.  Returns
 * what glibc does: 1, and 0 only for M_MXFAST below 0 or above 160. */
SEA_API int sea_mallopt(int param, int value);

/* --- beyond the standard ---------------------------------------------------- */

/* The usable size of a block that malloc(size) would return.  0 above PTRDIFF_MAX. */
SEA_API size_t sea_good_size(size_t size);

/* Makes the block at least `size` bytes long without moving it, or returns false and
 * changes nothing.  True at once if it is already that long. */
SEA_API bool sea_expand(void *block, size_t size);

/* Fills blocks[0..count) with blocks of `size` bytes; returns how many it could
 * allocate.  errno is ENOMEM if that is fewer. */
SEA_API size_t sea_malloc_batch(size_t size, size_t count, void **blocks);

/* Frees blocks[0..count); entries may be NULL. */
SEA_API void sea_free_batch(size_t count, void **blocks);

#ifdef __cplusplus
}
#endif
#endif
