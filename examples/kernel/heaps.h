/* SPDX-License-Identifier: MIT */
/* heaps.h - the two textbook engines under the names that kernel.mk gives them */
#ifndef KERNEL_HEAPS_H
#define KERNEL_HEAPS_H

#include "kernel.h"

void *watermark_sea_engine_alloc(size_t size);
void watermark_sea_engine_free(void *block);
void *freelist_sea_engine_alloc(size_t size);
void freelist_sea_engine_free(void *block);
void *freelist_sea_list_give_spare(void);

#endif
