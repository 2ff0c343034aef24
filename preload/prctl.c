/* SPDX-License-Identifier: MIT */
/* prctl.c - a process that is about to be confined (names only)
 *
 * A sandbox of system calls begins with this call, or follows it: what loads a filter gives up new
 * privileges first.  Nothing in the process can see the sandbox afterwards.  Some sandboxes kill
 * for a call that they do not know.
 */
#include <errno.h>
#include <stdarg.h>

#include "base/os.h"

__attribute__((visibility("default"), used)) int prctl(int operation, ...);

__attribute__((visibility("default"), used)) int prctl(int operation, ...)
{
	unsigned long arguments[4];
	va_list list;
	va_start(list, operation);
	for (int i = 0; i < 4; i++)
		arguments[i] = va_arg(list, unsigned long);
	va_end(list);
	long result = sea_os_prctl(operation, arguments);
	if (result >= 0)
		return (int)result;
	errno = (int)-result;
	return -1;
}
