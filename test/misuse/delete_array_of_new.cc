// SPDX-License-Identifier: MIT
// delete_array_of_new.cc SIZE - operator delete[] of a block of new
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	(void)argc;
	::operator delete[](accused(::operator new(number(argv, 1))));
	return 0;
}
