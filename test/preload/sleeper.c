/* SPDX-License-Identifier: MIT */
/* sleeper.c - works, then does nothing, and says what the process has meanwhile
 *
 * usage: sleeper SECONDS [fork | confined]
 *
 * Frees 50 MiB of blocks of mixed sizes in each of two threads; then all threads sleep.  Prints
 * "after work:", "asleep:" (in the last tenth of SECONDS) and "again:", each with the KiB that are
 * resident and the names of the threads.  fork: a child does the sleeping.  confined: the process
 * first gives up the right to start threads.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_BLOCKS 100000

static void *work(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;
	char **block = malloc(NR_BLOCKS * sizeof(*block));
	for (int i = 0; i < NR_BLOCKS; i++) {
		seed = seed * 1103515245 + 12345;
		size_t size = 16 + seed / 65536 % 1000;
		block[i] = malloc(size);
		memset(block[i], 1, size);
	}
	for (int i = 0; i < NR_BLOCKS; i++)
		free(block[i]);
	free(block);
	return NULL;
}

static void *work_and_sleep(void *argument)
{
	work(argument);
	pause();
	return NULL;
}

static long resident_kib(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (!file || fscanf(file, "%*d %ld", &pages) != 1)
		exit(3);
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The few blocks that this takes are no work that would count. */
static void say(const char *when)
{
	char path[300], name[32];
	static char buffer[1 << 16];
	long kib = resident_kib();
	int length = snprintf(buffer, sizeof(buffer), "%s %ld KiB", when, kib);
	DIR *tasks = opendir("/proc/self/task");
	for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		FILE *file = fopen(path, "r");
		if (file && fscanf(file, "%31s", name) == 1)
			length += snprintf(buffer + length, sizeof(buffer) - (size_t)length, " %s", name);
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	snprintf(buffer + length, sizeof(buffer) - (size_t)length, "\n");
	if (write(1, buffer, strlen(buffer)) < 0)
		exit(3);
}

/* clone() and clone3() fail from now on. */
static void give_up_threads(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		exit(77);
}

static void sleep_and_say(double seconds)
{
	say("after work:");
	usleep((useconds_t)(seconds * 0.95e6));
	say("asleep:");
	work((void *)7);
	say("again:");
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	const char *how = argc > 2 ? argv[2] : "";
	pthread_t thread;
	if (!strcmp(how, "confined"))
		give_up_threads();
	else if (pthread_create(&thread, NULL, work_and_sleep, (void *)3))
		return 3;
	work((void *)5);
	usleep(200000);
	if (!strcmp(how, "fork")) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			work((void *)9);
			sleep_and_say(seconds);
			_exit(0);
		}
		return waitpid(child, &status, 0) == child && status == 0 ? 0 : 3;
	}
	sleep_and_say(seconds);
	return 0;
}
