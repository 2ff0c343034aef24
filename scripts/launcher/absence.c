/* SPDX-License-Identifier: MIT */
/* absence.c - why a process does not use seamalloc
 *
 * The reasons are asked in the order in which they decide: what no preload could
 * change, what is mapped and not used, what the environment names, and why the loader
 * did not map what it names.
 */
#define _GNU_SOURCE
#include "absence.h"
#include "effect.h"
#include "say.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUR_NAME "libseamalloc"

static bool is_our_name(const char *path)
{
	return strncmp(file_name(path), OUR_NAME, strlen(OUR_NAME)) == 0;
}

static const struct module *our_module(const struct modules *modules)
{
	for (size_t i = 1; i < modules->count; i++)
		if (is_our_name(modules->module[i].path))
			return &modules->module[i];
	return NULL;
}

/* The name under which a preload means us, or NULL. */
static const char *our_preload(const struct process *process)
{
	for (char **name = scope_preloads(process); *name; name++)
		if (is_our_name(*name))
			return *name;
	return NULL;
}

/* It is in the process, and something else serves it. */
static const char *why_not_first(const struct module *ours, const struct scope *scope)
{
	const struct module *first = scope_malloc(scope);

	if (!scope_has(scope, ours))
		return text("%s is mapped, but by dlopen(), which is too late", ours->path);
	return text("%s is mapped, but %s comes before it", ours->path, first ? first->path : "another");
}

/* errno of opening `path` with the rights and in the file system of the process; 0: it opens. */
static int failure_of_opening(const struct process *process, const char *path)
{
	int status;

	if (geteuid() != 0)
		return access(process_path(process, path), R_OK) == 0 ? 0 : errno;
	pid_t child = fork();

	if (child == 0) {
		if (chroot(text("/proc/%d/root", (int)process->pid)) < 0 || chdir("/") < 0)
			_exit(0);
		if (setgroups(process->group_count, process->groups) < 0 || setresgid(process->gid, process->gid, process->gid) < 0 ||
		    setresuid(process->uid, process->uid, process->uid) < 0)
			_exit(0);
		_exit(open(path, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return 0;
	return WEXITSTATUS(status);
}

static bool is_not_executable(const char *path)
{
	struct statvfs system;

	return statvfs(path, &system) == 0 && (system.f_flag & ST_NOEXEC);
}

/* Why the loader did not map the file `name`, an absolute path. */
static const char *why_not_mapped(const struct process *process, const char *name)
{
	const char *path = process_path(process, name);
	const char *where = process->has_own_files ? " in its own file system" : "";
	struct elf program;
	int failure = failure_of_opening(process, name);

	if (failure == ENOENT || failure == ENOTDIR)
		return text("LD_PRELOAD names %s, which does not exist%s", name, where);
	if (failure)
		return text("LD_PRELOAD names %s, which it may not read%s: %s", name, where, strerror(failure));
	if (is_not_executable(path))
		return text("LD_PRELOAD names %s, which is in a file system mounted noexec", name);
	if (elf_open(&program, text("/proc/%d/exe", (int)process->pid)) == ELF_SOUND) {
		struct elf library;

		if (elf_open(&library, path) != ELF_SOUND)
			return text("LD_PRELOAD names %s, which is no ELF library", name);
		const char *mismatch = effect_mismatch_of(&program, &library, file_name(name));

		if (mismatch)
			return text("it %s", mismatch);
	}
	return text("LD_PRELOAD names %s, which is not mapped: was it there when the process started? "
		    "LD_DEBUG=libs shows what the loader does", name);
}

/* Why a preload that means us had no effect. */
static const char *why_ignored(const struct process *process, const char *name)
{
	if (strchr(name, '$'))
		return text("LD_PRELOAD names %s, and no file of ours is mapped", name);
	if (name[0] == '/')
		return why_not_mapped(process, name);
	if (strchr(name, '/'))
		return text("LD_PRELOAD names %s, which is no absolute path: it holds only in one folder", name);
	return text("LD_PRELOAD names %s without a folder, and the loader has not found it in its own", name);
}

/* Why the environment leads to nothing. */
static const char *why_not_named(const struct process *process)
{
	const char *preload = process_variable(process, "LD_PRELOAD");

	if (process_has_lost_environment(process))
		return "the library is not mapped; its title has been written over its first environment, which tells no more";
	if (preload && *preload)
		return text("LD_PRELOAD in its environment names only %s", preload);
	return "LD_PRELOAD is not in the environment with which it was started";
}

const char *absence_reason(const struct process *process, const struct modules *modules, const struct scope *scope)
{
	const struct module *ours = our_module(modules);
	const char *never = modules->count && modules->module[0].file.size
			    ? effect_why_never_in(&modules->module[0].file) : NULL;
	const char *preload = process_variable(process, "LD_PRELOAD");

	if (never)
		return text("the program %s", never);
	if (ours)
		return why_not_first(ours, scope);
	if (process->is_secure && preload && strstr(preload, OUR_NAME))
		return "LD_PRELOAD is in its environment, but ignored: it was started with raised privileges "
		       "(set-user-ID, set-group-ID or file capabilities)";
	const char *name = our_preload(process);

	return name ? why_ignored(process, name) : why_not_named(process);
}
