/* SPDX-License-Identifier: MIT */
/* main.c - the program that holds every micro benchmark
 *
 * It calls plain malloc and free and is linked to no allocator: that comes in by
 * LD_PRELOAD.  What there is to run registered itself before main(), file by file.
 * Google Benchmark and the C++ library allocate too, outside the timed loops.
 */
#include "shim.h"

int main(int count, char **arguments)
{
	return bench_main(count, arguments);
}
