/* SPDX-License-Identifier: MIT */
/* words.c - words as env(1) and a shell cut them, and the program among them */
#define _GNU_SOURCE
#include "words.h"
#include "say.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* More words than env(1) gets on a first line. */
#define MAX_WORDS 128

char *words_next(const char **line, const char *ends)
{
	const char *from = *line + strspn(*line, " \t\r");

	if (*from == '\0' || strchr(ends, *from)) {
		*line = from;
		return NULL;
	}
	char *word = text("%s", from), *to = word, quote = '\0';

	for (; *from && (quote || !strchr(" \t\r", *from)) && (quote || !strchr(ends, *from)); from++) {
		if (quote ? *from == quote : *from == '"' || *from == '\'')
			quote = quote ? '\0' : *from;
		else if (*from == '\\' && quote != '\'' && from[1])
			*to++ = *++from;
		else
			*to++ = *from;
	}
	*to = '\0';
	*line = from;
	return word;
}

const char *words_program(char **words)
{
	while (*words && (**words == '-' || strchr(*words, '='))) {
		bool takes_value = strcmp(*words, "-u") == 0 || strcmp(*words, "-C") == 0;

		words += takes_value && words[1] ? 2 : 1;
	}
	return *words && **words ? *words : NULL;
}

/* The program among the words of a text. */
static const char *program_in(const char *line)
{
	char *words[MAX_WORDS + 1] = { NULL };

	for (int i = 0; i < MAX_WORDS && (words[i] = words_next(&line, "")); i++)
		;
	return words_program(words);
}

const char *words_of_env(const char *argument)
{
	static const char *const splits[] = { "-S", "--split-string=", "-vS" };
	char *only[] = { text("%s", argument + strspn(argument, " \t")), NULL };

	for (size_t length = strlen(only[0]); length > 0 && strchr(" \t", only[0][length - 1]); length--)
		only[0][length - 1] = '\0';
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++)
		if (strncmp(only[0], splits[i], strlen(splits[i])) == 0)
			return program_in(only[0] + strlen(splits[i]));
	return words_program(only);
}
