/* SPDX-License-Identifier: MIT */
/* string.c - what the core needs of a C library and of the compiler's
 *
 * The loops are compiled without the optimisation that would replace them by calls of themselves
 * (kernel.mk).
 */
#include "kernel.h"

void *memcpy(void *to, const void *from, size_t size) { return memmove(to, from, size); }

void *memmove(void *to, const void *from, size_t size)
{
	char *target = to;
	const char *source = from;
	if ((uintptr_t)to - (uintptr_t)from < size) {
		while (size--)
			target[size] = source[size];
		return to;
	}
	for (; size >= 8; size -= 8, target += 8, source += 8)
		*(uint64_t *)target = *(const uint64_t *)source;
	while (size--)
		*target++ = *source++;
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	char *target = to;
	for (; size && (uintptr_t)target % 8; size--)
		*target++ = (char)byte;
	for (; size >= 8; size -= 8, target += 8)
		*(uint64_t *)target = (unsigned char)byte * 0x0101010101010101ull;
	while (size--)
		*target++ = (char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;
	for (; size; size--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *in, int byte, size_t size)
{
	for (const unsigned char *at = in; size; size--, at++)
		if (*at == (unsigned char)byte)
			return (void *)at;
	return NULL;
}

size_t strlen(const char *text)
{
	const char *end = text;
	while (*end)
		end++;
	return (size_t)(end - text);
}

char *strchr(const char *text, int character) { return memchr(text, character, strlen(text) + 1); }

char *strrchr(const char *text, int character)
{
	for (const char *at = text + strlen(text); at >= text; at--)
		if (*at == (char)character)
			return (char *)at;
	return NULL;
}

size_t strcspn(const char *text, const char *stop)
{
	const char *at = text;
	while (*at && !strchr(stop, *at))
		at++;
	return (size_t)(at - text);
}

/* --- the compiler's own, for a processor without instructions that count bits ---------------- */

int __ctzdi2(uint64_t word);
int __clzdi2(uint64_t word);

/* De Bruijn's sequence: each 6 bits of it differ (Leiserson, Prokop, Randall, 1998). */
int __ctzdi2(uint64_t word)
{
	static char place[64];
	const uint64_t sequence = 0x0218a392cd3d5dbfull;
	if (!place[1])
		for (int i = 0; i < 64; i++)
			place[sequence << i >> 58] = (char)i;
	return place[(word & -word) * sequence >> 58];
}

int __clzdi2(uint64_t word)
{
	int zeros = 0;
	for (int step = 32; step; step /= 2)
		if (!(word >> (64 - step))) {
			word <<= step;
			zeros += step;
		}
	return zeros;
}
