/* SPDX-License-Identifier: MIT */
/* kind.h - by which function of which pair a block is allocated and freed */
#ifndef SEA_KIND_H
#define SEA_KIND_H

#include "base/compiler.h"

/* The operators count as SEA_KIND_PLAIN if the program has replaced one of its pair: then nobody
 * knows what its own ones call. */
enum sea_kind {
	SEA_KIND_PLAIN, /* malloc and its relatives, free */
	SEA_KIND_NEW,	/* operator new and delete */
	SEA_KIND_ARRAY, /* operator new[] and delete[] */
};

/* A free that does not say how many bytes it frees. */
#define SEA_SIZE_UNTOLD SIZE_MAX

#endif
