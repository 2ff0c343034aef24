# SPDX-License-Identifier: MIT
"""demo.py - the demonstration: real programs under every allocator, one table

First it proves, from the kernel's list of a running process's mappings, that the
library is in the process.  Then it runs each program under each allocator in
turn and shows CPU time and peak memory beside glibc's.
"""

import getopt
import os
import subprocess
import tempfile
import time
from collections import namedtuple

import allocators
import compare
import figures
import launcher
import machine
import measure
import paths
import report
import rounds
import workloads
from errors import Refusal, Usage

HELP = """\
usage: demo [--runs=N] [--programs=A,B,...] [--allocators=A,B,...] [--libdir=DIR]

Runs a Python program, a C++ compiler, SQLite and a Redis server under glibc, each
installed peer and seamalloc, and shows CPU time and peak memory of each.

  --runs=N              counted runs of each (default 3)
  --programs=A,B,...    of python, g++, sqlite, redis (default: all)
  --allocators=A,B,...  as for `seamalloc compare`
  --libdir=DIR          directory of the libraries (default: build)

Exit status: 0; 1 if a program failed under an allocator; 2 and 125 as for
`seamalloc compare`.
"""

Options = namedtuple("Options", "runs programs allocators libdir help", defaults=(3, None, None, None, False))

# Of the workloads in bench/programs, those that are shown, in this order.
PROGRAMS = ("python", "g++", "sqlite", "redis")

# The blocks of the table: title, field of a Sample, format of a value, divisor.
BLOCKS = (("CPU time, s (ratio to glibc)", "cpu_s", ".2f", 1),
          ("peak memory, MiB (ratio to glibc)", "peak_rss_kib", ".1f", report.KIB_PER_MIB))
NAME_WIDTH, CELL_WIDTH = 15, 16


def main(arguments):
    """Exit status of the demonstration."""
    options = parse(arguments)
    if options.help:
        print(HELP, end="")
        return 0
    start = time.monotonic()
    print(f"machine: {machine.in_words(machine.facts())}")
    print(proof(options.libdir), flush=True)
    measure.prepare(options.libdir)
    with tempfile.TemporaryDirectory(prefix="seamalloc-") as folder:
        results = {workload.name: measured(workload, options)
                   for workload in workloads.made(shown(options.programs), folder, workloads.DEMO)}
    show(results, options.runs)
    print(f"\n{time.monotonic() - start:.0f} s in all")
    return 1 if failures(results) else 0


def parse(arguments):
    """Options of a command line."""
    names = ["runs=", "programs=", "allocators=", "libdir=", "help"]
    try:
        pairs, rest = getopt.getopt(arguments, "h", names)
    except getopt.GetoptError as error:
        raise Usage(str(error)) from error
    if rest:
        raise Usage(f"{rest[0]!r} is not an option")
    given = {name.lstrip("-"): value for name, value in pairs}
    if "help" in given or "h" in given:
        return Options(help=True)
    if "runs" in given:
        given["runs"] = compare.positive(given["runs"])
    for name in ("programs", "allocators"):
        if name in given:
            given[name] = given[name].split(",")
    for name in given.get("programs", []):
        if name not in PROGRAMS:
            raise Usage(f"no program is called {name!r}; there are {', '.join(PROGRAMS)}")
    return Options(**given)


def shown(wanted):
    """The programs of these names (None: all) in the order of the table."""
    return [name for name in PROGRAMS if wanted is None or name in wanted]


def proof(folder):
    """One line: a process started by `seamalloc run` that has the library mapped.

    cat(1) answers what it is sent, so it has been started when its mappings are read.
    """
    library = launcher.library("seam", folder)
    command = [paths.launcher(), "run"]
    command += [f"--libdir={folder}"] if folder else []
    with subprocess.Popen([*command, "--", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            answer(process)
            mapped = mapping_of(process.pid, library)
        finally:
            process.stdin.close()
    return f"proof:   `seamalloc run cat`, process {process.pid}: /proc/{process.pid}/maps has {mapped}"


def answer(process):
    """Sends a line to cat and waits for it to come back."""
    process.stdin.write(b"\n")
    process.stdin.flush()
    if process.stdout.readline() != b"\n":
        raise Refusal("`seamalloc run cat` does not work, see above")


def mapping_of(pid, library):
    """The mapped executable range of the library; Refusal if it is not there."""
    real = os.path.realpath(library)
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        for line in file:
            fields = line.split(None, 5)
            if "x" in fields[1] and fields[-1].strip() == real:
                return f"{fields[0]} {fields[1]} {real}"
    raise Refusal(f"process {pid} was started with {library} but has not mapped it")


def measured(workload, options):
    """{allocator name: Column} of one program."""
    chosen, absent = allocators.chosen(options.allocators, workload.binary, options.libdir)
    if absent and options.allocators is None:
        print(f"{workload.name}: not installed: {', '.join(absent)} (scripts/setup --for demo)")
    columns = [rounds.Column(allocator) for allocator in serving(chosen, workload)]
    for column in columns:
        reason = compare.why_not_loaded(workload.binary, column.allocator.library)
        if reason:
            column.give_up(rounds.NOT_LOADED, reason)
    rounds.measure(columns, options.runs, workload.run, f"{workload.name}: ")
    return {column.allocator.name: column for column in columns}


def serving(chosen, workload):
    """Those of the allocators that serve all of a program; tells of the others."""
    reasons = {allocator: launcher.verdict(workload.binary, allocator.library).heaps
               for allocator in chosen if allocator.library}
    for allocator, reason in reasons.items():
        if reason:
            print(f"{workload.name}: {allocator.name} is left out: {os.path.basename(workload.binary)} {reason}")
    return [allocator for allocator in chosen if not reasons.get(allocator)]


def show(results, runs):
    """Prints the table and what a reader has to know about it."""
    names = list(dict.fromkeys(name for columns in results.values() for name in columns))
    print(f"\nmedians; runs of each: {runs}, in turn, after one uncounted; lower is better")
    for title, field, form, unit in BLOCKS:
        print(f"\n{report.painted(title, report.BOLD)}")
        print(f"{'':<{NAME_WIDTH}}" + "".join(f"{name:<{CELL_WIDTH}}" for name in names).rstrip())
        for program, columns in results.items():
            cells = [cell(columns, name, field, form, unit) for name in names]
            print(f"{program:<{NAME_WIDTH}}{''.join(cells)}".rstrip())
        print(f"{'geometric mean':<{NAME_WIDTH}}" + "".join(mean(results, name, field) for name in names).rstrip())
    for line in [basis(results), *failures(results), *noise(results)]:
        print(line)


def value_of(columns, name, field):
    """An allocator's median, or None where it has none."""
    column = columns.get(name)
    medians = figures.medians(column.samples) if column else None
    return medians and getattr(medians, field)


def ratio_of(columns, name, field):
    """An allocator's ratio to the base line, or None."""
    return figures.ratio(value_of(columns, name, field), value_of(columns, allocators.BASELINE, field))


def cell(columns, name, field, form, unit):
    """One value and its ratio to the base line."""
    value, ratio = value_of(columns, name, field), ratio_of(columns, name, field)
    if value is None:
        return f"{'FAIL' if name in columns else '-':<{CELL_WIDTH}}"
    text = f"{value / unit:{form}}" + (f" ({ratio:.2f})" if ratio else "")
    return f"{text:<{CELL_WIDTH}}"


def mean(results, name, field):
    """The geometric mean of an allocator's ratios."""
    ratios = [ratio for columns in results.values()
              if (ratio := ratio_of(columns, name, field)) is not None]
    value = figures.geometric_mean(ratios)
    return f"{'-' if value is None else f'{value:.2f}':<{CELL_WIDTH}}"


def basis(results):
    """One line: the programs that the means are over."""
    names = [program for program, columns in results.items()
             if value_of(columns, allocators.BASELINE, "cpu_s") is not None]
    return f"geometric means are over {len(names)} of {len(results)} programs: {', '.join(names) or 'none has a base line'}"


def failures(results):
    """A line for each program that did not run under an allocator."""
    return [f"FAIL: {program} under {name}: {column.reason}"
            for program, columns in results.items()
            for name, column in columns.items() if column.status != rounds.OK]


def noise(results):
    """One line naming what varied too much between runs to compare finely."""
    wide = [f"{program}/{name} {spread * 100:.0f} %"
            for program, columns in results.items()
            for name, column in columns.items() if column.samples
            for spread in [figures.spreads(column.samples).cpu_s] if spread > figures.WIDE_SPREAD]
    limit = f"{figures.WIDE_SPREAD * 100:.0f} %"
    return [f"CPU time varied by more than {limit} between runs: {', '.join(wide)}"] if wide else []
