/* SPDX-License-Identifier: MIT */
/* elf_file.h - the few facts about an ELF file that decide which malloc is used
 *
 *    file header     class, byte order, machine
 *    PT_INTERP       the loader; none means static, be it ET_EXEC or ET_DYN
 *    PT_DYNAMIC      DT_NEEDED, which also tells glibc from musl; DT_SONAME
 *    SHT_DYNSYM      symbols that are defined here, or wanted from others
 *
 * Layouts and numbers are those of the System V ABI, chapters 4 and 5, which <elf.h>
 * has.  Of a file of the other byte order nothing but the header is read.
 *
 * Every offset in a file is checked against its size: a damaged file is reported,
 * or has fewer symbols, and never makes us read outside of it.
 */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <elf.h>

struct elf {
	const unsigned char *data;
	size_t size;
	bool is_wide;		/* 64 bits; else 32 */
	bool is_foreign;	/* the other byte order */
	unsigned machine;	/* EM_X86_64 ... */
	Elf64_Ehdr header;	/* of a file that is not foreign */
};

enum elf_state { ELF_SOUND, ELF_DAMAGED, ELF_NO_ELF, ELF_UNREADABLE };

/* Maps the file at `path`; errno tells why it is unreadable. */
enum elf_state elf_open(struct elf *elf, const char *path);
void elf_close(struct elf *elf);

/* What must match for two files to be linked. */
bool elf_is_same_machine(const struct elf *a, const struct elf *b);
const char *elf_machine_name(const struct elf *elf);

/* Path of the loader; NULL for a static program or a library. */
const char *elf_interpreter(const struct elf *elf);

/* The `index`th name in DT_NEEDED; NULL behind the last. */
const char *elf_needed(const struct elf *elf, unsigned index);

/* The library's own name, or NULL. */
const char *elf_soname(const struct elf *elf);

bool elf_has_section(const struct elf *elf, const char *name);

/* Whether a dynamic symbol, or any symbol of a static program, is defined here. */
bool elf_defines(const struct elf *elf, const char *name);

/* The `index`th dynamic symbol; false behind the last. */
struct elf_symbol {
	const char *name;
	bool is_defined;
};
bool elf_symbol(const struct elf *elf, unsigned index, struct elf_symbol *symbol);

/* Where `wanted` is in the file, NULL if it is not; the search begins behind `from`
 * unless that is NULL.  elf_room() is how many bytes follow a place. */
const char *elf_search(const struct elf *elf, const char *from, const char *wanted);
size_t elf_room(const struct elf *elf, const char *place);

#endif
