/* SPDX-License-Identifier: MIT */
/* elf_file.c - the few facts about an ELF file that decide which malloc is used */
#define _GNU_SOURCE
#include "elf_file.h"
#include "say.h"
#include <byteswap.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ORDER ELFDATA2LSB
#else
#define OWN_ORDER ELFDATA2MSB
#endif

/* `size` bytes at `offset`; NULL if the file has them not. */
static const void *at(const struct elf *elf, uint64_t offset, uint64_t size)
{
	return offset <= elf->size && size <= elf->size - offset ? elf->data + offset : NULL;
}

/* The string at `offset`; NULL if it does not end within the file. */
static const char *string_at(const struct elf *elf, uint64_t offset)
{
	const char *start = at(elf, offset, 1);

	return start && memchr(start, '\0', elf_room(elf, start)) ? start : NULL;
}

/* --- the members of a file, whatever its class ------------------------------- */

static bool read_header(struct elf *elf)
{
	const void *place = at(elf, 0, elf->is_wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));

	if (place == NULL)
		return false;
	if (elf->is_wide) {
		memcpy(&elf->header, place, sizeof(elf->header));
		return true;
	}
	Elf32_Ehdr narrow;

	memcpy(&narrow, place, sizeof(narrow));
	elf->header = (Elf64_Ehdr){
		.e_phoff = narrow.e_phoff, .e_phentsize = narrow.e_phentsize, .e_phnum = narrow.e_phnum,
		.e_shoff = narrow.e_shoff, .e_shentsize = narrow.e_shentsize, .e_shnum = narrow.e_shnum,
		.e_shstrndx = narrow.e_shstrndx, .e_machine = narrow.e_machine };
	return true;
}

static bool read_segment(const struct elf *elf, unsigned index, Elf64_Phdr *segment)
{
	uint64_t offset = elf->header.e_phoff + (uint64_t)index * elf->header.e_phentsize;
	const void *place = at(elf, offset, elf->is_wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));

	if (place == NULL || index >= elf->header.e_phnum)
		return false;
	if (elf->is_wide) {
		memcpy(segment, place, sizeof(*segment));
		return true;
	}
	Elf32_Phdr narrow;

	memcpy(&narrow, place, sizeof(narrow));
	*segment = (Elf64_Phdr){ .p_type = narrow.p_type, .p_offset = narrow.p_offset,
				 .p_vaddr = narrow.p_vaddr, .p_filesz = narrow.p_filesz };
	return true;
}

static bool read_section(const struct elf *elf, unsigned index, Elf64_Shdr *section)
{
	uint64_t offset = elf->header.e_shoff + (uint64_t)index * elf->header.e_shentsize;
	const void *place = at(elf, offset, elf->is_wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr));

	if (place == NULL || index >= elf->header.e_shnum)
		return false;
	if (elf->is_wide) {
		memcpy(section, place, sizeof(*section));
		return true;
	}
	Elf32_Shdr narrow;

	memcpy(&narrow, place, sizeof(narrow));
	*section = (Elf64_Shdr){ .sh_name = narrow.sh_name, .sh_type = narrow.sh_type,
				 .sh_offset = narrow.sh_offset, .sh_size = narrow.sh_size,
				 .sh_link = narrow.sh_link };
	return true;
}

/* Tag and value of the `index`th entry of PT_DYNAMIC. */
static bool read_dynamic(const struct elf *elf, const Elf64_Phdr *segment, unsigned index, Elf64_Dyn *entry)
{
	uint64_t size = elf->is_wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	const void *place = at(elf, segment->p_offset + index * size, size);

	if (place == NULL || (index + 1) * size > segment->p_filesz)
		return false;
	if (elf->is_wide) {
		memcpy(entry, place, sizeof(*entry));
		return true;
	}
	Elf32_Dyn narrow;

	memcpy(&narrow, place, sizeof(narrow));
	entry->d_tag = narrow.d_tag;
	entry->d_un.d_val = narrow.d_un.d_val;
	return true;
}

/* --- the file ------------------------------------------------------------------ */

/* Maps what `fd` is; false if that cannot be. */
static bool map(struct elf *elf, int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return false;
	elf->size = (size_t)status.st_size;
	if (elf->size == 0)
		return true;
	elf->data = mmap(NULL, elf->size, PROT_READ, MAP_PRIVATE, fd, 0);
	return elf->data != MAP_FAILED;
}

/* Reads the header of what is mapped. */
static enum elf_state identify(struct elf *elf)
{
	uint16_t machine;

	if (elf->size < SELFMAG || memcmp(elf->data, ELFMAG, SELFMAG) != 0)
		return ELF_NO_ELF;
	if (!at(elf, 0, offsetof(Elf64_Ehdr, e_version)))
		return ELF_DAMAGED;
	elf->is_wide = elf->data[EI_CLASS] == ELFCLASS64;
	elf->is_foreign = elf->data[EI_DATA] != OWN_ORDER;
	memcpy(&machine, elf->data + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
	elf->machine = elf->is_foreign ? bswap_16(machine) : machine;
	if (!elf->is_foreign && !read_header(elf))
		return ELF_DAMAGED;
	/* The segments are behind the header in every file that is whole. */
	Elf64_Phdr last;
	bool is_whole = elf->header.e_phnum == 0 || read_segment(elf, elf->header.e_phnum - 1U, &last);

	return is_whole ? ELF_SOUND : ELF_DAMAGED;
}

enum elf_state elf_open(struct elf *elf, const char *path)
{
	*elf = (struct elf){ 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return ELF_UNREADABLE;
	bool is_mapped = map(elf, fd);

	close(fd);
	return is_mapped ? identify(elf) : ELF_UNREADABLE;
}

void elf_close(struct elf *elf)
{
	if (elf->size > 0)
		munmap((void *)elf->data, elf->size);
}

/* --- machine, loader, libraries -------------------------------------------------- */

bool elf_is_same_machine(const struct elf *a, const struct elf *b)
{
	return a->is_wide == b->is_wide && a->is_foreign == b->is_foreign && a->machine == b->machine;
}

const char *elf_machine_name(const struct elf *elf)
{
	static const struct { unsigned machine; const char *name; } names[] = {
		{ EM_386, "i386" }, { EM_MIPS, "mips" }, { EM_PPC, "ppc" }, { EM_PPC64, "ppc64" },
		{ EM_S390, "s390x" }, { EM_ARM, "arm" }, { EM_X86_64, "x86-64" }, { EM_AARCH64, "aarch64" },
		{ EM_RISCV, "riscv" }, { 258, "loongarch" } };
	int bits = elf->is_wide ? 64 : 32;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == elf->machine)
			return text("%d-bit %s", bits, names[i].name);
	return text("%d-bit machine %u", bits, elf->machine);
}

/* The first segment of that type. */
static bool find_segment(const struct elf *elf, uint32_t type, Elf64_Phdr *segment)
{
	for (unsigned i = 0; read_segment(elf, i, segment); i++)
		if (segment->p_type == type)
			return true;
	return false;
}

const char *elf_interpreter(const struct elf *elf)
{
	Elf64_Phdr segment;

	return find_segment(elf, PT_INTERP, &segment) ? string_at(elf, segment.p_offset) : NULL;
}

/* File offset of an address; false where no segment holds it. */
static bool offset_of(const struct elf *elf, uint64_t address, uint64_t *offset)
{
	Elf64_Phdr segment;

	for (unsigned i = 0; read_segment(elf, i, &segment); i++) {
		if (segment.p_type == PT_LOAD && address - segment.p_vaddr < segment.p_filesz) {
			*offset = segment.p_offset + (address - segment.p_vaddr);
			return true;
		}
	}
	return false;
}

/* The value of the `index`th entry of PT_DYNAMIC with that tag. */
static bool dynamic(const struct elf *elf, int64_t tag, unsigned index, uint64_t *value)
{
	Elf64_Phdr segment;
	Elf64_Dyn entry;

	if (!find_segment(elf, PT_DYNAMIC, &segment))
		return false;
	for (unsigned i = 0; read_dynamic(elf, &segment, i, &entry) && entry.d_tag != DT_NULL; i++) {
		if (entry.d_tag == tag && index-- == 0) {
			*value = entry.d_un.d_val;
			return true;
		}
	}
	return false;
}

/* The string that the `index`th entry with that tag names. */
static const char *dynamic_string(const struct elf *elf, int64_t tag, unsigned index)
{
	uint64_t strings, offset, place;

	if (!dynamic(elf, DT_STRTAB, 0, &strings) || !offset_of(elf, strings, &offset) ||
	    !dynamic(elf, tag, index, &place))
		return NULL;
	return string_at(elf, offset + place);
}

const char *elf_needed(const struct elf *elf, unsigned index)
{
	return dynamic_string(elf, DT_NEEDED, index);
}

const char *elf_soname(const struct elf *elf)
{
	return dynamic_string(elf, DT_SONAME, 0);
}

/* --- symbols -------------------------------------------------------------------- */

bool elf_has_section(const struct elf *elf, const char *name)
{
	Elf64_Shdr names, section;

	if (!read_section(elf, elf->header.e_shstrndx, &names))
		return false;
	for (unsigned i = 0; read_section(elf, i, &section); i++) {
		const char *its = string_at(elf, names.sh_offset + section.sh_name);

		if (its && strcmp(its, name) == 0)
			return true;
	}
	return false;
}

/* The section of symbols of that type and the one of their names. */
static bool find_symbols(const struct elf *elf, uint32_t type, Elf64_Shdr *symbols, Elf64_Shdr *names)
{
	for (unsigned i = 0; read_section(elf, i, symbols); i++)
		if (symbols->sh_type == type)
			return read_section(elf, symbols->sh_link, names);
	return false;
}

/* Bytes of a symbol. */
static uint64_t symbol_size(const struct elf *elf)
{
	return elf->is_wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

/* The symbol `index` of those at `symbols`, with its name among those at `names`. */
static bool symbol_at(const struct elf *elf, uint64_t symbols, uint64_t names, uint32_t index, struct elf_symbol *symbol)
{
	const void *place = at(elf, symbols + index * symbol_size(elf), symbol_size(elf));

	if (place == NULL)
		return false;
	/* The name is the first member in both classes. */
	uint32_t name;
	uint16_t section;

	memcpy(&name, place, sizeof(name));
	memcpy(&section, (const char *)place + (elf->is_wide ? offsetof(Elf64_Sym, st_shndx)
							      : offsetof(Elf32_Sym, st_shndx)), sizeof(section));
	symbol->name = string_at(elf, names + name);
	symbol->is_defined = section != SHN_UNDEF;
	return symbol->name != NULL;
}

static bool read_symbol(const struct elf *elf, const Elf64_Shdr *symbols, const Elf64_Shdr *names,
			unsigned index, struct elf_symbol *symbol)
{
	return (index + 1) * symbol_size(elf) <= symbols->sh_size &&
	       symbol_at(elf, symbols->sh_offset, names->sh_offset, index, symbol);
}

static bool defines_in(const struct elf *elf, uint32_t type, const char *name)
{
	Elf64_Shdr symbols, names;
	struct elf_symbol symbol;

	if (!find_symbols(elf, type, &symbols, &names))
		return false;
	for (unsigned i = 0; read_symbol(elf, &symbols, &names, i, &symbol); i++)
		if (symbol.is_defined && strcmp(symbol.name, name) == 0)
			return true;
	return false;
}

/* --- the loader's own table of symbols (DT_GNU_HASH) ------------------------
 *
 *    header    buckets, first symbol, words of the filter, its shift: 32 bits each
 *    filter    that many words of the class's width, not used here
 *    buckets   the first symbol of each; 0: none
 *    chains    for each symbol from the first on its hash; bit 0 ends a chain
 *
 * It makes the look-up in a program with 60,000 symbols as cheap as in any other. */

static uint32_t word_at(const struct elf *elf, uint64_t offset)
{
	const void *place = at(elf, offset, sizeof(uint32_t));
	uint32_t word = 0;

	if (place)
		memcpy(&word, place, sizeof(word));
	return word;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* Whether symbol `index` is that name's definition.  The table also has what is wanted from
 * others where the program has its address. */
static bool is_definition(const struct elf *elf, uint64_t symbols, uint64_t strings, uint32_t index, const char *name)
{
	struct elf_symbol symbol;

	return symbol_at(elf, symbols, strings, index, &symbol) && symbol.is_defined && strcmp(symbol.name, name) == 0;
}

/* Looks `name` up in the table at `table`. */
static bool is_in_table(const struct elf *elf, uint64_t table, uint64_t symbols, uint64_t strings, const char *name)
{
	uint32_t count = word_at(elf, table), first = word_at(elf, table + 4), hash = gnu_hash(name);
	uint64_t buckets = table + 16 + (uint64_t)word_at(elf, table + 8) * (elf->is_wide ? 8 : 4);
	uint64_t chains = buckets + (uint64_t)count * 4;
	uint32_t index = count ? word_at(elf, buckets + hash % count * 4) : 0;

	if (index < first || index == 0)
		return false;
	for (;; index++) {
		uint64_t place = chains + (uint64_t)(index - first) * 4;
		uint32_t its = word_at(elf, place);

		if ((its | 1) == (hash | 1) && is_definition(elf, symbols, strings, index, name))
			return true;
		if ((its & 1) || !at(elf, place, 4))
			return false;
	}
}

/* Where the thing lies whose address PT_DYNAMIC has under that tag. */
static bool dynamic_offset(const struct elf *elf, int64_t tag, uint64_t *offset)
{
	uint64_t address;

	return dynamic(elf, tag, 0, &address) && offset_of(elf, address, offset);
}

static bool defines_dynamically(const struct elf *elf, const char *name)
{
	uint64_t table, symbols, strings;

	if (dynamic_offset(elf, DT_GNU_HASH, &table) && dynamic_offset(elf, DT_SYMTAB, &symbols) &&
	    dynamic_offset(elf, DT_STRTAB, &strings))
		return is_in_table(elf, table, symbols, strings, name);
	return defines_in(elf, SHT_DYNSYM, name);
}

bool elf_defines(const struct elf *elf, const char *name)
{
	return defines_dynamically(elf, name) || (!elf_interpreter(elf) && defines_in(elf, SHT_SYMTAB, name));
}

bool elf_symbol(const struct elf *elf, unsigned index, struct elf_symbol *symbol)
{
	Elf64_Shdr symbols, names;

	return find_symbols(elf, SHT_DYNSYM, &symbols, &names) && read_symbol(elf, &symbols, &names, index, symbol);
}

const char *elf_search(const struct elf *elf, const char *from, const char *wanted)
{
	const char *start = from ? from + 1 : (const char *)elf->data;

	return memmem(start, elf_room(elf, start), wanted, strlen(wanted));
}

size_t elf_room(const struct elf *elf, const char *place)
{
	return elf->size - (size_t)(place - (const char *)elf->data);
}
