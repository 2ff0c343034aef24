// SPDX-License-Identifier: MIT
// delete_array_of_malloc.cc SIZE - operator delete[] of a block of malloc()
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	(void)argc;
	::operator delete[](accused(malloc(number(argv, 1))));
	return 0;
}
