/* SPDX-License-Identifier: MIT */
/* cpus.c - the affinity mask, and the limits of control groups
 *
 * /proc/self/cgroup has a line for each tree of groups, NUMBER:CONTROLLERS:/GROUP.  A group has a
 * limit if it may use only `quota` us of processor time in each `period`:
 *
 *    0::/a/b             version 2   /sys/fs/cgroup/a/b/cpu.max                "QUOTA PERIOD"
 *    4:cpu,cpuacct:/a/b  version 1   /sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us   "QUOTA"
 *                                    /sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us  "PERIOD"
 *
 * The groups above it limit it too: the lowest limit on the way to the root counts.
 *
 * A file that cannot be read or understood sets no limit, nor do "max" and -1.  Some containers
 * show the host's names: there only the root exists, and it is the container's group.  Trees that
 * are mounted elsewhere are not searched.
 */
#define _GNU_SOURCE
#include "base/cpus.h"

#include <string.h>

#include "base/os.h"
#include "base/text.h"

#define NO_LIMIT SIZE_MAX

/* The list of groups is read in pieces of this size.  Of a longer line only the first levels are
 * used; they limit the levels below. */
#define PIECE_ROOM 512
/* The root of a tree, the longest line and the name of a file. */
#define PATH_ROOM (PIECE_ROOM + 64)
/* Bytes of the list that are read at most. */
#define LIST_MAX (16 * SEA_KIB)
/* A line with two numbers. */
#define FILE_ROOM 64

/* --- one group ----------------------------------------------------------------- */

static size_t cpus_for(size_t quota, size_t period)
{
	return quota && period ? quota / period + (quota % period > 0) : NO_LIMIT;
}

/* Reads a file of the group.  Returns the end of its text. */
static const char *read_file(struct sea_text *group, const char *name, char text[FILE_ROOM])
{
	size_t length = group->length;
	sea_text_put(group, name);
	size_t bytes = group->is_cut ? 0 : sea_os_read_file(group->buffer, 0, text, FILE_ROOM);
	sea_text_shorten(group, length);
	return text + bytes;
}

static bool is_end_of_line(const char *at, const char *end) { return at < end && *at == '\n'; }

static size_t limit_of_v2(struct sea_text *group)
{
	char text[FILE_ROOM];
	size_t quota, period;
	const char *at = text, *end = read_file(group, "/cpu.max", text);
	if (!sea_text_read_number(&at, end, &quota) || at == end || *at++ != ' ' ||
	    !sea_text_read_number(&at, end, &period) || !is_end_of_line(at, end))
		return NO_LIMIT;
	return cpus_for(quota, period);
}

/* Reads a file with one number. */
static bool read_number(struct sea_text *group, const char *name, size_t *number)
{
	char text[FILE_ROOM];
	const char *at = text, *end = read_file(group, name, text);
	return sea_text_read_number(&at, end, number) && is_end_of_line(at, end);
}

static size_t limit_of_v1(struct sea_text *group)
{
	size_t quota, period;
	if (!read_number(group, "/cpu.cfs_quota_us", &quota) || !read_number(group, "/cpu.cfs_period_us", &period))
		return NO_LIMIT;
	return cpus_for(quota, period);
}

/* --- from a group to the root of its tree ------------------------------------------- */

static void go_up(struct sea_text *group)
{
	size_t length = group->length;
	while (group->buffer[--length] != '/')
		;
	sea_text_shorten(group, length);
}

/* The lowest limit of the group [name, end), "" or "/...", and of those above it.  A group outside
 * what the process may see is "/../...": only its root is known. */
static size_t limit_in_tree(const char *root, const char *name, const char *end,
			    size_t (*limit_of)(struct sea_text *group))
{
	char buffer[PATH_ROOM] = "";
	struct sea_text group = SEA_TEXT_IN(buffer);
	sea_text_put(&group, root);
	size_t root_length = group.length;
	while (end > name && end[-1] == '/')
		end--;
	sea_text_put_bytes(&group, name, (size_t)(end - name));
	if (strstr(buffer, "/.."))
		sea_text_shorten(&group, root_length);
	size_t limit = limit_of(&group);
	while (group.length > root_length) {
		go_up(&group);
		limit = sea_min(limit, limit_of(&group));
	}
	return limit;
}

/* --- the list of groups --------------------------------------------------------------- */

/* Claim: the list "name,name" has "cpu". */
static bool has_cpu(const char *list, const char *end)
{
	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		const char *stop = comma ? comma : end;
		if (stop - list == 3 && !memcmp(list, "cpu", 3))
			return true;
		list = stop + 1;
	}
	return false;
}

static const char *colon_in(const char *from, const char *end)
{
	return memchr(from, ':', (size_t)(end - from));
}

static size_t limit_of_line(const char *line, const char *end)
{
	const char *first = colon_in(line, end);
	const char *second = first ? colon_in(first + 1, end) : NULL;
	if (!second || (second + 1 < end && second[1] != '/'))
		return NO_LIMIT;
	if (second == first + 1)
		return limit_in_tree("/sys/fs/cgroup", second + 1, end, limit_of_v2);
	if (has_cpu(first + 1, second))
		return limit_in_tree("/sys/fs/cgroup/cpu", second + 1, end, limit_of_v1);
	return NO_LIMIT;
}

/* The lowest limit in the complete lines of [text, end).  Moves *text behind them. */
static size_t limit_of_lines(const char **text, const char *end)
{
	size_t limit = NO_LIMIT;
	const char *stop;
	while ((stop = memchr(*text, '\n', (size_t)(end - *text)))) {
		limit = sea_min(limit, limit_of_line(*text, stop));
		*text = stop + 1;
	}
	return limit;
}

/* For a line that is too long: uses it up to its last slash. */
static size_t limit_of_first_levels(const char *line, size_t length)
{
	const char *slash = memrchr(line, '/', length);
	return slash ? limit_of_line(line, slash) : NO_LIMIT;
}

static size_t limit_of_groups(void)
{
	char text[PIECE_ROOM];
	size_t limit = NO_LIMIT;
	for (size_t from = 0; from < LIST_MAX;) {
		size_t bytes = sea_os_read_file("/proc/self/cgroup", from, text, sizeof(text));
		const char *rest = text;
		limit = sea_min(limit, limit_of_lines(&rest, text + bytes));
		if (bytes < sizeof(text))
			return limit;
		if (rest == text)
			return sea_min(limit, limit_of_first_levels(text, bytes));
		from += (size_t)(rest - text);
	}
	return limit;
}

unsigned sea_cpus_available(void) { return (unsigned)sea_min(sea_os_nr_cpus(), limit_of_groups()); }
