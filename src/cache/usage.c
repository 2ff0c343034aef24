/* SPDX-License-Identifier: MIT */
/* usage.c - the count that all usages share */
#include "cache/usage.h"

size_t sea_usage_granted;
