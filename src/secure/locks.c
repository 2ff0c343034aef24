/* SPDX-License-Identifier: MIT */
/* locks.c - the locks of hardened mode */
#include "secure/locks.h"

uint32_t sea_secure_nr_locks;
struct sea_secure_lock sea_secure_locks[SEA_SECURE_NR_LOCKS] = {
	[0 ... SEA_SECURE_NR_LOCKS - 1] = {.lock = SEA_LOCK_INIT(SEA_RANK_SECURE)},
};
const struct sea_locks sea_locks_secure = {
	.first = &sea_secure_locks[0].lock, .stride = sizeof(sea_secure_locks[0]), .nr = SEA_SECURE_NR_LOCKS,
	.nr_used = &sea_secure_nr_locks};
