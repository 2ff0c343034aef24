// SPDX-License-Identifier: MIT
// delete_aligned_other_size.cc SIZE TOLD ARRAY - sized delete or delete[] (ARRAY 1) with an
// alignment; TOLD may be `same`
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	(void)argc;
	const std::align_val_t align = std::align_val_t(64);
	size_t size = number(argv, 1), told = strcmp(argv[2], "same") ? number(argv, 2) : size;
	if (number(argv, 3)) {
		void *p = ::operator new[](size, align);
		::operator delete[](accused(p), told, align);
	} else {
		void *p = ::operator new(size, align);
		::operator delete(accused(p), told, align);
	}
	return 0;
}
