/* SPDX-License-Identifier: MIT */
/* hello.c - a trivial program that tells its resident memory in KiB */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	char text[4096];
	free(malloc(100));
	int fd = open("/proc/self/smaps_rollup", O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 1;
	text[length] = '\0';
	const char *rss = strstr(text, "\nRss:");
	int size = snprintf(text, sizeof(text), "%ld\n", rss == NULL ? -1 : strtol(rss + 5, NULL, 10));
	return write(STDOUT_FILENO, text, (size_t)size) != size;
}
