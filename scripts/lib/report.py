# SPDX-License-Identifier: MIT
"""report.py - a comparison as a table for people and as JSON for programs"""

import json
import os
import shlex
import sys
import textwrap
import time

import figures
import launcher
import machine
import verdict
from allocators import BASELINE
from errors import Refusal
from rounds import OK

# Changes when a reader of the JSON would have to change.
SCHEMA = "seamalloc-compare-1"
KIB_PER_MIB = 1024
BOLD, RED, YELLOW, PLAIN = "\033[1m", "\033[31m", "\033[33m", "\033[0m"
# No line of the report is longer, but for a word that cannot be broken.
WIDTH = 80
# The table's columns: title, field of a Sample, format of a value, divisor.
SHOWN = (("wall s", "wall_s", ".3f", 1), ("CPU s", "cpu_s", ".3f", 1),
         ("peak MiB", "peak_rss_kib", ".1f", KIB_PER_MIB),
         ("faults", "minor_faults", ".0f", 1))
VALUE_WIDTH, RATIO_WIDTH = 9, 6
NAME_WIDTH = WIDTH - len(SHOWN) * (VALUE_WIDTH + RATIO_WIDTH)


def painted(text, colour, stream=sys.stdout):
    """`text` in a colour, where the stream is a terminal that wants colours."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"{colour}{text}{PLAIN}" if wanted else text


def median_of_baseline(columns):
    """The base line's medians, or None if it has none."""
    for column in columns:
        if column.allocator.name == BASELINE:
            return figures.medians(column.samples)
    return None


def shown_ratio(value, base):
    """A ratio in the table: two digits, or a dash where there is no base."""
    ratio = figures.ratio(value, base)
    return "-" if ratio is None else f"{ratio:.2f}"


def header():
    """The titles of the table's columns."""
    titles = "".join(f"{title:>{VALUE_WIDTH}}{'ratio':>{RATIO_WIDTH}}" for title, *_ in SHOWN)
    return painted(f"{'allocator':<{NAME_WIDTH}}{titles}", BOLD)


def cut(text, width):
    """`text`, or its end where it is too long."""
    return text if len(text) <= width else ".." + text[2 - width:]


def row(column, base):
    """One allocator's line, or lines."""
    name = f"{cut(column.allocator.name, NAME_WIDTH - 1):<{NAME_WIDTH}}"
    if column.status != OK:
        word = "FAIL" if column.status == "failed" else "NOT LOADED"
        return wrapped(f"{name}{word}  {column.reason}").replace(word, painted(word, RED), 1)
    values = figures.medians(column.samples)
    return name + "".join(cell(getattr(values, field), base and getattr(base, field), form, unit)
                          for _, field, form, unit in SHOWN)


def cell(value, base, form, unit):
    """One median and its ratio to the base line."""
    return f"{value / unit:>{VALUE_WIDTH}{form}}{shown_ratio(value, base):>{RATIO_WIDTH}}"


def wrapped(text):
    """`text` in lines of the report's width, all but the first indented."""
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * 10, break_long_words=False,
                         break_on_hyphens=False, drop_whitespace=True, replace_whitespace=False)


def table(argv, columns, runs):
    """The whole text, without what follows from it."""
    base = median_of_baseline(columns)
    return "\n".join([
        wrapped(f"program   {shlex.join(argv)}"),
        wrapped(f"machine   {machine.in_words(machine.facts())}"),
        wrapped(f"runs      {runs} of each in turn after one uncounted; medians; ratios to {BASELINE}"),
        "",
        header(),
        *(row(column, base) for column in columns)])


def noise(columns):
    """One line: how far the CPU times of one allocator lie apart, and whether that is too far."""
    spreads = {column.allocator.name: figures.spreads(column.samples).cpu_s for column in columns if column.samples}
    if not spreads:
        return None
    widest = max(spreads, key=spreads.get)
    if max(len(column.samples) for column in columns) == 1:
        return "noise     unknown after a single run"
    line = f"noise     CPU time varies by up to {percent(spreads[widest])} ({cut(widest, NAME_WIDTH)})"
    if spreads[widest] <= figures.WIDE_SPREAD:
        return line
    return painted(f"{line}: raise --runs", YELLOW)


def percent(share):
    """A share in whole percent."""
    return f"{share * 100:.0f} %"


def as_json(argv, columns, runs):
    """The comparison as a dictionary; seamalloc(1) documents it."""
    facts = machine.facts()
    return {
        "schema": SCHEMA,
        "version": launcher.version(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "program": argv,
        "kernel": facts.pop("kernel"),
        "machine": facts,
        "runs": runs,
        "baseline": BASELINE,
        "verdict": verdict.as_json(columns),
        "allocators": [one_as_json(column, median_of_baseline(columns)) for column in columns],
    }


def one_as_json(column, base):
    """One allocator of the dictionary."""
    median, spread = figures.medians(column.samples), figures.spreads(column.samples)
    return {
        "name": column.allocator.name,
        "library": column.allocator.library or None,
        "version": launcher.version_in(column.allocator.library),
        "status": column.status,
        "reason": column.reason,
        "samples": [sample._asdict() for sample in column.samples],
        "median": median and median._asdict(),
        "spread": spread and spread._asdict(),
        "ratio": median and base and ratios(median, base),
    }


def ratios(median, base):
    """Each field's ratio to the base line's."""
    return {field: figures.ratio(value, getattr(base, field))
            for field, value in median._asdict().items()}


def open_json(path):
    """The file for the JSON, opened before anything is measured; `-` is standard output."""
    try:
        return sys.stdout if path == "-" else open(path, "w", encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from error


def write_json(file, document):
    """Writes the dictionary."""
    json.dump(document, file, indent=2)
    file.write("\n")
    file.flush()
