/* SPDX-License-Identifier: MIT */
/* text.c - the serial line, the command line, and the functions of string.h
 *
 * The loops are compiled without the optimisation that would replace them by calls of themselves
 * (kernel.mk).
 */
#include "kernel.h"

#include <stdarg.h>

const char *command_line = "";

static void print_number(size_t value, unsigned base)
{
	char digits[24], *first = digits + sizeof(digits);
	do
		*--first = "0123456789abcdef"[value % base];
	while (value /= base);
	for (; first < digits + sizeof(digits); first++)
		machine_put(*first);
}

static void print_text(const char *text)
{
	while (*text)
		machine_put(*text++);
}

void print(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	for (; *format; format++) {
		if (*format != '%') {
			machine_put(*format);
			continue;
		}
		format++;
		if (*format == 's')
			print_text(va_arg(arguments, const char *));
		else
			print_number(va_arg(arguments, size_t), *format == 'x' ? 16 : 10);
	}
	va_end(arguments);
}

/* --- the command line ----------------------------------------------------------------- */

/* Reads a number, in hexadecimal if it begins with 0x. */
size_t read_number(const char **at)
{
	size_t value = 0, base = 10;
	if ((*at)[0] == '0' && (*at)[1] == 'x') {
		base = 16;
		*at += 2;
	}
	for (;; ++*at) {
		const char *digits = "0123456789abcdef", *digit = **at ? strchr(digits, **at) : NULL;
		if (!digit || (size_t)(digit - digits) >= base)
			break;
		value = value * base + (size_t)(digit - digits);
	}
	const char *suffixes = "KMG", *suffix = **at ? strchr(suffixes, **at) : NULL;
	*at += suffix != NULL;
	return suffix ? value << 10 * (suffix - suffixes + 1) : value;
}

size_t option(const char **at, const char *name, size_t otherwise)
{
	size_t length = strlen(name);
	for (; **at; ++*at)
		if ((*at == command_line || (*at)[-1] == ' ') && !memcmp(*at, name, length)) {
			*at += length;
			return read_number(at);
		}
	return otherwise;
}

/* --- string.h -------------------------------------------------------------------------- */

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

/* --- the compiler's own, for a processor without instructions that count bits ----------------- */

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
