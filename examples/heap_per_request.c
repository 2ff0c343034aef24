/* SPDX-License-Identifier: MIT */
/* heap_per_request.c - a server in which each request has a heap of its own
 *
 *     heap_per_request           answers some requests from its own clients, and says what it saw
 *
 * A request is a line of words; the answer is the words in order.  The code that answers allocates
 * as it likes and frees nothing: when the request is over, sea_heap_destroy() frees all of it, at
 * a cost that does not depend on the number of blocks.  A quota bounds what a request may take, so
 * a large one gets an error and the others go on.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "seamalloc_heap.h"

#define QUOTA (1 << 20)

struct word {
	struct word *next;
	char text[];
};

/* A line from the socket, of any length.  NULL: the quota is used up; the rest of the line is
 * skipped. */
static char *read_line(sea_heap *heap, FILE *from)
{
	size_t length = 0, room = 64;
	char *line = sea_heap_malloc(heap, room);
	for (int c; (c = getc(from)) != EOF && c != '\n';) {
		if (line && length + 1 == room)
			line = sea_heap_realloc(heap, line, room *= 2);
		if (line)
			line[length++] = (char)c;
	}
	if (line)
		line[length] = '\0';
	return line;
}

/* Puts a word where it belongs.  False: the quota is used up. */
static int insert(sea_heap *heap, struct word **list, const char *text)
{
	struct word *word = sea_heap_malloc(heap, sizeof(*word) + strlen(text) + 1);
	if (!word)
		return 0;
	strcpy(word->text, text);
	while (*list && strcmp((*list)->text, text) < 0)
		list = &(*list)->next;
	word->next = *list;
	*list = word;
	return 1;
}

static void answer(sea_heap *heap, FILE *from, FILE *to)
{
	struct word *words = NULL;
	char *line = read_line(heap, from), *rest = line;
	for (char *text; line && (text = strsep(&rest, " "));)
		if (!insert(heap, &words, text))
			line = NULL;
	if (!line)
		fprintf(to, "error: %s", strerror(ENOMEM));
	for (; line && words; words = words->next)
		fprintf(to, "%s ", words->text);
	putc('\n', to);
}

/* One thread for each client, one heap for each request.  Only this thread uses the heap. */
static void *serve(void *argument)
{
	int socket = (int)(intptr_t)argument;
	struct sea_heap_options options = {.quota = QUOTA, .flags = SEA_HEAP_ONE_THREAD};
	FILE *from = fdopen(socket, "r"), *to = fdopen(dup(socket), "w");
	for (int c; (c = getc(from)) != EOF;) {
		ungetc(c, from);
		sea_heap *heap = sea_heap_create("request", &options);
		answer(heap, from, to);
		fflush(to);
		sea_heap_destroy(heap);
		if (ferror(to))
			break;
	}
	fclose(from);
	fclose(to);
	return NULL;
}

/* --- clients, so that the program runs by itself ------------------------------------------- */

static int ask(FILE *to, FILE *from, const char *request, const char *wanted)
{
	char got[256] = "";
	fprintf(to, "%s\n", request);
	fflush(to);
	if (!fgets(got, sizeof(got), from) || strncmp(got, wanted, strlen(wanted)))
		return 0;
	return 1;
}

static int nr_failed;

static void *be_client(void *argument)
{
	int pair[2];
	pthread_t server;
	char *huge = malloc(3 * QUOTA);
	if (!huge || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		exit(1);
	memset(huge, 'x', 3 * QUOTA - 1);
	huge[3 * QUOTA - 1] = '\0';
	pthread_create(&server, NULL, serve, (void *)(intptr_t)pair[1]);
	FILE *to = fdopen(pair[0], "w"), *from = fdopen(dup(pair[0]), "r");
	for (int i = 0; i < 200; i++)
		if (!ask(to, from, "the quick brown fox jumps over a lazy dog", "a brown dog fox jumps lazy over quick the"))
			__atomic_add_fetch(&nr_failed, 1, __ATOMIC_RELAXED);
	if (argument && !ask(to, from, huge, "error: Cannot allocate memory"))
		__atomic_add_fetch(&nr_failed, 1, __ATOMIC_RELAXED);
	shutdown(pair[0], SHUT_WR);
	fclose(to);
	pthread_join(server, NULL);
	fclose(from);
	free(huge);
	return NULL;
}

static int count(sea_heap *heap, const char *name, void *context)
{
	(void)heap;
	(void)name;
	++*(int *)context;
	return 0;
}

int main(void)
{
	pthread_t clients[4];
	int nr_heaps = 0;
	for (intptr_t i = 0; i < 4; i++)
		pthread_create(&clients[i], NULL, be_client, (void *)(i % 2));
	for (int i = 0; i < 4; i++)
		pthread_join(clients[i], NULL);
	sea_heap_each(count, &nr_heaps);
	printf("802 requests, %d wrong answers, %d heaps left\n", nr_failed, nr_heaps);
	return nr_failed || nr_heaps;
}
