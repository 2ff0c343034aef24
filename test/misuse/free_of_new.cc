// SPDX-License-Identifier: MIT
// free_of_new.cc SIZE - free() of a block of operator new
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	(void)argc;
	free(accused(::operator new(number(argv, 1))));
	return 0;
}
