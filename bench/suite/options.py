# SPDX-License-Identifier: MIT
"""options.py - the command line of scripts/bench"""

import fnmatch
import getopt
from collections import namedtuple

from suite.suites import SUITES
from errors import Usage

HELP = """\
usage: bench [OPTION ...]
       bench --report [--html=FILE] REPORT.json [REPORT.json ...]

Runs the micro benchmarks, stress programs and real programs under glibc, each
installed peer (jemalloc, mimalloc, tcmalloc) and the three seamalloc engines, and
shows time and memory of each beside glibc's.  bench/README.md tells the method.

  --quick              a part of everything, in below 3 minutes
  --suite=A,B,...      of micro, stress, programs (default: all)
  --only=GLOB,...      only the workloads whose names match, as micro/replace/*
  --allocators=A,B,... as for `seamalloc compare`; the textbook engines freelist and
                       watermark run once, unless they are named here
  --budget=MINUTES     how long it may take (default 28, with --quick 2.5); the number
                       of rounds follows from it, at least 3
  --rounds=N           so many rounds instead, however long they take
  --apart              runs one process after the other, instead of turns of
                       milliseconds: times vary three times as much
  --threads=N,...      threads of the growth curves
  --idle=S             seconds that a process is left alone before its memory is read
                       (default 10, with --quick 2; 0: not measured)
  --counted            times nothing: counts instructions, cache misses, page faults,
                       system calls and peak memory of stress programs with one thread
                       and of real programs; slow, and needs valgrind and strace
  --json=FILE          writes every sample to FILE
  --html=FILE          writes one page with tables and plots to FILE
  --libdir=DIR         directory of the libraries and of bench/ (default: build)
  --list               only lists the names of the workloads
  --report             measures nothing: shows what --json has written; with several
                       reports, shows how well their ratios agree
  --help               this text

Exit status: 0; 1 if something failed under glibc, a peer or seamalloc; 2 for a command
line that makes no sense; 125 if something that is needed is not there.
"""

FULL_MINUTES, QUICK_MINUTES = 28, 2.5
FULL_IDLE_S, QUICK_IDLE_S = 10, 2

Options = namedtuple("Options", "quick suites only allocators budget_s rounds apart threads idle_s counted json "
                                "html libdir list report help files")

NAMES = ("quick", "suite=", "only=", "allocators=", "budget=", "rounds=", "apart", "threads=", "idle=", "counted",
         "json=", "html=", "libdir=", "list", "report", "help")


def parse(arguments):
    """The Options of a command line."""
    given, files = split(arguments)
    quick = "quick" in given
    if files and "report" not in given:
        raise Usage(f"bench: {files[0]!r} is not an option")
    if "report" in given and not files:
        raise Usage("bench: --report wants the JSON of a report")
    return Options(
        quick, suites(given.get("suite")), words(given.get("only")), words(given.get("allocators")),
        60 * number("budget", given.get("budget"), QUICK_MINUTES if quick else FULL_MINUTES),
        count("rounds", given.get("rounds")), "apart" in given, thread_counts(given.get("threads")),
        number("idle", given.get("idle"), QUICK_IDLE_S if quick else FULL_IDLE_S, zero=True),
        "counted" in given, given.get("json"), given.get("html"), given.get("libdir"),
        "list" in given, "report" in given, "help" in given, files)


def split(arguments):
    """({option: value}, the other words)."""
    spread = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        spread += [name, value] if equals and name == "--report" else [argument]
    try:
        pairs, files = getopt.gnu_getopt(spread, "h", NAMES)
    except getopt.GetoptError as error:
        raise Usage(f"bench: {error}") from error
    return {"help" if name == "-h" else name.lstrip("-"): value for name, value in pairs}, files


def words(text):
    """A list separated by commas; None where it was not given."""
    return None if text is None else [word for word in text.split(",") if word]


def suites(text):
    """Names of suites."""
    chosen = words(text) or SUITES
    for name in chosen:
        if name not in SUITES:
            raise Usage(f"bench: no suite is called {name!r}; there are {', '.join(SUITES)}")
    return chosen


def count(option, text):
    """A positive whole number; None where it was not given."""
    if text is None:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise Usage(f"bench: --{option}={text} is not a positive number")
    return int(text)


def thread_counts(text):
    """Numbers of threads, or None."""
    chosen = words(text)
    return chosen and [count("threads", word) for word in chosen]


def number(option, text, default, zero=False):
    """A positive number, or also zero."""
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not (0 <= value < 1e6 and (value or zero)):
        raise Usage(f"bench: --{option}={text} is not a positive number")
    return int(value) if value == int(value) else value


def selected(cases, only):
    """The cases whose names match one of the patterns; Usage if a pattern matches none."""
    if only is None:
        return cases
    for pattern in only:
        if not any(matches(case.name, pattern) for case in cases):
            raise Usage(f"bench: no workload matches {pattern!r}; --list names them")
    return [case for case in cases if any(matches(case.name, pattern) for pattern in only)]


def matches(name, pattern):
    """Whether a pattern is meant for a workload: with its suite or without."""
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.partition("/")[2], pattern)
