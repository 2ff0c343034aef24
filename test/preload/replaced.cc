/* SPDX-License-Identifier: MIT */
/* replaced.cc - a C++ program that replaces basic operators only: every other form must
 * come to them, as the standard says.  Exit status 0; else it says what is wrong.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

/* Each block of ours has a header that tells it from any other, as wide as it is aligned. */
static const std::uint64_t OURS = 0x6f7572626c6f636b;
static long nr_new, nr_delete, nr_foreign;
static bool is_poor;

/* Only these two are replaced: that is the point. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif

__attribute__((noinline)) static void *with_header(std::size_t size, std::size_t align)
{
	char *block = is_poor ? nullptr : static_cast<char *>(std::aligned_alloc(align, (size / align + 2) * align));
	if (block == nullptr)
		throw std::bad_alloc();
	*reinterpret_cast<std::uint64_t *>(block) = OURS;
	nr_new++;
	return block + align;
}

__attribute__((noinline)) static void without_header(void *block, std::size_t align)
{
	if (block == nullptr)
		return;
	char *start = static_cast<char *>(block) - align;
	if (*reinterpret_cast<std::uint64_t *>(start) != OURS) {
		nr_foreign++;
		return;
	}
	*reinterpret_cast<std::uint64_t *>(start) = 0;
	nr_delete++;
	std::free(start);
}

/* 16 without an alignment. */
void *operator new(std::size_t size) { return with_header(size, 16); }
void operator delete(void *block) noexcept { without_header(block, 16); }
#ifndef PLAIN_ONLY
void *operator new(std::size_t size, std::align_val_t align)
{
	return with_header(size, static_cast<std::size_t>(align));
}
void operator delete(void *block, std::align_val_t align) noexcept
{
	without_header(block, static_cast<std::size_t>(align));
}
#endif

static int nr_wrong;

/* Since the last call so many blocks have come, and as many have gone. */
static void expect(const char *what, long nr)
{
	if (nr_new != nr || nr_delete != nr || nr_foreign != 0) {
		std::fprintf(stderr, "%s: %ld of %ld blocks made by the program, %ld given back to it, %ld foreign\n", what,
			     nr_new, nr, nr_delete, nr_foreign);
		nr_wrong++;
	}
	nr_new = nr_delete = nr_foreign = 0;
}

static void plain_forms(std::size_t size)
{
	::operator delete(::operator new(size));
	::operator delete(::operator new(size), size);
	::operator delete(::operator new(size), std::nothrow);
	expect("new", 3);
	::operator delete[](::operator new[](size));
	::operator delete[](::operator new[](size), size);
	::operator delete[](::operator new[](size), std::nothrow);
	expect("new[]", 3);
	::operator delete(::operator new(size, std::nothrow));
	::operator delete[](::operator new[](size, std::nothrow));
	expect("new (nothrow)", 2);
}

static void aligned_forms(std::size_t size, std::align_val_t align, long nr)
{
	::operator delete(::operator new(size, align), align);
	::operator delete(::operator new(size, align), size, align);
	::operator delete(::operator new(size, align), align, std::nothrow);
	expect("new, aligned", 3 * nr);
	::operator delete[](::operator new[](size, align), align);
	::operator delete[](::operator new[](size, align), size, align);
	::operator delete[](::operator new[](size, align), align, std::nothrow);
	expect("new[], aligned", 3 * nr);
	::operator delete(::operator new(size, align, std::nothrow), align);
	::operator delete[](::operator new[](size, align, std::nothrow), align);
	expect("new (nothrow), aligned", 2 * nr);
}

struct Large {
	long a[30];
	~Large() { a[0] = 1; }
};

/* A compiler may leave out a new and its delete if it sees both. */
static Large *volatile kept;

static void expressions()
{
	kept = new Large;
	delete kept;
	kept = new Large[7];
	delete[] kept;
	kept = new (std::nothrow) Large;
	delete kept;
	expect("expressions", 3);
	std::vector<std::string> words;
	for (std::size_t i = 0; i < 200; i++)
		words.push_back(std::string(30 + i, 'x'));
	words = std::vector<std::string>();
	if (nr_new < 200 || nr_delete != nr_new) {
		std::fprintf(stderr, "containers: %ld made, %ld given back\n", nr_new, nr_delete);
		nr_wrong++;
	}
	nr_new = nr_delete = 0;
}

/* The program's operator throws: nothrow forms say so by a null. */
static void nothrow_when_poor()
{
	is_poor = true;
	if (::operator new(10, std::nothrow) != nullptr || ::operator new[](10, std::nothrow) != nullptr) {
		std::fprintf(stderr, "nothrow: memory came from elsewhere\n");
		nr_wrong++;
	}
	is_poor = false;
}

int main()
{
	for (std::size_t size = 0; size < 100000; size = size * 3 + 1) {
		plain_forms(size);
		for (std::size_t align = 16; align <= 4096; align *= 4)
#ifdef PLAIN_ONLY
			aligned_forms(size, static_cast<std::align_val_t>(align), 0);
#else
			aligned_forms(size, static_cast<std::align_val_t>(align), 1);
#endif
	}
	expressions();
	nothrow_when_poor();
	return nr_wrong != 0;
}
