/* SPDX-License-Identifier: MIT */
/* user.c - what the processes do
 *
 * It runs at MACHINE_USER, which is not where it is linked, so it uses nothing outside of this
 * file and has no variables but those on its stack.
 */
#include "user.h"

/* The reader answers each message whose number is a multiple of this. */
#define BATCH 8
#define NR_MESSAGES 256
#define GROWN_PAGES 64

void user_main(const struct argument *argument);

static uint64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t result;
	USER_CALL(result, number, a, b, c);
	return result;
}

#define SAY(text, number) call(CALL_PRINT, (uint64_t)(text), sizeof(text) - 1, number)

/* Asks for more pages than it touches. */
static void touch_every_second(void)
{
	uint64_t at = call(CALL_GROW, GROWN_PAGES * PAGE_SIZE, 0, 0);
	if (at == NO) {
		SAY("got no memory; pages asked for: ", GROWN_PAGES);
		call(CALL_EXIT, 1, 0, 0);
	}
	uint64_t nr_wrong = 0;
	for (uint64_t i = 0; i < GROWN_PAGES; i += 2) {
		volatile uint64_t *word = (volatile uint64_t *)(at + i * PAGE_SIZE);
		nr_wrong += *word;
		*word = ~i;
	}
	for (uint64_t i = 0; i < GROWN_PAGES; i += 2)
		nr_wrong += *(volatile uint64_t *)(at + i * PAGE_SIZE) != ~i;
	SAY("asked for 64 pages and touched 32; words that were wrong: ", nr_wrong);
}

/* Message n has n in its first word, and a length that differs. */
static void write_messages(const struct argument *argument)
{
	uint64_t text[MESSAGE_MAX / 8], answer, nr_answers = 0, sent = 0;
	for (; sent < NR_MESSAGES; sent++) {
		uint64_t words = 1 + sent * 7 % (MESSAGE_MAX / 8);
		for (uint64_t i = 0; i < words; i++)
			text[i] = sent * (i + 1);
		text[0] = sent;
		if (call(CALL_SEND, argument->other, (uint64_t)text, words * 8) == NO)
			break;
		if (sent % BATCH < BATCH - 1)
			continue;
		uint64_t handle = call(CALL_RECEIVE, (uint64_t)&answer, sizeof(answer), 0);
		if (handle == NO)
			break;
		nr_answers += answer == sent;
		call(CALL_FREE, handle, 0, 0);
	}
	SAY("the reader is gone; right answers before that: ", nr_answers);
}

/* Holds the messages of a batch, then frees them and answers. */
static void read_messages(const struct argument *argument)
{
	uint64_t text[MESSAGE_MAX / 8], handle[BATCH], n = 0, nr_wrong = 0;
	for (;; n++) {
		handle[n % BATCH] = call(CALL_RECEIVE, (uint64_t)text, sizeof(text), 0);
		if (handle[n % BATCH] == NO)
			break;
		uint64_t words = 1 + n * 7 % (MESSAGE_MAX / 8);
		nr_wrong += text[0] != n;
		for (uint64_t i = 1; i < words; i++)
			nr_wrong += text[i] != n * (i + 1);
		if (nr_wrong)
			break;
		if (n % BATCH < BATCH - 1)
			continue;
		for (uint64_t i = 0; i < BATCH; i++)
			call(CALL_FREE, handle[i], 0, 0);
		call(CALL_SEND, argument->other, (uint64_t)&n, sizeof(n));
	}
	SAY("stops reading; wrong words: ", nr_wrong);
}

__attribute__((section(".user.start"))) void user_main(const struct argument *argument)
{
	uint64_t length = 0;
	while (argument->word[length])
		length++;
	call(CALL_PRINT, (uint64_t)argument->word, length, argument->role);
	if (argument->role == ROLE_TRESPASSER) {
		/* on the stack, whatever the compiler keeps in registers */
		volatile uint64_t mine = 0;
		(void)mine;
		*(volatile uint64_t *)((uint64_t)user_start) = 0; /* of the kernel */
	} else if (argument->role == ROLE_READER) {
		read_messages(argument);
	} else {
		touch_every_second();
		write_messages(argument);
		if (call(CALL_GROW, argument->memory, 0, 0) == NO)
			SAY("asked for all memory of the machine, and goes on; errors: ", 1);
		if (call(CALL_SEND, argument->other, MACHINE_USER - PAGE_SIZE, 8) == NO)
			SAY("sent memory that is not its own; errors: ", 1);
	}
	call(CALL_EXIT, 0, 0, 0);
}
