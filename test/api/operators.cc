/* SPDX-License-Identifier: MIT */
/* operators.cc - every operator new and delete, and what they do without memory */
#include "seamalloc_heap.h"
#include "../harness.h"

#include <dlfcn.h>
#include <malloc.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>
#include <thread>
#include <vector>

static const std::size_t sizes[] = {0, 1, 8, 16, 100, 896, 897, 4096, 30000, 300000, 2000000};
static const std::size_t impossible[] = {PTRDIFF_MAX, static_cast<std::size_t>(PTRDIFF_MAX) + 1, SIZE_MAX - 4096,
					 SIZE_MAX};

static void *checked(void *block, std::size_t size, std::size_t align)
{
	CHECK(block != nullptr);
	CHECK_EQ(reinterpret_cast<std::uintptr_t>(block) % align, 0);
	CHECK_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0);
	CHECK(malloc_usable_size(block) >= size);
	test_fill(block, size, size);
	CHECK(test_is_filled(block, size, size));
	return block;
}

static void plain()
{
	for (std::size_t size : sizes) {
		::operator delete(checked(::operator new(size), size, 16));
		::operator delete[](checked(::operator new[](size), size, 16));
		::operator delete(checked(::operator new(size), size, 16), size);
		::operator delete[](checked(::operator new[](size), size, 16), size);
	}
	::operator delete(nullptr);
	::operator delete[](nullptr);
	::operator delete(nullptr, 10);
	::operator delete[](nullptr, 10);
}

static void nothrow()
{
	for (std::size_t size : sizes) {
		::operator delete(checked(::operator new(size, std::nothrow), size, 16), std::nothrow);
		::operator delete[](checked(::operator new[](size, std::nothrow), size, 16), std::nothrow);
	}
	::operator delete(nullptr, std::nothrow);
	::operator delete[](nullptr, std::nothrow);
}

static void aligned()
{
	for (std::size_t align = 1; align <= 4 * MiB; align *= 2)
		for (std::size_t size : sizes) {
			auto a = static_cast<std::align_val_t>(align);
			::operator delete(checked(::operator new(size, a), size, align), a);
			::operator delete[](checked(::operator new[](size, a), size, align), a);
			::operator delete(checked(::operator new(size, a), size, align), size, a);
			::operator delete[](checked(::operator new[](size, a), size, align), size, a);
			::operator delete(checked(::operator new(size, a, std::nothrow), size, align), a, std::nothrow);
			::operator delete[](checked(::operator new[](size, a, std::nothrow), size, align), a,
					    std::nothrow);
		}
}

static void empty_blocks_are_unique()
{
	void *blocks[100];
	for (int i = 0; i < 100; i++)
		blocks[i] = i % 2 != 0 ? ::operator new(0) : ::operator new(0, static_cast<std::align_val_t>(64));
	for (int i = 0; i < 100; i++)
		for (int j = 0; j < i; j++)
			CHECK(blocks[i] != blocks[j]);
	for (int i = 0; i < 100; i++)
		if (i % 2 != 0)
			::operator delete(blocks[i]);
		else
			::operator delete(blocks[i], static_cast<std::align_val_t>(64));
}

template <typename Ask> static void check_throws(Ask ask)
{
	bool thrown = false;
	try {
		ask();
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	CHECK(thrown);
}

static void impossible_throws()
{
	for (std::size_t size : impossible) {
		size = opaque_size(size);
		check_throws([&] { opaque(::operator new(size)); });
		check_throws([&] { opaque(::operator new[](size)); });
	}
}

static void impossible_aligned_throws()
{
	for (std::size_t size : impossible) {
		size = opaque_size(size);
		auto a = static_cast<std::align_val_t>(64);
		check_throws([&] { opaque(::operator new(size, a)); });
		check_throws([&] { opaque(::operator new[](size, a)); });
	}
}

static void impossible_nothrow_is_null()
{
	for (std::size_t size : impossible) {
		size = opaque_size(size);
		CHECK(::operator new(size, std::nothrow) == nullptr);
		CHECK(::operator new[](size, std::nothrow) == nullptr);
	}
}

static void impossible_aligned_nothrow_is_null()
{
	for (std::size_t size : impossible) {
		size = opaque_size(size);
		auto a = static_cast<std::align_val_t>(64);
		CHECK(::operator new(size, a, std::nothrow) == nullptr);
		CHECK(::operator new[](size, a, std::nothrow) == nullptr);
	}
}

/* --- new handlers ---------------------------------------------------------------- */

static int nr_calls;
static void *reserve;

static void give_up_at_third_call()
{
	if (++nr_calls == 3)
		std::set_new_handler(nullptr);
}

static void handler_is_called_until_it_resigns()
{
	auto a = static_cast<std::align_val_t>(128);
	std::size_t size = opaque_size(PTRDIFF_MAX);
	for (int way = 0; way < 4; way++) {
		nr_calls = 0;
		std::set_new_handler(give_up_at_third_call);
		if (way == 0)
			check_throws([&] { opaque(::operator new(size)); });
		else if (way == 1)
			check_throws([&] { opaque(::operator new[](size, a)); });
		else if (way == 2)
			CHECK(::operator new(size, std::nothrow) == nullptr);
		else
			CHECK(::operator new(size, a, std::nothrow) == nullptr);
		CHECK_EQ(nr_calls, 3);
	}
}

struct out_of_patience : std::bad_alloc {};

static void throw_our_own()
{
	throw out_of_patience();
}

static void handler_may_throw()
{
	bool thrown = false;
	std::size_t size = opaque_size(PTRDIFF_MAX);
	std::set_new_handler(throw_our_own);
	try {
		opaque(::operator new(size));
	} catch (const out_of_patience &) {
		thrown = true;
	}
	CHECK(thrown);
	CHECK(::operator new(size, std::nothrow) == nullptr);
	CHECK(::operator new[](size, static_cast<std::align_val_t>(64), std::nothrow) == nullptr);
}

static void give_reserve_back()
{
	nr_calls++;
	CHECK(reserve != nullptr);
	std::free(reserve);
	reserve = nullptr;
}

static void handler_makes_room()
{
	/* The addresses of the heap's own map were taken before there was a limit. */
	test_limit_address_space(364 * MiB);
	reserve = std::malloc(200 * MiB);
	CHECK(reserve != nullptr);
	std::set_new_handler(give_reserve_back);
	void *block = ::operator new(180 * MiB);
	CHECK(block != nullptr);
	CHECK_EQ(nr_calls, 1);
	::operator delete(block);
}

/* --- as the language uses them ------------------------------------------------------ */

struct alignas(256) Wide {
	unsigned char bytes[300];
	Wide() { std::memset(bytes, 7, sizeof(bytes)); }
	~Wide() { CHECK(bytes[0] == 7 && bytes[299] == 7); }
};

struct Fragile {
	static int alive;
	Fragile()
	{
		if (alive == 5)
			throw 1;
		alive++;
	}
	~Fragile() { alive--; }
	char bytes[40];
};
int Fragile::alive;

static void expressions()
{
	Wide *one = new Wide, *many = new Wide[9];
	CHECK_EQ(reinterpret_cast<std::uintptr_t>(one) % 256, 0);
	CHECK_EQ(reinterpret_cast<std::uintptr_t>(many) % 256, 0);
	delete one;
	delete[] many;
	bool thrown = false;
	try {
		delete[] static_cast<Fragile *>(opaque(new Fragile[10]));
	} catch (int) {
		thrown = true;
	}
	CHECK(thrown);
	CHECK_EQ(Fragile::alive, 0);
}

static std::map<int, std::string> counted(int from)
{
	std::map<int, std::string> words;
	for (int i = from; i < from + 5000; i++)
		words[i] = std::string(static_cast<std::size_t>(i % 300), static_cast<char>('a' + i % 26));
	return words;
}

static void containers()
{
	std::vector<std::thread> threads;
	std::vector<std::map<int, std::string>> results(4);
	for (int t = 0; t < 4; t++)
		threads.emplace_back([&results, t] { results[static_cast<std::size_t>(t)] = counted(t * 100); });
	for (auto &thread : threads)
		thread.join();
	for (int t = 0; t < 4; t++)
		CHECK(results[static_cast<std::size_t>(t)] == counted(t * 100));
}

static void operators_are_ours()
{
	static const char *const names[] = {
		"_Znwm", "_Znam", "_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm",
		"_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t", "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t",
		"_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t", "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t",
		"_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_tRKSt9nothrow_t",
	};
	Dl_info ours = {}, here = {};
	CHECK(dladdr(test_symbol("sea_malloc"), &ours) != 0);
	for (const char *name : names) {
		CHECK(dladdr(test_symbol(name), &here) != 0);
		if (here.dli_fbase != ours.dli_fbase)
			test_fail(__FILE__, __LINE__, "%s is ours, not of %s", name, here.dli_fname);
	}
}

/* malloc's block may not be deleted by the book, but programs do it. */
static void mixes_with_free()
{
	std::free(::operator new(100));
	::operator delete(opaque(std::malloc(100)));
	std::free(::operator new(100, static_cast<std::align_val_t>(4096)));
	void *grown = std::realloc(opaque(::operator new(100)), 10000);
	CHECK(grown != nullptr);
	::operator delete(opaque(grown));
}

/* A heap object's chunks are in the map that the fast path reads, in hardened mode as well. */
static void beside_heap_objects()
{
	auto create = reinterpret_cast<decltype(&sea_heap_create)>(test_symbol("sea_heap_create"));
	auto take = reinterpret_cast<decltype(&sea_heap_malloc)>(test_symbol("sea_heap_malloc"));
	sea_heap *heap = create("operators", nullptr);
	CHECK(heap != nullptr);
	CHECK(take(heap, 100) != nullptr);
	plain();
	::operator delete(take(heap, 100));
	::operator delete(take(heap, 100), 100);
}

static test_case named(const char *name, void (*run)(), unsigned engines = EVERY)
{
	test_case c = {};
	c.name = name;
	c.run = run;
	c.engines = engines;
	return c;
}

static const test_case cases[] = {
	named("plain and sized", plain),
	named("nothrow", nothrow),
	named("aligned from 1 byte to 4 MiB", aligned),
	named("empty blocks are unique", empty_blocks_are_unique),
	named("an impossible size throws bad_alloc", impossible_throws),
	named("an impossible size is null for nothrow", impossible_nothrow_is_null),
	named("the same, aligned, throws", impossible_aligned_throws, OURS),
	named("the same, aligned, is null for nothrow", impossible_aligned_nothrow_is_null, OURS),
	named("the new handler is called until it resigns", handler_is_called_until_it_resigns),
	named("the new handler may throw", handler_may_throw),
	named("the new handler makes room and new goes on", handler_makes_room, RECYCLING),
	named("new and delete expressions", expressions),
	named("containers filled in threads", containers),
	named("every operator is ours but new (nothrow)", operators_are_ours, OURS),
	named("operators mix with malloc and free", mixes_with_free, EVERY | NOT_SECURE),
	named("operators beside heap objects", beside_heap_objects, SEAM),
};

HARNESS_MAIN(cases)
