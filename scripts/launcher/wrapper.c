/* SPDX-License-Identifier: MIT */
/* wrapper.c - the program that a shell script is a wrapper around */
#define _GNU_SOURCE
#include "wrapper.h"
#include "say.h"
#include "target.h"
#include "words.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer scripts do more than start a program. */
#define MAX_LINES 2000
#define MAX_VARIABLES 64
/* A script may start a script, and so on. */
#define MAX_DEPTH 4
/* What ends a simple command. */
#define COMMAND_ENDS ";&|()"

/* Variables that the script has set. */
struct variables {
	const char *name[MAX_VARIABLES], *value[MAX_VARIABLES];
	size_t count;
};

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t name_length(const char *from)
{
	size_t length = 0;

	while (is_name_character(from[length]))
		length++;
	return length;
}

/* The newest value; NULL where the script has set none. */
static const char *value_of(const struct variables *set, const char *name, size_t length)
{
	for (size_t i = set->count; i-- > 0; )
		if (strlen(set->name[i]) == length && strncmp(set->name[i], name, length) == 0)
			return set->value[i];
	return NULL;
}

/* `word` with its $NAME and ${NAME} replaced; NULL where something else is to be. */
static const char *expanded(const struct variables *set, const char *word)
{
	const char *made = "";

	for (size_t plain = strcspn(word, "$`"); ; plain = strcspn(word, "$`")) {
		made = text("%s%.*s", made, (int)plain, word);
		word += plain;
		if (*word == '\0')
			return made;
		bool is_braced = word[0] == '$' && word[1] == '{';
		const char *name = word + (is_braced ? 2 : 1);
		size_t length = *word == '$' ? name_length(name) : 0;
		const char *value = length > 0 ? value_of(set, name, length) : NULL;

		if (value == NULL || (is_braced && name[length] != '}'))
			return NULL;
		made = text("%s%s", made, value);
		word = name + length + (is_braced ? 1 : 0);
	}
}

/* Notes NAME=value; false if `word` is no assignment. */
static bool assign(struct variables *set, const char *word)
{
	size_t length = name_length(word);

	if (length == 0 || word[length] != '=')
		return false;
	const char *value = expanded(set, word + length + 1);

	if (set->count < MAX_VARIABLES && value) {
		set->name[set->count] = text("%.*s", (int)length, word);
		set->value[set->count++] = value;
	}
	return true;
}

/* Words that stand before a command without being one. */
static bool is_prefix(const char *word)
{
	static const char *const words[] = { "if", "then", "else", "elif", "do", "while", "until", "!", "{",
					     "export", "readonly", "local", "command" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* Whether what is left of a command passes the script's own arguments on. */
static bool passes_arguments(const char *rest)
{
	size_t length = strcspn(rest, ";&|\n");

	return memmem(rest, length, "$@", 2) || memmem(rest, length, "$*", 2);
}

/* The file that a command in command position names, or NULL. */
static const char *file_of(const struct variables *set, const char *word)
{
	const char *name = expanded(set, word);

	return name && *name ? target_find(name).path : NULL;
}

/* Skips the options of `exec`, the second of which has a value. */
static char *behind_exec(const char **line)
{
	char *word = words_next(line, COMMAND_ENDS);

	while (word && word[0] == '-') {
		if (strcmp(word, "-a") == 0)
			words_next(line, COMMAND_ENDS);
		word = words_next(line, COMMAND_ENDS);
	}
	return word;
}

/* Behind env(1), options and assignments: what it starts. */
static char *behind_env(char *word, const char **line)
{
	if (strcmp(file_name(word), "env") != 0)
		return word;
	while ((word = words_next(line, COMMAND_ENDS)) && (word[0] == '-' || strchr(word, '=')))
		;
	return word;
}

/* The program of the simple command at *line, or NULL. */
static const char *program_of_command(struct variables *set, const char **line)
{
	char *word;

	while ((word = words_next(line, COMMAND_ENDS)) && (is_prefix(word) || assign(set, word)))
		;
	if (word == NULL || word[0] == '#')
		return NULL;
	bool is_exec = strcmp(word, "exec") == 0;

	word = is_exec ? behind_exec(line) : word;
	word = word ? behind_env(word, line) : NULL;
	if (word == NULL || !(is_exec || passes_arguments(*line)))
		return NULL;
	return file_of(set, word);
}

/* The program of the last command of a line that has one, or NULL. */
static const char *program_of_line(struct variables *set, const char *line)
{
	const char *found = NULL;

	while (*line && *line != '#') {
		const char *program = program_of_command(set, &line);

		found = program ? program : found;
		line += strcspn(line, COMMAND_ENDS);
		line += strspn(line, COMMAND_ENDS " \t");
	}
	return found;
}

/* The program that the script starts last, or NULL. */
static const char *program_of_script(FILE *file)
{
	struct variables set = { .count = 0 };
	const char *found = NULL;
	char *line = NULL;
	size_t room = 0;

	for (int i = 0; i < MAX_LINES && getline(&line, &room, file) > 0; i++) {
		line[strcspn(line, "\n")] = '\0';
		const char *program = program_of_line(&set, line);

		found = program ? program : found;
	}
	free(line);
	return found;
}

static bool is_shell(const char *binary)
{
	static const char *const shells[] = { "sh", "dash", "bash", "ash", "ksh", "mksh", "zsh", "busybox" };

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(file_name(binary), shells[i]) == 0)
			return true;
	return false;
}

const char *wrapper_target(const char *path)
{
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		struct found binary = target_binary(path);

		if (!binary.path || strcmp(binary.path, path) == 0 || !is_shell(binary.path))
			return depth > 0 ? binary.path : NULL;
		FILE *file = fopen(path, "re");
		const char *program = file ? program_of_script(file) : NULL;

		if (file)
			fclose(file);
		if (program == NULL)
			return NULL;
		path = program;
	}
	return NULL;
}
