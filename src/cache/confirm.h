/* SPDX-License-Identifier: MIT */
/* confirm.h - is it sure that a marked chunk was freed?
 *
 * A free chunk has a mark in its second word.  The mark depends on the address alone.  It stays in
 * memory that is handed out again as part of a larger block.  A program may also copy those bytes
 * out and back to the same place.  So a mark is a suspicion, not a proof.
 */
#ifndef SEA_CONFIRM_H
#define SEA_CONFIRM_H

#include "base/compiler.h"

/* Claim: `chunk`, which is in a zone and has its mark, was freed before.  Never true for a live
 * block.  False for some freed chunks: confirm.c names them.  The caller holds no lock.  Cost: a
 * few loads, and one more for each chunk of the class in the caches, until 64 suspicions in the
 * process have proved false. */
SEA_COLD bool sea_confirm_freed(const void *chunk);

#endif
