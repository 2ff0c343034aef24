# SPDX-License-Identifier: MIT
"""report.py - a comparison as a table for people and as JSON for programs"""

import json
import os
import shlex
import sys
import time

import figures
import machine
from allocators import BASELINE
from errors import Refusal
from rounds import OK

# Changes when a reader of the JSON would have to change.
SCHEMA = "seamalloc-compare-1"
KIB_PER_MIB = 1024
BOLD, RED, YELLOW, PLAIN = "\033[1m", "\033[31m", "\033[33m", "\033[0m"
# The table's columns: title, field of a Sample, format of a value, divisor.
SHOWN = (("wall s", "wall_s", ".3f", 1), ("CPU s", "cpu_s", ".3f", 1),
         ("peak RSS MiB", "peak_rss_kib", ".1f", KIB_PER_MIB),
         ("minor faults", "minor_faults", ".0f", 1))


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


def header(width):
    """The titles of the table's columns."""
    titles = "".join(f"{title:>14} {'ratio':>6}" for title, *_ in SHOWN)
    return painted(f"{'allocator':<{width}}{titles} {'spread':>7}", BOLD)


def row(column, base, width):
    """One allocator's line."""
    name = f"{column.allocator.name:<{width}}"
    if column.status != OK:
        word = "FAIL" if column.status == "failed" else "NOT LOADED"
        return f"{name}  {painted(word, RED)}  {column.reason}"
    values = figures.medians(column.samples)
    cells = "".join(cell(getattr(values, field), base and getattr(base, field), form, unit)
                    for _, field, form, unit in SHOWN)
    return f"{name}{cells} {figures.spreads(column.samples).cpu_s * 100:>5.0f} %"


def cell(value, base, form, unit):
    """One median and its ratio to the base line."""
    return f"{value / unit:>14{form}} {shown_ratio(value, base):>6}"


def table(argv, columns, runs):
    """The whole text."""
    base = median_of_baseline(columns)
    width = max(len("allocator"), *(len(column.allocator.name) for column in columns))
    return "\n".join([
        f"program  {shlex.join(argv)}",
        f"machine  {machine.in_words(machine.facts())}",
        f"runs     {runs} of each in turn after one uncounted; medians; ratios to {BASELINE}; "
        "spread of CPU time",
        "",
        header(width),
        *(row(column, base, width) for column in columns)])


def warnings(columns):
    """A line for each allocator whose CPU times lie far apart."""
    return [f"warning: {column.allocator.name}: CPU time varies by {wide * 100:.1f} % between runs "
            f"(above {figures.WIDE_SPREAD * 100:.0f} %): quiet the machine, or raise --runs"
            for column in columns if column.samples
            for wide in [figures.spreads(column.samples).cpu_s] if wide > figures.WIDE_SPREAD]


def as_json(argv, columns, runs):
    """The comparison as a dictionary; seamalloc(1) documents it."""
    facts = machine.facts()
    return {
        "schema": SCHEMA,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "program": argv,
        "kernel": facts.pop("kernel"),
        "machine": facts,
        "runs": runs,
        "baseline": BASELINE,
        "allocators": [one_as_json(column, median_of_baseline(columns)) for column in columns],
    }


def one_as_json(column, base):
    """One allocator of the dictionary."""
    median, spread = figures.medians(column.samples), figures.spreads(column.samples)
    return {
        "name": column.allocator.name,
        "library": column.allocator.library or None,
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
