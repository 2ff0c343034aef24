/* SPDX-License-Identifier: MIT */
/* exercise.c [threads] - uses the whole heap a little and checks all of it
 *
 * Silent and 0 where all is well.  Needs nothing but libc and less than 48 MiB, so that
 * it can run under limits, in sandboxes, and linked statically.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NR_SMALL = 4000, NR_THREADS = 4, KIB = 1024, MIB = 1024 * KIB };

#define CHECK(claim) ((claim) ? (void)0 : complain(__LINE__, #claim))

static void complain(int line, const char *claim)
{
	char text[256];
	int length = snprintf(text, sizeof(text), "exercise.c:%d: not so: %s, errno %d\n", line, claim, errno);
	if (write(STDERR_FILENO, text, (size_t)length) < 0)
		_exit(2);
	_exit(1);
}

static int is_all(const unsigned char *block, int value, size_t size)
{
	return size == 0 || (block[0] == value && memcmp(block, block + 1, size - 1) == 0);
}

/* Sizes 1..2000, freed in two strides, twice over. */
static void small_blocks(void)
{
	unsigned char **blocks = malloc(NR_SMALL * sizeof(*blocks));
	CHECK(blocks != NULL);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < NR_SMALL; i++) {
			blocks[i] = malloc(i % 2000 + 1);
			CHECK(blocks[i] != NULL && (uintptr_t)blocks[i] % 16 == 0);
			memset(blocks[i], (int)(i % 251), i % 2000 + 1);
		}
		for (size_t start = 0; start < 2; start++)
			for (size_t i = start; i < NR_SMALL; i += 2) {
				CHECK(is_all(blocks[i], (int)(i % 251), i % 2000 + 1));
				free(blocks[i]);
			}
	}
	free(blocks);
}

static void clean_blocks(void)
{
	for (size_t size = 8; size <= 8 * MIB; size *= 4) {
		unsigned char *dirty = malloc(size);
		CHECK(dirty != NULL);
		memset(dirty, 0xff, size);
		free(dirty);
		unsigned char *clean = calloc(1, size);
		CHECK(clean != NULL && is_all(clean, 0, size));
		memset(clean, 0xff, size);
		free(clean);
	}
}

static void growing_block(void)
{
	unsigned char *block = malloc(1);
	size_t size = 1;
	CHECK(block != NULL);
	block[0] = 1;
	for (; size < 8 * MIB; size *= 3) {
		block = realloc(block, size * 3);
		CHECK(block != NULL && is_all(block, 1, size));
		memset(block, 1, size * 3);
	}
	block = realloc(block, 100);
	CHECK(block != NULL && is_all(block, 1, 100));
	free(block);
}

static void aligned_blocks(void)
{
	for (size_t align = 16; align <= 256 * KIB; align *= 4) {
		void *block = NULL;
		CHECK(posix_memalign(&block, align, 100) == 0 && (uintptr_t)block % align == 0);
		memset(block, 1, 100);
		free(block);
	}
}

static void *in_thread(void *last)
{
	small_blocks();
	free(last);
	return malloc(1000);
}

static void threads(void)
{
	pthread_t ids[NR_THREADS];
	pthread_attr_t attributes;
	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, 128 * KIB) == 0);
	for (int i = 0; i < NR_THREADS; i++)
		CHECK(pthread_create(&ids[i], &attributes, in_thread, malloc(50)) == 0);
	for (int i = 0; i < NR_THREADS; i++) {
		void *block;
		CHECK(pthread_join(ids[i], &block) == 0);
		free(block);
	}
}

static void child(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		small_blocks();
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	small_blocks();
	clean_blocks();
	growing_block();
	aligned_blocks();
	if (argc > 1 && strcmp(argv[1], "threads") == 0) {
		threads();
		child();
	}
	malloc_trim(0);
	small_blocks();
	return 0;
}
