/* SPDX-License-Identifier: MIT */
/* vdso.c - the functions that the kernel maps into this process, and images that are none */
#include "base/vdso.h"

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
	CHECK(!vdso.clock_gettime && !vdso.getcpu && !vdso.kernel);
	sea_vdso_read(text, &vdso);
	CHECK(!vdso.clock_gettime && !vdso.getcpu && !vdso.kernel);
}

static const struct test_case cases[] = {PASSES(tells_the_time), PASSES(knows_the_kernel), PASSES(no_image)};

HARNESS_MAIN(cases)
