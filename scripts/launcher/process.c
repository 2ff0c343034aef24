/* SPDX-License-Identifier: MIT */
/* process.c - what /proc tells of a running process */
#define _GNU_SOURCE
#include "process.h"
#include "say.h"
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

/* PF_KTHREAD of the kernel's <linux/sched.h>, in the 9th field of /proc/PID/stat. */
#define KERNEL_THREAD 0x00200000UL
#define READ_AT_ONCE 4096

char *process_contents(pid_t pid, const char *name, size_t *bytes)
{
	FILE *file = fopen(text("/proc/%d/%s", (int)pid, name), "re");
	char *all = NULL;
	size_t got = 0;

	if (file == NULL)
		return NULL;
	do {
		all = realloc(all, got + READ_AT_ONCE + 1);
		if (all == NULL)
			refuse(REFUSED, "out of memory");
		*bytes = got;
		got += fread(all + got, 1, READ_AT_ONCE, file);
	} while (got > *bytes && !feof(file));
	int failure = ferror(file) ? errno : 0;

	fclose(file);
	*bytes = got;
	all[got] = '\0';
	errno = failure;
	return failure ? NULL : all;
}

/* The target of a link in /proc/PID, or NULL. */
static const char *link_of(pid_t pid, const char *name)
{
	char target[PATH_MAX];
	ssize_t length = readlink(text("/proc/%d/%s", (int)pid, name), target, sizeof(target));

	return length > 0 ? text("%.*s", (int)length, target) : NULL;
}

/* What follows `name:` in /proc/PID/status, or NULL. */
static const char *line_of(const char *status, const char *name)
{
	const char *place = strstr(status, text("\n%s:", name));

	return place ? place + strlen(name) + 2 : NULL;
}

/* --- why nothing can be told ------------------------------------------------------------ */

static const char *no_such(pid_t pid)
{
	return text("there is no process %d; one in a container has another number here: see ps(1) "
		    "outside of it", (int)pid);
}

static const char *not_permitted(const struct process *process)
{
	if (geteuid() == 0)
		return text("process %d is protected: this system does not let even root look into it",
			    (int)process->pid);
	return text("process %d belongs to user %u, or is protected: only that user, or root, may look into it",
		    (int)process->pid, (unsigned)process->uid);
}

static bool is_kernel_thread(pid_t pid)
{
	size_t bytes;
	char *stat = process_contents(pid, "stat", &bytes);
	/* The name, in parentheses, may hold anything. */
	const char *behind = stat ? strrchr(stat, ')') : NULL;
	unsigned long flags = 0;

	return behind && sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) == 1 && (flags & KERNEL_THREAD);
}

/* --- reading ------------------------------------------------------------------------------ */

/* The last of the numbers on a line. */
static pid_t last_number(const char *line)
{
	long number = 0;
	char *end;

	for (const char *at = line; at && *at && *at != '\n'; at = end) {
		long next = strtol(at, &end, 10);

		if (end == at)
			break;
		number = next;
	}
	return (pid_t)number;
}

/* The effective ID: the second number. */
static unsigned effective(const char *line)
{
	unsigned id = 0;

	if (line)
		sscanf(line, " %*u %u", &id);
	return id;
}

static void read_groups(struct process *process, const char *line)
{
	char *end;

	for (; line && process->group_count < MAX_GROUPS; line = end) {
		unsigned long group = strtoul(line, &end, 10);

		if (end == line || memchr(line, '\n', (size_t)(end - line)))
			break;
		process->groups[process->group_count++] = (gid_t)group;
	}
}

static void read_status(struct process *process, const char *status)
{
	const char *state = line_of(status, "State");

	process->state = state ? state[strspn(state, " \t")] : '?';
	process->uid = effective(line_of(status, "Uid"));
	process->gid = effective(line_of(status, "Gid"));
	read_groups(process, line_of(status, "Groups"));
	process->inner_pid = last_number(line_of(status, "NSpid"));
}

/* Whether two paths lead to different files. */
static bool differ(const char *path, const char *other)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(other, &b) == 0 && (a.st_ino != b.st_ino || a.st_dev != b.st_dev);
}

static bool has_own_files(pid_t pid)
{
	return differ("/", text("/proc/%d/root", (int)pid)) ||
	       differ("/proc/self/ns/mnt", text("/proc/%d/ns/mnt", (int)pid));
}

/* Whether the auxiliary vector, of words of the program's width, has AT_SECURE. */
static bool is_secure(pid_t pid)
{
	struct elf program;
	size_t bytes;
	const char *vector = process_contents(pid, "auxv", &bytes);
	bool is_wide = elf_open(&program, text("/proc/%d/exe", (int)pid)) != ELF_SOUND || program.is_wide;
	size_t width = is_wide ? sizeof(uint64_t) : sizeof(uint32_t);

	for (size_t at = 0; vector && at + 2 * width <= bytes; at += 2 * width) {
		uint64_t tag = 0, value = 0;

		memcpy(&tag, vector + at, width);
		memcpy(&value, vector + at + width, width);
		if (tag == AT_SECURE)
			return value != 0;
	}
	return false;
}

static bool is_state_of_the_dead(char state)
{
	return state == 'Z' || state == 'X';
}

bool process_has_ended(pid_t pid)
{
	size_t bytes;
	const char *status = process_contents(pid, "status", &bytes);
	const char *state = status ? line_of(status, "State") : NULL;

	return state == NULL || is_state_of_the_dead(state[strspn(state, " \t")]);
}

const char *process_read(struct process *process, pid_t pid)
{
	size_t bytes;
	const char *status = process_contents(pid, "status", &bytes);

	*process = (struct process){ .pid = pid };
	if (status == NULL)
		return access("/proc/self/status", F_OK) == 0 ? no_such(pid) : "/proc is not mounted here";
	const char *name = process_contents(pid, "comm", &bytes);

	process->name = name ? text("%.*s", (int)strcspn(name, "\n"), name) : "?";
	read_status(process, status);
	if (is_state_of_the_dead(process->state))
		return text("process %d (%s) has ended; its parent has not asked for its status yet", (int)pid,
			    process->name);
	if (is_kernel_thread(pid))
		return text("process %d (%s) is a thread of the kernel, which has no malloc", (int)pid, process->name);
	process->program = link_of(pid, "exe");
	process->environment = process_contents(pid, "environ", &process->environment_bytes);
	if (process->program == NULL || process->environment == NULL)
		return errno == ENOENT || errno == ESRCH ? no_such(pid) : not_permitted(process);
	process->has_own_files = has_own_files(pid);
	process->is_secure = is_secure(pid);
	return NULL;
}

const char *process_variable(const struct process *process, const char *name)
{
	const char *end = process->environment + process->environment_bytes;
	size_t length = strlen(name);

	for (const char *entry = process->environment; entry < end; entry += strlen(entry) + 1)
		if (strncmp(entry, name, length) == 0 && entry[length] == '=')
			return entry + length + 1;
	return NULL;
}

bool process_has_lost_environment(const struct process *process)
{
	return process->environment_bytes > 0 && strchr(process->environment, '=') == NULL;
}

const char *process_path(const struct process *process, const char *path)
{
	return text("/proc/%d/root%s", (int)process->pid, path);
}

long process_kib(const struct process *process, const char *name)
{
	size_t bytes;
	const char *status = process_contents(process->pid, "status", &bytes);
	const char *line = status ? line_of(status, name) : NULL;

	return line ? strtol(line, NULL, 10) : -1;
}

/* --- modules -------------------------------------------------------------------------------- */

/* What /proc/PID/maps calls a file that is not there any more. */
static bool cut_deleted(char *path)
{
	size_t length = strlen(path), end = strlen(" (deleted)");

	if (length <= end || strcmp(path + length - end, " (deleted)") != 0)
		return false;
	path[length - end] = '\0';
	return true;
}

/* Where the mapped file itself can be read: under its name, if that is still the same
 * file, else through the mapping, which takes more rights. */
static const char *seen_at(const struct process *process, const struct module *module, const char *range)
{
	const char *path = process_path(process, module->path);
	struct stat status;

	if (!module->is_deleted && stat(path, &status) == 0 && status.st_ino == module->inode)
		return path;
	path = text("/proc/%d/map_files/%s", (int)process->pid, range);
	return access(path, R_OK) == 0 ? path : NULL;
}

static bool has_module(const struct modules *modules, const char *path, ino_t inode)
{
	for (size_t i = 0; i < modules->count; i++)
		if (modules->module[i].inode == inode && strcmp(modules->module[i].path, path) == 0)
			return true;
	return false;
}

static void add_module(struct modules *modules, struct module module)
{
	struct module *more = realloc(modules->module, (modules->count + 1) * sizeof(*more));

	if (more == NULL)
		refuse(REFUSED, "out of memory");
	if (module.seen_at == NULL || elf_open(&module.file, module.seen_at) != ELF_SOUND)
		module.file = (struct elf){ 0 };
	more[modules->count++] = module;
	modules->module = more;
}

/* Adds the file of one line of /proc/PID/maps: range, rights, offset, device, inode, path.
 * A library that the loader gave up, as one on a file system mounted noexec, may leave a
 * mapping behind that cannot be executed: that does not count. */
static void add_line(struct modules *modules, const struct process *process, const char *line)
{
	unsigned long first, last, inode;
	char rights[8];
	int path_at = 0;

	if (sscanf(line, "%lx-%lx %7s %*s %*s %lu %n", &first, &last, rights, &inode, &path_at) < 4)
		return;
	if (line[path_at] != '/' || strchr(rights, 'x') == NULL)
		return;
	char *path = text("%s", line + path_at);
	struct module module = { .is_deleted = cut_deleted(path), .path = path, .inode = inode };

	if (has_module(modules, path, inode))
		return;
	module.seen_at = seen_at(process, &module, text("%lx-%lx", first, last));
	add_module(modules, module);
}

struct modules process_modules(const struct process *process)
{
	struct modules modules = { .count = 0 };
	size_t bytes;
	char *maps = process_contents(process->pid, "maps", &bytes);
	char *program = text("%s", process->program);
	const char *own = text("/proc/%d/exe", (int)process->pid);
	struct stat status;

	if (stat(own, &status) == 0) {
		bool is_deleted = cut_deleted(program);

		add_module(&modules, (struct module){ .path = program, .seen_at = own, .inode = status.st_ino,
						      .is_deleted = is_deleted });
	}
	for (char *line = maps ? strtok(maps, "\n") : NULL; line; line = strtok(NULL, "\n"))
		add_line(&modules, process, line);
	return modules;
}
