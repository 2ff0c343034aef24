/* SPDX-License-Identifier: MIT */
/* messages.c - `seamalloc messages`: the message heaps of this machine
 *
 * It only looks: it takes no lock, becomes no peer, and its counts are not exact while peers work.
 * Whatever a file has as its contents, the looking ends (src/segment/segment.h).
 */
#define _GNU_SOURCE
#include "commands.h"
#include "say.h"
#include "message/message.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "/dev/shm"
#define PREFIX "seamalloc-msg."

static const char help[] =
	"usage: seamalloc messages [--clean]\n"
	"\n"
	"Lists the message heaps of this machine that have a name: their size, peers, ports,\n"
	"and where their bytes are.  Heaps without a name are not found.\n"
	"\n"
	"  --clean   removes those that no process has open, and the messages in them\n"
	"\n"
	"Exit status: 0; 1 if a heap cannot be read, or its contents are broken.\n";

/* In place of src/base/check.c, which belongs to the whole library. */
_Noreturn void sea_check_failed(const char *claim, const char *file, int line)
{
	refuse(REFUSED, "%s does not hold (%s:%d)", claim, file, line);
}

static const char *bytes(uint64_t nr)
{
	if (nr < SEA_KIB)
		return text("%llu bytes", (unsigned long long)nr);
	return nr < SEA_MIB ? text("%.1f KiB", (double)nr / SEA_KIB) : text("%.1f MiB", (double)nr / SEA_MIB);
}

static void list_peers(const struct sea_message_view *view)
{
	for (unsigned i = 0; i < SEA_MESSAGE_PEERS; i++) {
		const struct sea_message_peer *peer = &view->file->peers[i];
		if (!sea_load_relaxed(&peer->is_used))
			continue;
		printf("  peer     %u, process %llu, %s: %s in messages, %s cached\n", i,
		       (unsigned long long)sea_load_relaxed(&peer->process),
		       sea_message_is_alive(view, i) ? "alive" : "dead", bytes(sea_load_relaxed(&peer->held)),
		       bytes(sea_load_relaxed(&peer->cached)));
	}
}

/* Puts '?' for what cannot be printed: another process has written it. */
static char *printable(char *name)
{
	for (char *at = name; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	return name;
}

static const char *port_name(const struct sea_message_port *port)
{
	return printable(text("%.*s", (int)sizeof(port->name), port->name));
}

static void list_ports(const struct sea_message_view *view)
{
	for (unsigned i = 0; i < SEA_MESSAGE_PORTS; i++) {
		const struct sea_message_port *port = &view->file->ports[i];
		if (!sea_load_relaxed(&port->is_used))
			continue;
		printf("  port     %s: %llu messages wait, %s; %llu sent, %llu received\n", port_name(port),
		       (unsigned long long)sea_load_relaxed(&port->nr), bytes(sea_load_relaxed(&port->bytes)),
		       (unsigned long long)sea_load_relaxed(&port->nr_sent),
		       (unsigned long long)sea_load_relaxed(&port->nr_received));
	}
}

static void list_memory(const struct sea_message_view *view)
{
	struct sea_message_counts counts;
	sea_message_count(view, &counts);
	printf("  memory   %s live, %s cached, %s queued, %s free (largest %s), %s metadata\n", bytes(counts.live),
	       bytes(counts.cached), bytes(counts.queued), bytes(counts.free), bytes(counts.largest),
	       bytes(counts.metadata));
	if (counts.orphaned)
		printf("  dead     %s of %u peers that died, to be taken back\n", bytes(counts.orphaned), counts.nr_dead);
}

/* Claim: the heap could be read and is not broken. */
static bool list(const char *name, const char *path)
{
	struct sea_message_view *view;
	int error = sea_message_look(&view, path);
	if (error) {
		printf("%s: %s\n", name, error == EBADMSG ? "the contents are broken" : strerror(error));
		return false;
	}
	bool is_broken = sea_load_relaxed(&view->file->is_broken);
	uint64_t length = view->segment.nr_granules * SEA_SEGMENT_GRANULE;
	printf("%s: %s for messages, at most %s%s\n", name, bytes(length), bytes(view->segment.nr_max * SEA_SEGMENT_GRANULE),
	       is_broken ? "; a peer found its contents broken" : "");
	list_peers(view);
	list_ports(view);
	list_memory(view);
	printf("  lock     taken over %llu times from a dead peer, %llu steps undone\n",
	       (unsigned long long)sea_load_relaxed(&view->file->nr_takeovers),
	       (unsigned long long)sea_load_relaxed(&view->file->nr_undone));
	sea_message_drop(view);
	return !is_broken;
}

static bool clean(const char *name, const char *path)
{
	int error = sea_message_clean(path);
	if (!error)
		printf("%s: removed\n", name);
	else if (error == EBUSY)
		printf("%s: stays, a process has it open\n", name);
	else
		printf("%s: %s\n", name, strerror(error));
	return !error || error == EBUSY;
}

static int is_heap(const struct dirent *entry) { return !strncmp(entry->d_name, PREFIX, strlen(PREFIX)); }

static int for_each_heap(bool (*act)(const char *name, const char *path))
{
	struct dirent **entries;
	int nr = scandir(FOLDER, &entries, is_heap, alphasort), nr_failed = 0;
	if (nr < 0)
		refuse(REFUSED, "%s: %s", FOLDER, strerror(errno));
	for (int i = 0; i < nr; i++)
		nr_failed += !act(printable(text("%s", entries[i]->d_name + strlen(PREFIX))),
				  text("%s/%s", FOLDER, entries[i]->d_name));
	if (nr == 0)
		puts("there are no message heaps");
	return nr_failed > 0;
}

int command_messages(char **argv)
{
	if (argv[0] && !argv[1] && !strcmp(argv[0], "--help"))
		return fputs(help, stdout) == EOF;
	if (argv[0] && !argv[1] && !strcmp(argv[0], "--clean"))
		return for_each_heap(clean);
	if (argv[0])
		misused("messages: '%s' is no option of it", argv[0]);
	return for_each_heap(list);
}
