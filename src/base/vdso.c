/* SPDX-License-Identifier: MIT */
/* vdso.c - reads the kernel's image in memory
 *
 *    | ELF header | program headers | notes | symbols | ... | names | ... | code |
 *
 * The hash table counts the symbols.  Kernels without it have the names right behind the symbols,
 * which then end at the first name.  (qemu-user has both, and other tables between.)
 */
#include "base/vdso.h"

#include <elf.h>
#include <link.h>
#include <string.h>

struct image {
	const char *base;
	const ElfW(Phdr) *headers;
	size_t nr_headers;
	uintptr_t bias; /* what to add to an address in the file */
};

static const ElfW(Phdr) *header_of_type(const struct image *image, ElfW(Word) type)
{
	for (size_t i = 0; i < image->nr_headers; i++)
		if (image->headers[i].p_type == type)
			return &image->headers[i];
	return NULL;
}

static bool open_image(const char *base, struct image *image)
{
	const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)base;
	if (!base || memcmp(elf->e_ident, ELFMAG, SELFMAG))
		return false;
	*image = (struct image){base, (const ElfW(Phdr) *)(base + elf->e_phoff), elf->e_phnum, 0};
	const ElfW(Phdr) *load = header_of_type(image, PT_LOAD);
	if (!load)
		return false;
	image->bias = (uintptr_t)base + load->p_offset - load->p_vaddr;
	return true;
}

/* The entry of the dynamic section with that tag; NULL: there is none. */
static const ElfW(Dyn) *entry_of(const struct image *image, ElfW(Sxword) tag)
{
	const ElfW(Phdr) *header = header_of_type(image, PT_DYNAMIC);
	if (!header)
		return NULL;
	const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(image->bias + header->p_vaddr);
	while (entry->d_tag != DT_NULL && entry->d_tag != tag)
		entry++;
	return entry->d_tag == tag ? entry : NULL;
}

/* The address in that entry. */
static const char *dynamic(const struct image *image, ElfW(Sxword) tag)
{
	const ElfW(Dyn) *entry = entry_of(image, tag);
	return entry ? (const char *)(image->bias + entry->d_un.d_ptr) : NULL;
}

static size_t count_symbols(const struct image *image, const char *symbols, const char *names)
{
	const ElfW(Word) *hash = (const ElfW(Word) *)dynamic(image, DT_HASH);
	if (hash)
		return hash[1]; /* the length of its chains, one link for each symbol */
	return names > symbols ? (size_t)(names - symbols) / sizeof(ElfW(Sym)) : 0;
}

/* The function with one of two names, which differ between processors. */
static void *function(const struct image *image, const char *name, const char *other_name)
{
	const ElfW(Sym) *symbols = (const ElfW(Sym) *)dynamic(image, DT_SYMTAB);
	const char *names = dynamic(image, DT_STRTAB);
	const ElfW(Dyn) *names_size = entry_of(image, DT_STRSZ);
	if (!symbols || !names || !names_size)
		return NULL;
	size_t count = count_symbols(image, (const char *)symbols, names);
	for (const ElfW(Sym) *symbol = symbols; symbol < symbols + count; symbol++) {
		if (symbol->st_shndx == SHN_UNDEF || symbol->st_name >= names_size->d_un.d_val)
			continue;
		const char *its_name = names + symbol->st_name;
		if (!strcmp(its_name, name) || !strcmp(its_name, other_name))
			return (void *)(image->bias + symbol->st_value);
	}
	return NULL;
}

/* Bytes from one note to the next.  Both parts behind the header are padded to 4 bytes. */
static size_t note_size(const ElfW(Nhdr) *note)
{
	return sizeof(*note) + ((note->n_namesz + 3u) & ~3u) + ((note->n_descsz + 3u) & ~3u);
}

/* The kernel's note has type 0 and the name "Linux". */
static unsigned kernel_version(const struct image *image)
{
	static const char by[] = "Linux";
	const ElfW(Phdr) *header = header_of_type(image, PT_NOTE);
	const char *at = header ? (const char *)(image->bias + header->p_vaddr) : NULL;
	const char *end = header ? at + header->p_memsz : NULL;
	while (at + sizeof(ElfW(Nhdr)) < end) {
		const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
		const char *name = (const char *)(note + 1);
		unsigned version;
		if (!note->n_type && note->n_namesz == sizeof(by) && !memcmp(name, by, sizeof(by))) {
			memcpy(&version, name + ((sizeof(by) + 3) & ~3u), sizeof(version));
			return version;
		}
		at += note_size(note);
	}
	return 0;
}

void sea_vdso_read(const void *base, struct sea_vdso *vdso)
{
	struct image image;
	*vdso = (struct sea_vdso){0};
	if (!open_image(base, &image))
		return;
	vdso->clock_gettime = (int (*)(int, struct timespec *))function(&image, "__vdso_clock_gettime",
									"__kernel_clock_gettime");
	vdso->kernel = kernel_version(&image);
}
