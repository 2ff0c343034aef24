/* SPDX-License-Identifier: MIT */
/* attack_spirit.c - frees a false block on the stack */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	uint64_t false_block[16] __attribute__((aligned(16))) = {0, 0x41, 0, 0, 0, 0, 0, 0, 0, 0x41};
	free(accused(&false_block[2]));
	return 0;
}
