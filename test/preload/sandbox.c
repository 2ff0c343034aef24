/* SPDX-License-Identifier: MIT */
/* sandbox.c ERROR CALL,CALL... PROGRAM [ARGUMENT...] - runs PROGRAM in a seccomp filter
 * that answers ERROR (EPERM or ENOSYS) to the system calls named; KILL: ends the process
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_CALLS = 16 };

static const struct {
	const char *name;
	unsigned number;
} known[] = {
	{"madvise", SYS_madvise},
	{"process_madvise", 440}, /* glibc before 2.33 has no name for it */
	{"getrandom", SYS_getrandom},
	{"sched_getaffinity", SYS_sched_getaffinity},
	{"membarrier", SYS_membarrier},
	{"mremap", SYS_mremap},
	{"getcpu", SYS_getcpu},
	{"prctl", SYS_prctl},
	{"openat", SYS_openat},
};

static unsigned number_of(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i].name) == 0)
			return known[i].number;
	fprintf(stderr, "sandbox: unknown call %s\n", name);
	exit(2);
}

/* load number; one comparison for each call; allow; deny */
static void install(const unsigned *calls, unsigned nr_calls, unsigned answer)
{
	struct sock_filter filter[MAX_CALLS + 3];
	unsigned n = 0;
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < nr_calls; i++)
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i],
							   (unsigned char)(nr_calls - i), 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	struct sock_fprog program = {(unsigned short)n, filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("sandbox: seccomp");
		exit(77);
	}
}

int main(int argc, char **argv)
{
	unsigned calls[MAX_CALLS], nr_calls = 0;
	if (argc < 4)
		return 2;
	for (char *name = strtok(argv[2], ","); name != NULL && nr_calls < MAX_CALLS; name = strtok(NULL, ","))
		calls[nr_calls++] = number_of(name);
	install(calls, nr_calls, strcmp(argv[1], "KILL") == 0 ? SECCOMP_RET_KILL_PROCESS
			: SECCOMP_RET_ERRNO | (strcmp(argv[1], "EPERM") == 0 ? EPERM : ENOSYS));
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return 2;
}
