// SPDX-License-Identifier: MIT
// partial_operators.cc - a program replaces the two basic operators, and no other form
//
// Each of its blocks has a header in front.  The standard says that the array, nothrow and
// sized forms call the basic ones, so that these find their header at every block.
#include "../harness.h"

#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#ifndef __clang__
#pragma GCC diagnostic ignored "-Wsized-deallocation" // that one is missing is the point
#endif

namespace {

struct Header {
	unsigned long tag, size;
};

constexpr unsigned long TAG = 0xfeedface;
// Blocks of the program's own operator new.  Volatile: gcc 15 and later take it that no operator
// new or delete changes a variable that the program reads.
volatile long nr_live;
bool runs_out = false; // the next operator new fails

} // namespace

void *operator new(std::size_t size)
{
	Header *header = runs_out ? nullptr : static_cast<Header *>(std::malloc(sizeof(Header) + size));
	if (header == nullptr)
		throw std::bad_alloc();
	*header = {TAG, size};
	nr_live = nr_live + 1;
	return header + 1;
}

void operator delete(void *block) noexcept
{
	if (block == nullptr)
		return;
	Header *header = static_cast<Header *>(block) - 1;
	CHECK_EQ(header->tag, TAG); // a block of another operator new
	header->tag = 0;
	nr_live = nr_live - 1;
	std::free(header);
}

namespace {

struct Item {
	long value[5];
	Item() : value{1} {}
	~Item() { value[0] = 0; }
};

// Claim: the program's operator new made `nr_made` blocks, and `release` frees them by its delete.
template <typename Release> void expect_made(long before, long nr_made, Release release)
{
	CHECK_EQ(nr_live - before, nr_made);
	release();
	CHECK_EQ(nr_live, before);
}

void sized_delete()
{
	long before = nr_live;
	Item *item = new Item;
	expect_made(before, 1, [=] { delete item; });
}

void arrays()
{
	long before = nr_live;
	Item *items = new Item[7];
	expect_made(before, 1, [=] { delete[] items; });
}

void nothrow()
{
	long before = nr_live;
	Item *item = new (std::nothrow) Item, *items = new (std::nothrow) Item[3];
	expect_made(before, 2, [=] {
		delete item;
		delete[] items;
	});
}

void nothrow_delete()
{
	long before = nr_live;
	void *one = ::operator new(100), *more = ::operator new[](100);
	expect_made(before, 2, [=] {
		::operator delete(one, std::nothrow);
		::operator delete[](more, std::nothrow);
	});
}

// The nothrow forms turn the exception of the program's operator new into NULL.
void nothrow_without_memory()
{
	runs_out = true;
	CHECK(opaque(new (std::nothrow) Item) == nullptr);
	CHECK(opaque(new (std::nothrow) Item[3]) == nullptr);
}

void containers()
{
	long before = nr_live;
	{
		std::vector<std::string> words;
		for (size_t i = 0; i < 50; i++)
			words.push_back(std::string(40 + i, 'x'));
		CHECK(nr_live - before >= 51);
		auto shared = std::make_shared<Item>();
	}
	CHECK_EQ(nr_live, before);
}

const test_case cases[] = {
	{"sized delete", sized_delete, 0, 0, 0, nullptr},
	{"arrays", arrays, 0, 0, 0, nullptr},
	{"nothrow new", nothrow, 0, 0, 0, nullptr},
	{"nothrow delete", nothrow_delete, 0, 0, 0, nullptr},
	{"nothrow new where the program's own throws", nothrow_without_memory, 0, 0, 0, nullptr},
	{"containers and shared pointers", containers, 0, 0, 0, nullptr},
};

} // namespace

HARNESS_MAIN(cases)
