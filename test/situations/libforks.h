/* SPDX-License-Identifier: MIT */
/* libforks.h - see libforks.c */
#ifndef SEA_TEST_LIBFORKS_H
#define SEA_TEST_LIBFORKS_H

#include <pthread.h>

enum forks_kind {
	FORKS_JOIN, /* the prepare handler waits for the worker to end */
	FORKS_LOCK, /* it takes the registry's mutex */
};

extern enum forks_kind forks_kind;
extern pthread_mutex_t forks_registry;

void forks_start_worker(void);

#endif
