#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""elf.py - what the library asks of the dynamic linker, and what it shows to others."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, OURS, Report, demand  # noqa: E402

MAX_TLS = 64

STANDARD = """
    malloc calloc realloc reallocarray free cfree free_sized free_aligned_sized memalign aligned_alloc
    posix_memalign valloc pvalloc malloc_usable_size malloc_trim mallinfo mallinfo2 malloc_info malloc_stats
    mallopt
""".split()
LIBC = """
    prctl madvise dlopen
    __libc_malloc __libc_calloc __libc_realloc __libc_free __libc_memalign __libc_valloc __libc_pvalloc
    __libc_reallocarray __libc_cfree __libc_mallinfo __libc_mallopt __posix_memalign
""".split()
JEMALLOC = """
    mallocx rallocx xallocx sallocx dallocx sdallocx nallocx mallctl mallctlnametomib mallctlbymib
    malloc_stats_print malloc_message
""".split()
OPERATOR = re.compile(r"_Z(nw|na|dl|da)[A-Za-z0-9_]+")  # operator new and delete


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options, LIBRARY], check=True, capture_output=True, text=True).stdout


def segments(kind):
    return [line.split() for line in readelf("-l").splitlines() if line.strip().startswith(kind + " ")]


def needs_only_libc():
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("-d"))
    others = [n for n in needed if not re.match(r"(libc\.so\.6|ld-linux.*\.so\.\d+)$", n)]
    demand(not others, f"needs {', '.join(others)}")


def tls_is_small():
    sizes = [int(s[5], 16) for s in segments("TLS")]
    demand(sum(sizes) <= MAX_TLS, f"TLS segment of {sum(sizes)} bytes, may be {MAX_TLS}")


def binds_now():
    dynamic = readelf("-d")
    demand(re.search(r"\(BIND_NOW\)|\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*\bNOW\b", dynamic), "no BIND_NOW")
    demand("TEXTREL" not in dynamic, "has text relocations")


def is_read_only_after_relocation():
    demand(segments("GNU_RELRO"), "no GNU_RELRO segment")


def cannot_be_unloaded():
    demand(re.search(r"\(FLAGS_1\).*NODELETE", readelf("-d")), "no NODELETE")


def runs_no_writable_memory():
    stack = segments("GNU_STACK")
    demand(stack and "E" not in stack[0][6], "executable stack")
    demand(not any("W" in s[6:-1] and "E" in s[6:-1] for s in segments("LOAD")), "a segment both writable and executable")


def dynamic_symbols():
    """(name, binding, section) of each."""
    for line in readelf("--dyn-syms").splitlines():
        field = line.split()
        if len(field) >= 8 and field[0].rstrip(":").isdigit():
            yield field[7].split("@")[0], field[4], field[6]


def exports_the_interface_only():
    exported = {name for name, _, section in dynamic_symbols() if section not in ("UND", "ABS")}
    strange = [n for n in exported
               if n not in STANDARD + LIBC + JEMALLOC and not n.startswith("sea_") and not OPERATOR.match(n)]
    demand(not strange, f"exports {', '.join(sorted(strange))}")
    missing = [n for n in STANDARD + JEMALLOC + ["sea_" + n for n in STANDARD] if n not in exported]
    demand(not missing, f"does not export {', '.join(missing)}")


def wants_nothing_of_cplusplus():
    wanted = [name for name, binding, section in dynamic_symbols()
              if section == "UND" and name.startswith("_Z") and binding != "WEAK"]
    demand(not wanted, f"wants {', '.join(wanted)}")


def main():
    report = Report("elf")
    report.case("needs no library but libc", needs_only_libc, OURS)
    report.case("at most 64 bytes of thread-local storage", tls_is_small, OURS)
    report.case("bound at load, no text relocations", binds_now, OURS)
    report.case("read-only after relocation", is_read_only_after_relocation, OURS)
    report.case("is never unloaded", cannot_be_unloaded, OURS)
    report.case("no memory both writable and executable", runs_no_writable_memory, OURS)
    report.case("exports the interface and nothing else", exports_the_interface_only, OURS)
    report.case("wants nothing of libstdc++ but weakly", wants_nothing_of_cplusplus, OURS)
    report.close()


if __name__ == "__main__":
    main()
