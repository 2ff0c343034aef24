# SPDX-License-Identifier: MIT
"""goals.py - one table of the memory goals: bound, seamalloc, glibc and its peers

The tests of test/memory are run under each allocator and tell what they measured
(test/memory/goal.h); nothing is asserted.
"""

import getopt
import os
import subprocess
import sys
import tempfile

import allocators
import paths
from errors import Refusal, Usage

HELP = """\
usage: memory-goals [--long | --quick] [--allocators=A,B,...] [--libdir=DIR] [SUITE ...]

Runs the tests of the memory goals under seamalloc, glibc and each installed peer, and
prints each figure beside its bound.  `!` marks a figure that misses it.  A bound that
ends in "or more" is a lower bound.

  --quick, --long       small or large counts (default: between); --long has a producer
                        and a consumer exchange 60 million blocks
  --allocators=A,B,...  as for `seamalloc compare`
  --libdir=DIR          directory of the libraries (default: build)
  SUITE                 memory/fragmentation, memory/give_back, memory/threads,
                        memory/address_space, memory/processes (default: all)

Exit status: 0; 1 if seamalloc misses a bound; 2 for a command line that makes no sense;
125 if nothing could be measured.
"""

RUN_TESTS = os.path.join(paths.PREFIX, "test", "run-tests")
WHAT_WIDTH, CELL_WIDTH = 74, 11
# More is better in these.
SERVED = ": served"


def main(arguments):
    """Exit status of one survey."""
    try:
        options, suites = getopt.gnu_getopt(arguments, "h", ["help", "quick", "long", "allocators=", "libdir="])
    except getopt.GetoptError as error:
        raise Usage(f"memory-goals: {error}") from error
    chosen = dict(options)
    if "--help" in chosen or "-h" in chosen:
        print(HELP, end="")
        return 0
    names = chosen["--allocators"].split(",") if "--allocators" in chosen else None
    folder = chosen.get("--libdir")
    competitors = in_order(allocators.chosen(names, sys.executable, folder)[0])
    length = [option for option in ("--quick", "--long") if option in chosen]
    measured = {each.name: survey(each, length, suites or ["memory"], folder) for each in competitors}
    return show(measured)


def in_order(competitors):
    """seamalloc first: its figures stand beside the bounds."""
    return sorted(competitors, key=lambda each: (each.name != "seamalloc", each.name != allocators.BASELINE))


def survey(allocator, length, suites, folder):
    """{(goal, what): (value, bound, unit)} of one allocator."""
    engine = "seam" if allocator.name == "seamalloc" else allocator.library or "glibc"
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as table:
        environment = dict(os.environ, SEA_TEST_MEASURES=table.name, BUILD=paths.library_folder(folder))
        command = [RUN_TESTS, *length, "--engine", engine, *suites]
        done = subprocess.run(command, env=environment, check=False, stdout=subprocess.PIPE, text=True)
        lines = [line.rstrip("\n").split("\t") for line in table]
    for line in done.stdout.splitlines():
        if line.startswith(("FAIL", "skip")) and "not promised" not in line:
            print(f"{allocator.name}: {line}", file=sys.stderr)
    if not lines:
        raise Refusal(f"{allocator.name}: nothing was measured")
    return {(goal, what): (float(value), float(bound), unit) for goal, what, value, bound, unit in lines}


def misses(what, value, bound):
    """Whether a figure misses its bound; one without a bound has -1."""
    if bound < 0:
        return False
    return value < bound if what.endswith(SERVED) else value > bound


def bound_in_words(what, bound):
    """The bound as the table has it."""
    if bound < 0:
        return ""
    return f"{bound:.4g}" + (" or more" if what.endswith(SERVED) else "")


def show(measured):
    """Prints the table; 1 if seamalloc misses a bound, else 0."""
    keys = dict.fromkeys(key for figures in measured.values() for key in figures)
    print(f"{'goal':4} {'measured':{WHAT_WIDTH}} {'bound':>{CELL_WIDTH}}"
          + "".join(f"{name:>{CELL_WIDTH}}" for name in measured))
    for goal, what in sorted(keys, key=lambda key: key[0]):
        print(row(goal, what, measured))
    ours = measured.get("seamalloc", {})
    return int(any(misses(what, value, bound) for (_, what), (value, bound, _) in ours.items()))


def row(goal, what, measured):
    """One line of the table."""
    known = next(figures[goal, what] for figures in measured.values() if (goal, what) in figures)
    title = what + (f", {known[2]}" if known[2] else "")
    cells = ""
    for figures in measured.values():
        value, bound, _ = figures.get((goal, what), (None, 0, ""))
        text = "-" if value is None else f"{value:.4g}{'!' if misses(what, value, bound) else ' '}"
        cells += f"{text:>{CELL_WIDTH}}"
    return f"{goal:4} {title:{WHAT_WIDTH}} {bound_in_words(what, known[1]):>{CELL_WIDTH}}{cells}"
