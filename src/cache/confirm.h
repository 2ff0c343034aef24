/* SPDX-License-Identifier: MIT */
/* confirm.h - is it sure that a marked chunk was freed?
 *
 * A free chunk carries a mark in its second word.  The mark depends on the address alone, and
 * stays in memory that is handed out again as part of a larger block.  A program may copy those
 * bytes out and copy them back to the same place.  So a mark is a suspicion, not a proof.
 */
#ifndef SEA_CONFIRM_H
#define SEA_CONFIRM_H

#include "base/compiler.h"

/* Claim: `chunk`, which lies in a zone and carries its mark, was freed already.  Never true for a
 * block that the program holds.  False for some that were freed: confirm.c names them.  No lock may
 * be held.  Cost: a few loads, and for each chunk that the caches hold of the class one more, until
 * 64 suspicions in the process have come to nothing. */
SEA_COLD bool sea_confirm_freed(const void *chunk);

#endif
