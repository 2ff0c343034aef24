/* SPDX-License-Identifier: MIT */
/* string.h - what seamalloc's core needs of a C library; text.c has the functions */
#ifndef KERNEL_STRING_H
#define KERNEL_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *in, int byte, size_t size);
size_t strlen(const char *text);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
size_t strcspn(const char *text, const char *stop);

#endif
