/* SPDX-License-Identifier: MIT */
/* paths.h - where the libraries and the modules of `compare` are
 *
 *    build folder                    installed under PREFIX
 *    build/seamalloc                 bin/seamalloc
 *    build/libseamalloc*.so          lib/seamalloc/libseamalloc*.so, or else lib/...,
 *                                    lib64/..., lib/<triplet>/...
 *    build/modules -> scripts/lib    lib/seamalloc
 */
#ifndef PATHS_H
#define PATHS_H

/* Path of an engine's library, fit for LD_PRELOAD, in folder `chosen`, else in
 * $SEAMALLOC_LIBDIR, else in the places above; refuses where there is none. */
const char *paths_library(const char *engine, const char *chosen);

/* The file of this program. */
const char *paths_own_file(void);

/* The folder of the modules of `compare`; refuses where there is none. */
const char *paths_modules(void);

#endif
