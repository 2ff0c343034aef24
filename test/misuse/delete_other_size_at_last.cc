// SPDX-License-Identifier: MIT
// delete_other_size_at_last.cc SIZE NR - sized deletes of NR blocks, of which all but the first are
// said to be twice as large as they are
#include "misuse.h"

#include <new>

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1), nr = number(argv, 2);
	void **blocks = static_cast<void **>(malloc(nr * sizeof(void *)));
	for (size_t i = 0; i < nr; i++)
		blocks[i] = ::operator new(size);
	::operator delete(blocks[0], size);
	for (size_t i = 1; i < nr; i++)
		::operator delete(accused(blocks[i]), 2 * size);
	return 0;
}
