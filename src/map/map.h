/* SPDX-License-Identifier: MIT */
/* map.h - the door of the map: what lies where
 *
 *    question                                 answered by
 *    which ranges of addresses are ours?      region.h    a sorted table, for audits and pictures
 *    to which arena does an address belong?   pagemap.h   a table of slots of 1 MiB
 *    where does a chunk end?                  seammap.h   one bitmap for all zones; the fast paths
 *                                                         read it by seam.h
 *    where are our own structures?            meta.h      out of band: a pointer that only rises
 *    how is address space taken?              span.h      with a guard on both sides
 *
 * This room allocates no memory for the program and makes no policy.
 */
#ifndef SEA_MAP_H
#define SEA_MAP_H

#include "map/meta.h"
#include "map/pagemap.h"
#include "map/region.h"
#include "map/seam.h"
#include "map/seammap.h"
#include "map/span.h"

/* Claim: every table of this room is sound.  No other thread runs. */
static inline bool sea_map_is_sound(void)
{
	return sea_region_is_sound() && sea_meta_is_sound() && sea_pagemap_is_sound() && sea_seams_are_sound();
}

#endif
