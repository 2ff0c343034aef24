# SPDX-License-Identifier: MIT
"""table.py - a benchmark as text: a block for each metric, where we lose, what failed"""

import math

from suite import document as document_of
import machine
from allocators import BASELINE
from suite.document import METRICS, OURS, SUITE_TITLES
from report import BOLD, RED, painted

# Room for the longest name, with its unit; for a value, its ratio and the mark.
NAME_WIDTH, UNIT_WIDTH, CELL_WIDTH = 42, 9, 15
# Digits of a value: as many as tell something.
SIGNIFICANT = 3
BEST = "*"
# Workloads whose ratios have a greater standard error are named in a note.
UNCERTAIN = 0.05


def text(document):
    """The whole."""
    lines = head(document)
    for metric in METRICS:
        lines += block(document, metric)
    lines += loss_lines(document) + failure_lines(document)
    return "\n".join(lines)


def head(document):
    """What was measured, on what."""
    facts = document["machine"]
    names = [f"{each['name']} {each['version']}" for each in document["allocators"]]
    lines = [f"machine    {machine.in_words(facts)}",
             f"           load {facts['load'][0]:.2f} at the start, {facts['compiler'] or 'no compiler'}, "
             f"{facts['distribution'] or 'unknown distribution'}",
             f"allocators {', '.join(names)}; seamalloc {document['build']['version']}"
             f" ({document['build']['git'] or 'no git'})",
             f"runs       {rounds_in_words(document)}; medians; lower is better; "
             f"ratio to {BASELINE}; {BEST} is the best of those that took turns"]
    if document["absent"]:
        lines.append(f"           not installed: {', '.join(document['absent'])}")
    return lines


def rounds_in_words(document):
    """How often each competitor ran."""
    counts = [workload["rounds"] for workload in document_of.in_means(document, SUITE_TITLES)]
    if not counts:
        return "no rounds"
    once = ", textbook engines once" if any(each["textbook"] for each in document["allocators"]) else ""
    many = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else f"{counts[0]}"
    return f"{many} rounds in turn{once}"


def block(document, metric):
    """A metric's block; nothing where nobody has a figure."""
    rows = []
    for suite in SUITE_TITLES:
        rows += suite_rows(document, suite, metric)
    if not rows:
        return []
    names = document_of.names(document)
    title = f"{'':<{NAME_WIDTH}}" + "".join(f"{name:<{CELL_WIDTH}}" for name in names)
    return ["", painted(METRICS[metric], BOLD), title.rstrip(), *rows, *mean_rows(document, metric)]


def suite_rows(document, suite, metric):
    """A line for each workload of a suite that has a figure."""
    workloads = [workload for workload in document_of.in_means(document, (suite,))
                 if any(document_of.value(workload, name, metric) is not None
                        for name in document_of.names(document))]
    return [row(document, workload, metric) for workload in workloads]


def row(document, workload, metric):
    """One workload's line."""
    label, size = document_of.unit(metric, workload)
    best = document_of.best(document, workload, metric)
    cells = [cell(workload, name, metric, size, name == best) for name in document_of.names(document)]
    return f"{workload['name']:<{NAME_WIDTH - UNIT_WIDTH}}{label:<{UNIT_WIDTH}}{''.join(cells)}".rstrip()


def cell(workload, name, metric, size, is_best):
    """One value with its ratio."""
    value = document_of.value(workload, name, metric)
    if value is None:
        return f"{word_for_nothing(workload, name, metric):<{CELL_WIDTH}}"
    ratio = document_of.ratio(workload, name, metric)
    shown = significant(value / size) + (f" ({ratio:.2f})" if ratio is not None else "")
    padded = f"{shown + BEST if is_best else shown:<{CELL_WIDTH}}"
    return painted(padded, BOLD) if is_best else padded


def word_for_nothing(workload, name, metric):
    """FAIL where it ran and failed; a dash where it has no such figure."""
    result = workload["results"].get(name)
    if result is None:
        return "-"
    failed = (result["idle"] or {}).get("failure") if metric == "idle_rss_bytes" else None
    return "FAIL" if result["status"] != "ok" or failed else "-"


def significant(value):
    """A number with as many digits as tell something, and never an exponent."""
    if value == 0:
        return "0"
    if value >= 10 ** (SIGNIFICANT - 1):
        return f"{value:.0f}"
    return f"{value:#.{SIGNIFICANT}g}".rstrip(".")


def mean_rows(document, metric):
    """The geometric means of the ratios, by suite."""
    rows = []
    for title, suites in document_of.groups(document, metric):
        found = {name: document_of.mean(document, suites, name, metric)
                 for name in document_of.names(document)}
        rows.append(mean_row(document, title, found))
    return rows


def mean_row(document, title, found):
    """One line of means."""
    complete = [(mean, name) for name, (mean, count, all_of) in found.items()
                if mean and count == all_of and name in document_of.competitors(document)]
    best = min(complete)[1] if complete else None
    cells = [mean_cell(*found[name], name == best) for name in found]
    return f"{f'geometric mean, {title}':<{NAME_WIDTH}}{''.join(cells)}".rstrip()


def mean_cell(mean, count, all_of, is_best):
    """A mean; how many workloads it is of if that is not all."""
    shown = "-" if mean is None else f"{mean:.3f}"
    if mean is not None and count < all_of:
        shown += f" of {count}/{all_of}"
    padded = f"{shown + BEST if is_best else shown:<{CELL_WIDTH}}"
    return painted(padded, BOLD) if is_best else padded


def loss_lines(document):
    """Where another one is clearly better than ours."""
    if OURS not in document_of.competitors(document):
        return []
    more = f"{(document_of.LOSS - 1) * 100:.0f} %"
    lines = ["", painted(f"Where we lose: {OURS} needs more than the best of the others by over {more}", BOLD)]
    for metric in ("cost", "peak_rss_bytes"):
        found = document_of.losses(document, metric)
        lines += [loss_line(metric, *loss) for loss in found] or [f"{METRICS[metric]}: nowhere"]
    return lines


def loss_line(metric, factor, workload, peer):
    """One workload that is lost."""
    label, size = document_of.unit(metric, workload)
    ours, theirs = (significant(document_of.value(workload, name, metric) / size) for name in (OURS, peer))
    return f"{METRICS[metric]}: {workload['name']:<{NAME_WIDTH}} {factor:5.2f} x {peer} ({ours} : {theirs} {label})"


def failure_lines(document):
    """What did not work."""
    found = document_of.failures(document)
    return ["", painted("Failures", BOLD)] + ([
        f"{painted('FAIL' if status == 'failed' else 'NOT LOADED', RED)}: {workload} under {name}: {reason}"
        for workload, name, status, reason in found] or ["none"])


def noise_line(document):
    """Which workloads' ratios of time are uncertain, or None."""
    wide = []
    for workload in document_of.in_means(document, SUITE_TITLES):
        error = document_of.uncertainty(document, workload)
        if UNCERTAIN < error < math.inf:
            wide.append(f"{workload['name']} {error * 100:.0f} %")
    if not wide:
        return None
    return (f"CPU time: a ratio is uncertain by more than {UNCERTAIN * 100:.0f} % (standard error) "
            f"of {', '.join(wide)}")
