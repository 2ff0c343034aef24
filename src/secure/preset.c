/* SPDX-License-Identifier: MIT */
/* preset.c - compiled twice (Makefile) */
#include "secure/preset.h"

#ifndef SEA_SECURE_PRESET
#define SEA_SECURE_PRESET 0
#endif

const bool sea_secure_preset = SEA_SECURE_PRESET;
