/* SPDX-License-Identifier: MIT */
/* text.c - lines in buffers of every size against snprintf, and numbers read back */
#include "base/text.h"

#include <stdio.h>

#include "unit.h"

/* Puts the same into a buffer of `room` bytes and into one that is large enough. */
static void check_room(size_t room)
{
	char small[64] = "", want[64];
	struct sea_text text = {.buffer = small, .room = room};
	memset(small + room, '#', sizeof(small) - room);
	sea_text_put(&text, "abc");
	sea_text_put_number(&text, 1234567890, 10);
	sea_text_put_bytes(&text, "=xyz", 2);
	sea_text_put_number(&text, SIZE_MAX, 16);
	int length = snprintf(want, sizeof(want), "abc1234567890=x%zx", SIZE_MAX);
	CHECK_EQ(text.length, (size_t)length < room ? (size_t)length : room - 1);
	CHECK_EQ(text.is_cut, (size_t)length >= room);
	CHECK(!memcmp(small, want, text.length) && !small[text.length]);
	for (size_t i = room; i < sizeof(small); i++)
		CHECK_EQ(small[i], '#');
}

static void what_does_not_fit_is_left_out(void)
{
	for (size_t room = 1; room < 64; room++)
		check_room(room);
}

static void a_text_is_shortened_and_goes_on(void)
{
	char buffer[8] = "";
	struct sea_text text = SEA_TEXT_IN(buffer);
	sea_text_put(&text, "/a/bcdefghij");
	CHECK(text.is_cut);
	sea_text_shorten(&text, 2);
	CHECK(!text.is_cut && !strcmp(buffer, "/a"));
	sea_text_put(&text, "/x");
	CHECK(!strcmp(buffer, "/a/x"));
}

static void numbers_are_read_back(void)
{
	static const size_t values[] = {0, 1, 9, 10, 4096, UINT32_MAX, SIZE_MAX - 1, SIZE_MAX};
	for (size_t i = 0; i < NR(values); i++) {
		char buffer[32] = "";
		struct sea_text text = SEA_TEXT_IN(buffer);
		sea_text_put_number(&text, values[i], 10);
		sea_text_put(&text, " 7");
		size_t value;
		const char *at = buffer;
		CHECK(sea_text_read_number(&at, buffer + text.length, &value));
		CHECK(value == values[i] && *at == ' ');
	}
}

static void what_is_no_number(void)
{
	static const char *const texts[] = {"", "-1", "+1", " 1", "x", "max", "18446744073709551616",
					    "99999999999999999999", "18446744073709551615000"};
	for (size_t i = 0; i < NR(texts); i++) {
		size_t value;
		const char *at = texts[i];
		CHECK(!sea_text_read_number(&at, at + strlen(at), &value));
	}
}

static const struct test_case cases[] = {
	PASSES(what_does_not_fit_is_left_out),
	PASSES(a_text_is_shortened_and_goes_on),
	PASSES(numbers_are_read_back),
	PASSES(what_is_no_number),
};

HARNESS_MAIN(cases)
