/* SPDX-License-Identifier: MIT */
/* mallctl.c - jemalloc's questions about the heap: how a program asks them
 *
 *    mallctl("stats.arenas.0.mapped", ...)        a name
 *    { number of the entry, 0, 0, 0 }             the same as a MIB: one word for each part
 *                          |                      of the name; the program may put another
 *                          arena                  number where the name has one
 *
 * ctl_tree.c has the entries.  What is not there is answered as jemalloc answers where
 * it was built without it: ENOENT.
 */
#include <errno.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "mallctl.h"
#include "seamalloc.h"

#define EXPORT __attribute__((visibility("default"), used))

/* Parts of the longest name; programs have room for at least as many words. */
#define PARTS_MAX 7

EXPORT int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
EXPORT int mallctlnametomib(const char *name, size_t *mib, size_t *length);
EXPORT int mallctlbymib(const size_t *mib, size_t length, void *old, size_t *old_size, void *new, size_t new_size);
EXPORT void malloc_stats_print(void (*write)(void *context, const char *text), void *context, const char *options);

/* The program may set it: where malloc_stats_print() writes without a function. */
EXPORT void (*malloc_message)(void *context, const char *text);

/* --- names ------------------------------------------------------------------- */

/* Does `name` follow the pattern?  Its number goes to *index. */
static bool matches(const char *pattern, const char *name, size_t *index)
{
	const char *end = name + strlen(name);
	for (; *pattern; pattern++) {
		if (*pattern == '#') {
			if (!sea_text_read_number(&name, end, index))
				return false;
		} else if (*name++ != *pattern) {
			return false;
		}
	}
	return name == end;
}

/* The entry that `name` means, or NULL. */
static const struct sea_ctl *find(const char *name, size_t *index)
{
	*index = 0;
	for (size_t i = 0; i < sea_nr_ctls; i++)
		if (matches(sea_ctls[i].name, name, index))
			return &sea_ctls[i];
	return NULL;
}

/* Parts of a name, and which of them is the number (0: none, as no name begins with one). */
static size_t count_parts(const char *name, size_t *number)
{
	size_t nr = 1;
	*number = 0;
	for (; *name; name++) {
		nr += *name == '.';
		if (*name == '#')
			*number = nr - 1;
	}
	return nr;
}

/* --- values ------------------------------------------------------------------ */

static size_t size_of(enum sea_ctl_type type)
{
	static const size_t sizes[] = {
		[CTL_NOTHING] = 0,	      [CTL_BOOL] = sizeof(bool),      [CTL_UNSIGNED] = sizeof(unsigned),
		[CTL_SIZE] = sizeof(size_t),  [CTL_SIGNED] = sizeof(ssize_t), [CTL_U64] = sizeof(uint64_t),
		[CTL_TEXT] = sizeof(char *), [CTL_ADDRESS] = sizeof(void *),
	};
	return sizes[type];
}

/* Copies as much of a value as the program has room for; a wrong size is an error. */
static int give(uintptr_t value, size_t size, void *old, size_t *old_size)
{
	size_t given = sea_min(size, *old_size);
	memcpy(old, &value, given);
	int result = *old_size == size ? 0 : EINVAL;
	*old_size = given;
	return result;
}

static int take(const struct sea_ctl *ctl, size_t index, const void *new, size_t new_size)
{
	uintptr_t value = 0;
	if (new_size != size_of(ctl->type))
		return EINVAL;
	memcpy(&value, new, new_size);
	return ctl->write(index, value);
}

static int act(const struct sea_ctl *ctl, size_t index, bool reads, bool writes)
{
	return reads || writes ? EPERM : ctl->write(index, 0);
}

/* Writes first, so that a program which does both reads what holds now; but for what it
 * replaces. */
static int exchange(const struct sea_ctl *ctl, size_t index, void *old, size_t *old_size, const void *new, size_t new_size)
{
	bool reads = old && old_size, writes = new || new_size;
	if (ctl->has && !ctl->has(index))
		return ENOENT;
	if (ctl->type == CTL_NOTHING)
		return act(ctl, index, reads, writes);
	if ((reads && !ctl->read) || (writes && !ctl->write))
		return EPERM;
	uintptr_t before = reads ? ctl->read(index) : 0;
	int result = writes ? take(ctl, index, new, new_size) : 0;
	if (result || !reads)
		return result;
	/* A count of updates is read behind the update, as jemalloc does. */
	return give(ctl->type == CTL_U64 ? ctl->read(index) : before, size_of(ctl->type), old, old_size);
}

/* errno is the program's. */
static int ask(const struct sea_ctl *ctl, size_t index, void *old, size_t *old_size, const void *new, size_t new_size)
{
	int saved = errno, result = exchange(ctl, index, old, old_size, new, new_size);
	errno = saved;
	return result;
}

/* --- what the program calls ---------------------------------------------------- */

EXPORT int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size)
{
	size_t index;
	const struct sea_ctl *ctl = find(name, &index);
	return ctl ? ask(ctl, index, old, old_size, new, new_size) : ENOENT;
}

EXPORT int mallctlnametomib(const char *name, size_t *mib, size_t *length)
{
	size_t index, number;
	const struct sea_ctl *ctl = find(name, &index);
	if (!ctl)
		return ENOENT;
	size_t nr = count_parts(ctl->name, &number);
	if (nr > *length)
		return EINVAL;
	memset(mib, 0, nr * sizeof(*mib));
	mib[0] = (size_t)(ctl - sea_ctls);
	if (number)
		mib[number] = index;
	*length = nr;
	return 0;
}

EXPORT int mallctlbymib(const size_t *mib, size_t length, void *old, size_t *old_size, void *new, size_t new_size)
{
	size_t number;
	if (!length || mib[0] >= sea_nr_ctls)
		return ENOENT;
	const struct sea_ctl *ctl = &sea_ctls[mib[0]];
	if (count_parts(ctl->name, &number) != length)
		return ENOENT;
	return ask(ctl, number ? mib[number] : 0, old, old_size, new, new_size);
}

/* --- the report ------------------------------------------------------------------ */

static void to_stderr(void *context, const char *text)
{
	(void)context;
	sea_os_report(text, strlen(text));
}

/* The figures of the report, by the names of jemalloc's. */
static const char *const figures[] = {"allocated", "active", "metadata", "resident", "mapped", "retained"};
#define NR_FIGURES (sizeof(figures) / sizeof(figures[0]))

static size_t figure(const char *which)
{
	char name[32] = "";
	struct sea_text text = SEA_TEXT_IN(name);
	size_t value = 0, size = sizeof(value);
	sea_text_put(&text, "stats.");
	sea_text_put(&text, which);
	mallctl(name, &value, &size, NULL, 0);
	return value;
}

static void put_figures(struct sea_text *text, const char *quote)
{
	for (size_t i = 0; i < NR_FIGURES; i++) {
		sea_text_put(text, i ? ", " : "");
		sea_text_put(text, quote);
		sea_text_put(text, figures[i]);
		sea_text_put(text, quote);
		sea_text_put(text, ": ");
		sea_text_put_number(text, figure(figures[i]), 10);
	}
}

/* "J" among the options asks for JSON. */
EXPORT void malloc_stats_print(void (*write)(void *context, const char *text), void *context, const char *options)
{
	char line[512] = "";
	struct sea_text text = SEA_TEXT_IN(line);
	bool is_json = options && strchr(options, 'J');
	uint64_t epoch = 1;
	mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
	sea_text_put(&text, is_json ? "{\"jemalloc\": {\"version\": \"seamalloc " SEAMALLOC_VERSION "\", \"stats\": {"
				    : "seamalloc " SEAMALLOC_VERSION ", in the words of jemalloc, bytes:\n");
	put_figures(&text, is_json ? "\"" : "");
	sea_text_put(&text, is_json ? "}}}\n" : "\n");
	if (!write)
		write = malloc_message ? malloc_message : to_stderr;
	write(context, line);
}
