/* SPDX-License-Identifier: MIT */
/* effect.c - whether a preloaded library takes effect in a program, or why not */
#define _GNU_SOURCE
#include "effect.h"
#include "say.h"
#include <stdio.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Bytes of a line of /proc/self/status that is of interest. */
#define LINE_BYTES 64

/* --- privileges -------------------------------------------------------------------- */

/* Whether this process and its children can gain none (prctl(2)). */
static bool gains_no_privileges(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[LINE_BYTES];
	int value = 0;

	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "NoNewPrivs: %d", &value) == 1)
			break;
	fclose(file);
	return value == 1;
}

/* Whether the mode bits that raise privileges count where `binary` lies. */
static bool heeds_mode_bits(const char *binary)
{
	struct statvfs system;

	return statvfs(binary, &system) == 0 && !(system.f_flag & ST_NOSUID) && !gains_no_privileges();
}

/* Whether executing `binary` grants capabilities to an ordinary user. */
static bool has_capabilities(const char *binary)
{
	struct vfs_ns_cap_data value = { 0 };
	ssize_t length = getxattr(binary, "security.capability", &value, sizeof(value));

	if (length < (ssize_t)XATTR_CAPS_SZ_1)
		return false;
	return (value.magic_etc & VFS_CAP_FLAGS_EFFECTIVE) || value.data[0].permitted || value.data[1].permitted;
}

/* Why the kernel would set AT_SECURE for `binary`, so that the loader ignores
 * LD_PRELOAD (execve(2), getauxval(3)). */
static const char *privilege(const char *binary)
{
	struct stat status;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (stat(binary, &status) < 0)
		return NULL;
	mode_t raising = status.st_mode & (S_ISUID | S_ISGID);

	if (raising && !heeds_mode_bits(binary))
		raising = 0;
	if (raising & S_ISUID)
		uid = status.st_uid;
	if ((raising & S_ISGID) && (status.st_mode & S_IXGRP))
		gid = status.st_gid;
	if (uid != getuid())
		return "is set-user-ID, so the loader ignores LD_PRELOAD";
	if (gid != getgid())
		return "is set-group-ID, so the loader ignores LD_PRELOAD";
	if (getuid() != 0 && has_capabilities(binary))
		return "has file capabilities, so the loader ignores LD_PRELOAD";
	return NULL;
}

/* --- the files ----------------------------------------------------------------------- */

/* The runtime of a sanitizer that has a malloc of its own, or NULL. */
static const char *sanitizer(const struct elf *program)
{
	static const char *const names[] = { "libasan.so", "libhwasan.so", "liblsan.so", "libtsan.so",
					     "libclang_rt.asan", "libclang_rt.hwasan", "libclang_rt.tsan" };
	const char *name;

	for (unsigned i = 0; (name = elf_needed(program, i)); i++)
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
			if (strncmp(name, names[j], strlen(names[j])) == 0)
				return name;
	return NULL;
}

const char *effect_why_never_in(const struct elf *program)
{
	if (program->is_foreign)
		return NULL;
	if (elf_interpreter(program) == NULL)
		return "is statically linked, so the loader that reads LD_PRELOAD never runs";
	if (elf_defines(program, "malloc"))
		return "defines malloc itself, which comes before any preloaded one";
	const char *runtime = sanitizer(program);

	if (runtime)
		return text("is built with a sanitizer, whose malloc (%s) must come first", runtime);
	return NULL;
}

static const char *in_words(enum elf_state state)
{
	if (state == ELF_DAMAGED)
		return "has a damaged ELF header";
	return state == ELF_NO_ELF ? "is neither an ELF program nor a script" : NULL;
}

const char *effect_why_never(const char *binary)
{
	struct elf program;
	enum elf_state state = elf_open(&program, binary);
	const char *reason = in_words(state);

	if (state != ELF_SOUND)
		return reason;
	const char *raised = elf_interpreter(&program) ? privilege(binary) : NULL;

	reason = raised ? raised : effect_why_never_in(&program);
	elf_close(&program);
	return reason;
}

/* Whether a program's loader is musl's. */
static bool is_musl_program(const struct elf *program)
{
	const char *loader = elf_interpreter(program);

	return loader && strncmp(file_name(loader), "ld-musl", strlen("ld-musl")) == 0;
}

/* Whether a library asks for musl: glibc is always libc.so.6. */
static bool is_musl_library(const struct elf *library)
{
	const char *name;

	for (unsigned i = 0; (name = elf_needed(library, i)); i++)
		if (strcmp(name, "libc.so") == 0 || strncmp(name, "libc.musl", strlen("libc.musl")) == 0)
			return true;
	return false;
}

const char *effect_mismatch_of(const struct elf *program, const struct elf *library, const char *name)
{
	if (!elf_is_same_machine(program, library))
		return text("is a %s program and %s is for %s", elf_machine_name(program), name,
			    elf_machine_name(library));
	if (elf_interpreter(program) == NULL)
		return NULL;
	if (is_musl_program(program) && !is_musl_library(library))
		return text("is linked to musl and %s to glibc", name);
	if (is_musl_library(library) && !is_musl_program(program))
		return text("is linked to glibc and %s to musl", name);
	return NULL;
}

const char *effect_mismatch(const char *binary, const char *library)
{
	struct elf program, preload;

	if (elf_open(&preload, library) != ELF_SOUND)
		return text("cannot be given %s, which is no ELF library", library);
	const char *reason = NULL;

	if (elf_open(&program, binary) == ELF_SOUND) {
		reason = effect_mismatch_of(&program, &preload, file_name(library));
		elf_close(&program);
	}
	elf_close(&preload);
	return reason;
}
