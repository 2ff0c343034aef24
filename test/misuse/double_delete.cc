// SPDX-License-Identifier: MIT
// double_delete.cc SIZE - sized delete of what is deleted
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	std::size_t size = number(argv, argc - 1);
	void *p = ::operator new(size), *again = accused(p);
	::operator delete(p, size);
	::operator delete(again, size);
	return 0;
}
