// SPDX-License-Identifier: MIT
// delete_interior.cc SIZE OFFSET
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	char *p = static_cast<char *>(::operator new(number(argv, argc - 2)));
	::operator delete(accused(p + number(argv, argc - 1)));
	return 0;
}
