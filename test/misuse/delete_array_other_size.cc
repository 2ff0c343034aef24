// SPDX-License-Identifier: MIT
// delete_array_other_size.cc SIZE TOLD - sized delete[] of another size
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	(void)argc;
	void *p = ::operator new[](number(argv, 1));
	::operator delete[](accused(p), number(argv, 2));
	return 0;
}
