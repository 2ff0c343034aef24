/* SPDX-License-Identifier: MIT */
/* ledger.c - the count that all ledgers share (layer 8) */
#include "ledger.h"

size_t sea_ledger_granted;
