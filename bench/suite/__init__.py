# SPDX-License-Identifier: MIT
"""suite - the benchmark: which workloads there are, how they are run, what is made of the figures

Doors: main.main (scripts/bench), goals.main (scripts/memory-goals).  What measures one
process, and what `seamalloc compare` uses too, is in scripts/lib.
"""
