/* SPDX-License-Identifier: MIT */
/* operators_in_c.c - the C++ operators in a process that has no libstdc++ */
#include "../harness.h"

#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

static void without_libstdcxx(void)
{
	if (dlopen("libstdc++.so.6", RTLD_NOLOAD | RTLD_LAZY) != NULL)
		test_fail(__FILE__, __LINE__, "libstdc++ is not loaded");
}

static void plain_and_array(void)
{
	static const char *const names[][2] = {{"_Znwm", "_ZdlPv"}, {"_Znam", "_ZdaPv"}};
	without_libstdcxx();
	for (int i = 0; i < 2; i++) {
		void *(*new_block)(size_t) = (void *(*)(size_t))test_symbol(names[i][0]);
		void (*delete_block)(void *) = (void (*)(void *))test_symbol(names[i][1]);
		for (size_t size = 0; size < 2 * MiB; size = size * 3 + 1) {
			void *block = new_block(size);
			CHECK(block != NULL);
			CHECK(malloc_usable_size(block) >= size);
			test_fill(block, size, size);
			delete_block(block);
		}
		delete_block(NULL);
	}
}

static void aligned_and_sized(void)
{
	void *(*new_aligned)(size_t, size_t) = (void *(*)(size_t, size_t))test_symbol("_ZnwmSt11align_val_t");
	void (*delete_aligned)(void *, size_t, size_t) =
		(void (*)(void *, size_t, size_t))test_symbol("_ZdlPvmSt11align_val_t");
	void *(*new_block)(size_t) = (void *(*)(size_t))test_symbol("_Znwm");
	void (*delete_sized)(void *, size_t) = (void (*)(void *, size_t))test_symbol("_ZdlPvm");
	without_libstdcxx();
	for (size_t align = 8; align <= 64 * KiB; align *= 2) {
		void *block = new_aligned(100, align);
		CHECK(block != NULL);
		CHECK_EQ((uintptr_t)block % align, 0);
		delete_aligned(block, 100, align);
		block = new_block(align);
		CHECK(block != NULL);
		delete_sized(block, align);
	}
}

/* A plugin brings the library: its nothrow form is a new that may throw, which is ours. */
static void library_comes_later(void)
{
	static const char nothrow;
	without_libstdcxx();
	void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		test_skip("no libstdc++.so.6");
	void *(*new_nothrow)(size_t, const void *) =
		(void *(*)(size_t, const void *))dlsym(library, "_ZnwmRKSt9nothrow_t");
	void *(*new_aligned)(size_t, size_t, const void *) =
		(void *(*)(size_t, size_t, const void *))dlsym(library, "_ZnwmSt11align_val_tRKSt9nothrow_t");
	CHECK(new_nothrow != NULL && new_aligned != NULL);
	CHECK(new_nothrow(opaque_size(PTRDIFF_MAX), &nothrow) == NULL);
	CHECK(new_aligned(opaque_size(PTRDIFF_MAX), 64, &nothrow) == NULL);
	free(new_nothrow(100, &nothrow));
}

/* Nobody is there to throw bad_alloc: the process ends, it does not go on with NULL. */
static void impossible_aborts(void)
{
	void *(*new_block)(size_t) = (void *(*)(size_t))test_symbol("_Znwm");
	without_libstdcxx();
	new_block(opaque_size(PTRDIFF_MAX));
}

static const struct test_case cases[] = {
	{.name = "plain and array", .run = plain_and_array},
	{.name = "aligned and sized", .run = aligned_and_sized},
	{.name = "new throws from a library that comes later", .run = library_comes_later, .engines = EVERY | NOT_SECURE},
	{.name = "an impossible size aborts", .run = impossible_aborts, .engines = OURS, .signal = SIGABRT,
	 .text = "seamalloc: "},
};

HARNESS_MAIN(cases)
