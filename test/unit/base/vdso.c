/* SPDX-License-Identifier: MIT */
/* vdso.c - the functions that the kernel maps into this process, and images that are none */
#include "base/vdso.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <stdio.h>
#include <time.h>

#include "unit.h"

static void read_own(struct sea_vdso *vdso)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	if (!image)
		test_skip("the kernel maps no functions into this process");
	sea_vdso_read(image, vdso);
}

static void tells_the_time(void)
{
	struct sea_vdso vdso;
	struct timespec before, now, after;
	read_own(&vdso);
	CHECK(vdso.clock_gettime != NULL);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_EQ(vdso.clock_gettime(CLOCK_MONOTONIC, &now), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(now.tv_sec >= before.tv_sec && now.tv_sec <= after.tv_sec);
}

static void knows_the_kernel(void)
{
	struct sea_vdso vdso;
	struct utsname name;
	unsigned major = 0, minor = 0;
	read_own(&vdso);
	CHECK_EQ(uname(&name), 0);
	CHECK_EQ(sscanf(name.release, "%u.%u", &major, &minor), 2);
	if (!vdso.kernel)
		test_skip("the image does not say which kernel it is of");
	CHECK_EQ(vdso.kernel >> 16, major);
	CHECK_EQ(vdso.kernel >> 8 & 0xff, minor);
}

static void no_image(void)
{
	static const char text[64] = "no ELF file";
	struct sea_vdso vdso = {.kernel = 1};
	sea_vdso_read(NULL, &vdso);
	CHECK(!vdso.clock_gettime && !vdso.kernel);
	sea_vdso_read(text, &vdso);
	CHECK(!vdso.clock_gettime && !vdso.kernel);
}

/* Tables between the symbols and the names, as in qemu's image: bytes there that are no symbol. */
struct image {
	ElfW(Ehdr) elf;
	ElfW(Phdr) load, tables;
	ElfW(Dyn) dynamic[5];
	ElfW(Sym) symbols[2], no_symbol;
	ElfW(Word) hash[6];
	char names[32];
};

static struct image image = {
	.elf = {.e_ident = ELFMAG, .e_phoff = offsetof(struct image, load), .e_phnum = 2},
	.load = {.p_type = PT_LOAD},
	.tables = {.p_type = PT_DYNAMIC, .p_vaddr = offsetof(struct image, dynamic)},
	.dynamic = {{.d_tag = DT_SYMTAB, .d_un.d_ptr = offsetof(struct image, symbols)},
		    {.d_tag = DT_STRTAB, .d_un.d_ptr = offsetof(struct image, names)},
		    {.d_tag = DT_STRSZ, .d_un.d_val = sizeof(image.names)},
		    {.d_tag = DT_HASH, .d_un.d_ptr = offsetof(struct image, hash)}},
	.symbols = {[1] = {.st_name = 1, .st_shndx = 1, .st_value = 64}},
	.no_symbol = {.st_name = 0x7fffffff, .st_shndx = 1, .st_value = 1},
	.hash = {1, 2},
	.names = "\0__vdso_clock_gettime",
};

static void symbols_end_where_they_end(void)
{
	struct sea_vdso vdso;
	sea_vdso_read(&image, &vdso);
	CHECK((char *)vdso.clock_gettime == (char *)&image + 64);
	image.no_symbol.st_name = 1; /* not counted */
	image.symbols[1].st_name = 0;
	sea_vdso_read(&image, &vdso);
	CHECK(!vdso.clock_gettime);
}

static void names_end_where_they_end(void)
{
	struct sea_vdso vdso;
	image.dynamic[3].d_tag = DT_NULL; /* no table that counts */
	sea_vdso_read(&image, &vdso);
	CHECK((char *)vdso.clock_gettime == (char *)&image + 64);
}

static const struct test_case cases[] = {PASSES(tells_the_time), PASSES(knows_the_kernel), PASSES(no_image),
					  PASSES(symbols_end_where_they_end), PASSES(names_end_where_they_end)};

HARNESS_MAIN(cases)
