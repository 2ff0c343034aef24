/* SPDX-License-Identifier: MIT */
/* madvise.c - advice about a block ends with the block (names only)
 *
 * Programs keep secrets or buffers of a device from their children by MADV_WIPEONFORK and
 * MADV_DONTFORK, and set traps by MADV_GUARD_INSTALL.  Nothing tells us afterwards which pages have
 * such advice.  Without this the next block in that memory would be cleared or missing in a child,
 * or would trap.  A block that shares a zone with others has the advice until the zone is empty
 * (docs/design.md).
 */
#include <errno.h>

#include "base/os.h"
#include "page/page_alloc.h"

__attribute__((visibility("default"), used)) int madvise(void *address, size_t length, int advice);

__attribute__((visibility("default"), used)) int madvise(void *address, size_t length, int advice)
{
	if (length && sea_os_is_lasting(advice))
		sea_pages_note_advice(address);
	long result = sea_os_madvise(address, length, advice);
	if (result == 0)
		return 0;
	errno = (int)-result;
	return -1;
}
