/* SPDX-License-Identifier: MIT */
/* process.h - what /proc tells of a running process */
#ifndef PROCESS_H
#define PROCESS_H

#include "elf_file.h"
#include <stdbool.h>
#include <sys/types.h>

/* Supplementary groups that are looked at. */
#define MAX_GROUPS 64

struct process {
	pid_t pid;
	pid_t inner_pid;	/* its number in its own PID namespace */
	const char *name;	/* at most 15 characters */
	const char *program;	/* the file that it runs; NULL: not to be seen */
	char state;		/* R, S, D, Z ... */
	uid_t uid;		/* whose rights it has now */
	gid_t gid;
	gid_t groups[MAX_GROUPS];
	size_t group_count;
	bool has_own_files;	/* a mount namespace or a root of its own, as a container has */
	bool is_secure;		/* AT_SECURE: it was started with raised privileges */
	const char *environment;	/* as it was started: name=value, each with its zero */
	size_t environment_bytes;
};

/* A file that a process has mapped. */
struct module {
	const char *path;	/* in the process's own file system */
	bool is_deleted;	/* removed or replaced since */
	const char *seen_at;	/* where we can read it; NULL: nowhere */
	ino_t inode;
	struct elf file;	/* with size 0 where it cannot be read as ELF */
};

struct modules {
	struct module *module;
	size_t count;
};

/* Reads what is known of `pid`; NULL, or why it has no malloc that could be told. */
const char *process_read(struct process *process, pid_t pid);

/* Whether only its exit status is left of it. */
bool process_has_ended(pid_t pid);

/* The files that it has mapped, the program first. */
struct modules process_modules(const struct process *process);

/* A variable of the environment with which it was started, or NULL. */
const char *process_variable(const struct process *process, const char *name);

/* Whether the program has written over its first environment, as those do that change their
 * title in ps(1). */
bool process_has_lost_environment(const struct process *process);

/* Path of a file of its own file system in ours. */
const char *process_path(const struct process *process, const char *path);

/* A figure of /proc/PID/status in KiB, such as "VmRSS"; -1: there is none. */
long process_kib(const struct process *process, const char *name);

/* What /proc/PID/NAME holds; its size in *bytes.  NULL, and errno, where it cannot be read. */
char *process_contents(pid_t pid, const char *name, size_t *bytes);

#endif
