# SPDX-License-Identifier: MIT
"""counted.py - `bench --counted`: what can be counted instead of timed

    instructions, misses of the first and of the last cache   cachegrind, one thread at a time
    system calls                                              strace
    page faults, peak resident set                            the kernel, in a run of its own

Counts repeat to a part in a thousand where times vary by a third.  Stress programs run with
one thread.  Each count is shown as the ratio to that of the best other allocator.
"""

import glob
import os
import re
import shutil
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import figures
import machine
import rounds
from allocators import BASELINE
from errors import Refusal
from progress import Progress
from suite import watch

# Under valgrind a program is some fifty times slower.
LIMITS = watch.Limits(1800, 8 * watch.GIB)
# Caches of a usual processor: size, ways, bytes a line.  The last cache is the part that one
# process of several has of it.
D1, LL = "32768,8,64", "1048576,16,64"
NUMBER = re.compile(r"(I   refs|D1  misses|LL misses):\s+([\d,]+)")
COUNT_OF = {"I   refs": "instructions", "D1  misses": "d1", "LL misses": "ll"}

Kind = namedtuple("Kind", "field title")
KINDS = (Kind("instructions", "instr."), Kind("d1", "D1 miss"), Kind("ll", "LL miss"),
         Kind("faults", "faults"), Kind("calls", "sys calls"), Kind("peak", "peak"))
OURS = "seamalloc"


def needed(name):
    """Path of a tool; Refusal if it is not installed."""
    path = shutil.which(name)
    if not path:
        raise Refusal(f"--counted needs {name}, which is not installed (apt install {name})")
    return path


def cachegrind(folder):
    """The command that counts what a program and its children execute; valgrind must leave
    malloc alone."""
    return [needed("valgrind"), "--tool=cachegrind", "--cache-sim=yes", f"--D1={D1}", f"--LL={LL}",
            "--cachegrind-out-file=/dev/null", "--soname-synonyms=somalloc=nouserintercepts",
            "--trace-children=yes", f"--log-file={folder}/%p.log"]


def strace(folder):
    """The command that counts system calls."""
    return [needed("strace"), "-f", "-c", "-o", f"{folder}/calls"]


def read_cachegrind(folder):
    """Sums over all processes; GivenUp if there are none."""
    sums = dict.fromkeys(COUNT_OF.values(), 0)
    for path in glob.glob(os.path.join(folder, "*.log")):
        with open(path, encoding="utf-8", errors="replace") as file:
            for name, value in NUMBER.findall(file.read()):
                sums[COUNT_OF[name]] += int(value.replace(",", ""))
    if not sums["instructions"]:
        raise rounds.GivenUp(rounds.FAILED, "valgrind counted nothing")
    return sums


def read_strace(folder):
    """The calls in strace's table, whose last line has the total; GivenUp without it."""
    with open(os.path.join(folder, "calls"), encoding="utf-8", errors="replace") as file:
        for line in reversed(file.read().splitlines()):
            words = line.split()
            if words and words[-1] == "total":
                return {"calls": int(words[3])}
    raise rounds.GivenUp(rounds.FAILED, "strace counted nothing")


def plain(case, allocator):
    """Faults and peak, of a run without a tool."""
    with watch.watched(LIMITS, allocator.library):
        sample = case.under(allocator, [])
    return {"faults": sample["minor_faults"], "peak": sample["peak_rss_bytes"]}


def with_tool(case, allocator, tool, read):
    """What read() finds in the folder into which the tool writes."""
    with tempfile.TemporaryDirectory(prefix="seamalloc-") as folder:
        with watch.watched(LIMITS, allocator.library):
            case.under(allocator, tool(folder))
        return read(folder)


def count(case, cell):
    """The counts of one workload under one allocator; the cell is given up if a run fails."""
    try:
        return {**plain(case, cell.allocator), **with_tool(case, cell.allocator, cachegrind, read_cachegrind),
                **with_tool(case, cell.allocator, strace, read_strace)}
    except rounds.GivenUp as end:
        cell.give_up(end.status, end.reason)
    except Refusal as error:
        cell.give_up(rounds.FAILED, str(error))
    return None


def counts_of(entries):
    """{workload: {allocator: counts}}.  The runs of one workload use the same files, so they
    follow each other; workloads run side by side."""
    needed("valgrind")
    needed("strace")
    countable = [entry for entry in entries if entry.case.can_count]
    if not countable:
        raise Refusal("none of these workloads can be counted: micro benchmarks and servers cannot")
    progress = Progress(sum(len(entry.competitors) for entry in countable))

    def one(entry):
        found = {}
        for cell in entry.competitors:
            progress.show(f"counting {entry.case.name} {cell.allocator.name}")
            counts = count(entry.case, cell)
            progress.step()
            if counts:
                found[cell.allocator.name] = counts
        return found
    try:
        with ThreadPoolExecutor(machine.facts()["cpus"]) as pool:
            return dict(zip([entry.case.name for entry in countable], pool.map(one, countable)))
    finally:
        watch.stop_all()
        progress.clear()


# --- the table ------------------------------------------------------------------------

def best_other(counts, field):
    """(name, value) of the lowest count among the others; None if there are no others."""
    others = [(value[field], name) for name, value in counts.items() if name != OURS]
    return min(others)[::-1] if others else None


def against_best(counts, field):
    """(ratio to the best other, its name); None where one of them is missing or 0."""
    best = best_other(counts, field)
    if OURS not in counts or not best or not best[1]:
        return None
    return counts[OURS][field] / best[1], best[0]


def line(name, cells):
    """A line of the table."""
    return f"{name:<22}" + "".join(f"{cell:>17}" for cell in cells)


def row(name, counts):
    """The line of one workload."""
    pairs = [against_best(counts, kind.field) for kind in KINDS]
    return line(name, [f"{pair[0]:.3f} {pair[1]:<10}" if pair else "-" for pair in pairs])


def mean_lines(found, suite):
    """For each allocator the geometric means of its ratios to the base line, over the workloads
    of a suite that all have."""
    names = dict.fromkeys(name for counts in found.values() for name in counts)
    common = [counts for workload, counts in found.items()
              if workload.startswith(f"{suite}/") and all(name in counts for name in names)]
    lines = []
    for name in names if common and BASELINE in names else ():
        ratios = [[figures.ratio(counts[name][kind.field], counts[BASELINE][kind.field]) for counts in common]
                  for kind in KINDS]
        means = [figures.geometric_mean([ratio for ratio in each if ratio]) for each in ratios]
        lines.append(line(f"  {name}", [f"{mean:.3f} {'':<10}" if mean else "-" for mean in means]))
    return [f"{suite}: means of {len(common)} workloads, {BASELINE} = 1"] + lines if lines else []


def text(found):
    """The whole table."""
    lines = [f"seamalloc's counts as ratios to the best other allocator's; lower is better.  D1 {D1}, LL {LL}", "",
             line("workload", [f"{kind.title:<12}" for kind in KINDS])]
    lines += [row(name, counts) for name, counts in found.items()]
    for suite in ("stress", "programs"):
        means = mean_lines(found, suite)
        lines += ["", *means] if means else []
    return "\n".join(lines)
