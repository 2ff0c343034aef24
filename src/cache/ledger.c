/* SPDX-License-Identifier: MIT */
/* ledger.c - the count that all ledgers share */
#include "cache/ledger.h"

size_t sea_ledger_granted;
