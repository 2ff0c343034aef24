/* SPDX-License-Identifier: MIT */
/* mistake.h - telling the caller what went wrong */
#ifndef SEA_MISTAKE_H
#define SEA_MISTAKE_H

#include "base/compiler.h"

/* `block` is no live block.  Finds out what it is instead, says so in one line and
 * ends the process.  `verb` is what the program wanted to do to it. */
SEA_COLD _Noreturn void sea_mistake(const char *verb, const void *block);

/* The free chunk `block` has a link that leads to `next`, which is no free chunk: the program has
 * written to one of the two.  NULL: it is not known any more which block had the link.  Says so in
 * one line and ends the process. */
SEA_COLD _Noreturn void sea_mistake_link(const void *block, const void *next);

#endif
