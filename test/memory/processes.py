#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""processes.py - goals 5 to 7: small programs, limits that the process begins with, processors

What goal.h says of bounds and of $SEA_TEST_MEASURES is true here."""
import os
import re
import resource
import shutil
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (ENGINE, GLIBC, LIBRARY, SEAM, Failed, Report, Skipped, describe, preloaded,  # noqa: E402
                     program, run)

MIB = 1024 * 1024
MEASURES = os.environ.get("SEA_TEST_MEASURES")
NO_BOUND = -1.0
COMPARED = (SEAM, GLIBC)


def report(goal, what, value, bound, unit):
    if MEASURES:
        with open(MEASURES, "a", encoding="utf-8") as table:
            table.write(f"{goal}\t{what}\t{value:.3f}\t{bound:.3f}\t{unit}\n")


def is_asserted():
    return ENGINE == SEAM and not MEASURES


def at_most(goal, what, value, bound, unit, holds=None):
    """`holds` is asserted in place of a bound that is missed today."""
    report(goal, what, value, bound, unit)
    most = bound if holds is None else holds
    if is_asserted() and value > most:
        raise Failed(f"{what} is {value:.3f} {unit}, may be at most {most:.3f}")


def at_least(goal, what, value, bound, unit, holds):
    """The same for a bound that is to be reached."""
    report(goal, what, value, bound, unit)
    if is_asserted() and value < holds:
        raise Failed(f"{what} is {value:.3f} {unit}, must be at least {holds:.3f}")


# --- small programs (5) -------------------------------------------------------------------

def resident_mib(library, argv):
    """Least of several runs: what the page cache and the random layout add varies."""
    least = None
    for _ in range(7):
        done = run([program("memory/resident"), library, *argv], env=preloaded(library=""), expect=None)
        if done.returncode == 77:
            raise Skipped("ptrace is not permitted")
        if done.returncode != 0:
            raise Failed(f"{argv[0]}: {describe(done.returncode)}\n{done.stderr}")
        least = min(int(done.stdout), least or int(done.stdout))
    return least / 1024


def small_program(name, holds, *argv):
    if shutil.which(argv[0]) is None:
        raise Skipped(f"no {argv[0]}")
    more = resident_mib(LIBRARY, argv) - resident_mib("", argv)
    at_most("5", f"{name}: resident at its end, above glibc's", more, 0.4, "MiB", holds)


# --- limits (6) ------------------------------------------------------------------------------

def exhaust(size, which=None, limit=0):
    """Bytes that are served until malloc refuses; the lesser of two rounds with frees between."""
    def set_limit():
        resource.setrlimit(which, (limit, limit))
    done = run([program("memory/exhaust"), str(size), "2"], expect=None, preexec_fn=set_limit if which else None)
    if done.returncode != 0:
        raise Failed(f"blocks of {size}: {describe(done.returncode)}\n{done.stdout}{done.stderr}")
    return int(done.stdout)


KINDS = {1000: "1000 B", 60000: "60 KB", MIB: "1 MiB"}


def limited(name, which, mib, *holds):
    """`holds`: the shares that hold today, of the three kinds.  All are measured first."""
    served = [100 * exhaust(size, which, mib * MIB) / (mib * MIB) for size in KINDS]
    for kind, share, least in zip(KINDS.values(), served, holds):
        at_least("6", f"{name} {mib} MiB, blocks of {kind}: served", share, 90, "%", least)


def strict_overcommit():
    with open("/proc/sys/vm/overcommit_memory", encoding="ascii") as mode:
        if mode.read().strip() != "2":
            raise Skipped("vm.overcommit_memory is not 2, and a test must not change it")
    if exhaust(1000, resource.RLIMIT_AS, 200 * MIB) < 100 * MIB:
        raise Failed("less than half of 200 MiB served")


class Cgroup:
    """A group for one program in the folder that $SEA_TEST_CGROUP names: one with the memory
    controller, in which the tests may make groups and put processes."""

    def __init__(self, mib):
        parent = os.environ.get("SEA_TEST_CGROUP")
        if not parent:
            raise Skipped("no $SEA_TEST_CGROUP in which a group may be made")
        try:
            self.path = tempfile.mkdtemp(prefix="memory-", dir=parent)
            self.limit(mib * MIB)
        except OSError as error:
            raise Skipped(f"no group can be made in {parent}: {error.strerror}") from error

    def limit(self, size):
        """The second version has memory.max, the first memory.limit_in_bytes."""
        second = os.path.exists(os.path.join(self.path, "memory.max"))
        self.write("memory.max" if second else "memory.limit_in_bytes", size)
        swap = os.path.join(self.path, "memory.swap.max")
        if os.path.exists(swap):
            self.write("memory.swap.max", 0)

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        os.rmdir(self.path)

    def run(self, *argv):
        return run(argv, expect=None, preexec_fn=lambda: self.write("cgroup.procs", os.getpid()))


def swing():
    """What the next test needs, told without a group: 48 MiB live at most, in whole pages,
    and 4 MiB of tables, fit into 64 MiB."""
    peak = int(run([program("memory/swing"), "48", "20"]).stdout) / 1024
    at_most("6", "48 MiB swing in changing sizes: resident at most", peak, 64, "MiB", 74)


def memory_group():
    """What is free must go before the kernel ends the process; a refusal (status 3) would
    do too."""
    with Cgroup(64) as group:
        done = group.run(program("memory/swing"), "48", "20")
    if done.returncode not in (0, 3):
        raise Failed(f"{describe(done.returncode)}\n{done.stderr}")


# --- huge pages (6) ----------------------------------------------------------------------------

def phases(thp, *arguments):
    """{phase: KiB resident}, of a run."""
    done = run([program("memory/phases"), *arguments], env=dict(preloaded(), SEAMALLOC_CONF=f"thp={thp}"))
    return {phase: int(kib) for phase, kib in (line.split() for line in done.stdout.splitlines())}


def compared(is_good, *arguments):
    """The medians of runs with thp=never and with thp=auto, in turns: three of each at least, and up to
    twenty until `is_good`.

    Memory goes back by the clock, and on a busy machine a phase takes longer: one run of twelve had 40 MiB
    less than the others.  The least of a few runs would only tell which of the two had such a run."""
    runs = {"never": [], "auto": []}
    for tries in range(1, 21):
        for thp, measured in runs.items():
            measured.append(phases(thp, *arguments))
        never, auto = ({phase: statistics.median_low(each[phase] for each in measured) for phase in measured[0]}
                       for measured in runs.values())
        if tries >= 3 and is_good(never, auto):
            break
    return never, auto


def has_huge_pages():
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as file:
            return "[never]" not in file.read()
    except OSError:
        return False


def huge_pages():
    """What is left of an emptied heap is compared in MiB: a huge page is more than 5 % of it."""
    if not has_huge_pages():
        raise Skipped("this system makes no huge pages")
    def worst(never, auto):
        return max(auto[phase] / never[phase] for phase in never if phase != "empty")

    def more(never, auto):
        return (auto["empty"] - never["empty"]) / 1024

    medians = compared(lambda *both: worst(*both) <= 1.05 and more(*both) <= 2, "120")
    at_most("6", "120 MiB in phases: resident with thp=auto over thp=never", worst(*medians), 1.05, "", 1.05)
    at_most("6", "120 MiB freed: resident with thp=auto above thp=never", more(*medians), 2, "MiB", 2)
    for kind, what in (("sparse", "160 MiB in 16 KiB, a byte written in each"),
                       ("behind", "the same behind as much in small blocks")):
        medians = compared(lambda *both: worst(*both) <= 1.05, "160" if kind == "sparse" else "320", kind)
        at_most("6", f"{what}: thp=auto over thp=never", worst(*medians), 1.05, "", 1.05)


def one_processor():
    first = min(os.sched_getaffinity(0))
    done = run([program("memory/shards"), "8"], preexec_fn=lambda: os.sched_setaffinity(0, {first}))
    found = re.search(r"(\d+) zones in (\d+) shards", done.stderr)
    if not found:
        raise Failed(f"malloc_stats names no shards:\n{done.stderr}")
    at_most("7", "8 threads on one processor: shards", int(found[2]), 1, "")


def main():
    tests = Report("processes")
    tests.case("/bin/true: over glibc", lambda: small_program("/bin/true", 0.3, "/bin/true"), COMPARED)
    # Missed: 0.6 MiB in the cache, rounded up and in free pages, 0.2 of bitmaps and other structures,
    # and 0.2 of the library itself.  0.99 to 1.05 were measured, with the page cache in large pieces.
    tests.case("a trivial python: over glibc",
               lambda: small_program("python3 -c pass", 1.2, "python3", "-I", "-c", "pass"), COMPARED)
    # Missed below 1 GiB: the seam map takes a 32nd of the limit, and an arena is found only
    # where there is room for a MiB more than it has.  With guards around each mapping, and what
    # serves a process that ends, it is a zone less: 85.4 % of 64 MiB, 87 without.
    address_space, data = resource.RLIMIT_AS, resource.RLIMIT_DATA
    tests.case("ulimit -v of 64 MiB: served, and again",
               lambda: limited("ulimit -v", address_space, 64, 85, 85, 90), COMPARED)
    tests.case("ulimit -v of 200 MiB: served, and again",
               lambda: limited("ulimit -v", address_space, 200, 90, 90, 90), COMPARED)
    tests.case("ulimit -v of 1 GiB: served, and again",
               lambda: limited("ulimit -v", address_space, 1024, 90, 90, 90), COMPARED)
    tests.case("RLIMIT_DATA of 64 MiB: served, and again",
               lambda: limited("RLIMIT_DATA", data, 64, 89, 88, 90), COMPARED)
    tests.case("strict overcommit: refused, not killed", strict_overcommit, COMPARED)
    # Missed: the peak is earned by what recurs, whatever the group's limit.
    tests.case("48 MiB swing in changing sizes", swing, COMPARED)
    tests.case("a memory cgroup of 64 MiB: 48 MiB swing", memory_group, COMPARED)
    tests.case("huge pages: memory that they add", huge_pages, (SEAM,))
    tests.case("one processor: one shard", one_processor, (SEAM,))
    tests.close()


if __name__ == "__main__":
    main()
