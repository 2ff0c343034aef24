// SPDX-License-Identifier: MIT
// overflow_of_new.cc COUNT - one element too many in an array of new[]
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	(void)argc;
	std::size_t count = number(argv, 1);
	int *p = new int[count], *q = static_cast<int *>(accused(p));
	q[count] = 0x41414141;
	delete[] p;
	return 0;
}
