/* SPDX-License-Identifier: MIT */
/* attack_spray.c SIZE COUNT - so many blocks are filled by an attacker after one was freed: 1 if
 * it shows through the old pointer
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1), count = number(argv, 2);
	volatile unsigned char *old = (volatile unsigned char *)accused(block(size));
	free((void *)old);
	for (size_t i = 0; i < count; i++)
		memset(malloc(size), 0xee, size);
	_exit(old[0] == 0xee);
}
