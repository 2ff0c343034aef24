/* SPDX-License-Identifier: MIT */
/* preset.h - the library in which hardened mode is always on
 *
 * libseamalloc-secure.so has the same objects as libseamalloc.so, but preset.o.  It is for
 * programs whose environment is not read, setuid ones among them.
 */
#ifndef SEA_SECURE_PRESET_H
#define SEA_SECURE_PRESET_H

#include "base/compiler.h"

extern SEA_HIDDEN const bool sea_secure_preset;

#endif
