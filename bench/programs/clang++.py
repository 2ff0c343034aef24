# SPDX-License-Identifier: MIT
"""clang++.py - the other C++ compiler, on the input of g++.py

1.5 million calls of malloc, of 490 bytes on average: LLVM takes its small objects
from slabs of its own, and tables and strings from malloc.
"""

import workloads

Compiler = workloads.kind("g++")


class Clang(Compiler):
    """clang++ -O2 on the same file as g++."""

    compiler = "clang++"
    needs = {"clang++": "clang", "g++": "g++"}
