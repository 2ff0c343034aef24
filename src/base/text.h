/* SPDX-License-Identifier: MIT */
/* text.h - building lines and reading numbers without allocating
 *
 * TX1  buffer[length] is 0, and length < room.
 * TX2  Text that does not fit is left out, and is_cut is set.
 */
#ifndef SEA_TEXT_H
#define SEA_TEXT_H

#include <string.h>

#include "base/check.h"

struct sea_text {
	char *buffer; /* the caller's; begins with 0 */
	size_t room;  /* bytes, the 0 at the end included */
	size_t length;
	bool is_cut;
};

#define SEA_TEXT_IN(array) {.buffer = (array), .room = sizeof(array)}

static inline void sea_text_put_bytes(struct sea_text *text, const char *bytes, size_t length)
{
	SEA_ASSERT(text->length < text->room && !text->buffer[text->length]);
	size_t fitting = sea_min(length, text->room - 1 - text->length);
	memcpy(text->buffer + text->length, bytes, fitting);
	text->length += fitting;
	text->buffer[text->length] = '\0';
	text->is_cut |= fitting < length;
}

static inline void sea_text_put(struct sea_text *text, const char *string)
{
	sea_text_put_bytes(text, string, strlen(string));
}

static inline void sea_text_put_number(struct sea_text *text, size_t value, unsigned base)
{
	SEA_ASSERT(base >= 2 && base <= 16);
	char digits[64];
	size_t first = sizeof(digits);
	do
		digits[--first] = "0123456789abcdef"[value % base];
	while (value /= base);
	sea_text_put_bytes(text, digits + first, sizeof(digits) - first);
}

/* Copies a string into an array, cut if it does not fit; the rest of the array becomes zeros. */
static inline void sea_text_copy(char *to, size_t room, const char *from)
{
	SEA_ASSERT(room > 0);
	size_t length = 0;
	while (length < room - 1 && from[length])
		length++;
	memcpy(to, from, length);
	memset(to + length, 0, room - length);
}

/* Cuts the text down to its first `length` bytes. */
static inline void sea_text_shorten(struct sea_text *text, size_t length)
{
	SEA_ASSERT(length <= text->length);
	text->length = length;
	text->buffer[length] = '\0';
	text->is_cut = false;
}

/* Reads the decimal digits at *at and moves *at behind them.  False: there is no digit, or the
 * number is too large. */
static inline bool sea_text_read_number(const char **at, const char *end, size_t *value)
{
	const char *first = *at;
	SEA_ASSERT(first <= end);
	*value = 0;
	for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (size_t)(**at - '0'), value))
			return false;
	return *at > first;
}

#endif
