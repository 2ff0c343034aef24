# SPDX-License-Identifier: MIT
"""agreement.py - how well two or more runs of the benchmark agree in their ratios"""

import math

from suite import document as document_of
import figures
from allocators import BASELINE
from suite.document import METRICS, SUITE_TITLES
from report import BOLD, painted

# What two runs of the same build should agree within.
LIMIT = 0.05
NAME_WIDTH, CELL_WIDTH = 33, 12


def text(documents, metric="cost"):
    """A line for each workload, the worst first, and a summary."""
    rows = rows_of(documents, metric)
    names = shared_names(documents)
    beyond = [name for name, found in rows if max(found.values()) > LIMIT]
    title = f"{'':<{NAME_WIDTH}}" + "".join(f"{name:<{CELL_WIDTH}}" for name in names)
    lines = [painted(f"{METRICS[metric]}: by how much the ratios to {BASELINE} of {len(documents)} runs differ", BOLD),
             title.rstrip(), *(row(name, found, names) for name, found in rows),
             *mean_rows(documents, names, metric), "", *summary(rows, beyond)]
    return "\n".join(lines)


def rows_of(documents, metric):
    """[(workload, {allocator: disagreement})], the worst first."""
    tables = [{workload["name"]: workload for workload in document_of.in_means(document, SUITE_TITLES)}
              for document in documents]
    rows = []
    for name in tables[0]:
        if all(name in table for table in tables):
            found = disagreements([table[name] for table in tables], shared_names(documents), metric)
            if found:
                rows.append((name, found))
    return sorted(rows, key=lambda row: -max(row[1].values()))


def shared_names(documents):
    """The competitors that all runs have, but for the base line."""
    return [name for name in document_of.competitors(documents[0]) if name != BASELINE
            and all(name in document_of.competitors(document) for document in documents)]


def disagreements(workloads, names, metric):
    """{allocator: largest ratio by smallest, less 1} of one workload in several runs."""
    found = {}
    for name in names:
        ratios = [document_of.ratio(workload, name, metric) for workload in workloads]
        if all(ratios):
            found[name] = max(ratios) / min(ratios) - 1
    return found


def percent(value):
    """A disagreement in a column, marked if it is beyond the limit."""
    shown = "-" if value is None else f"{value * 100:.1f} %"
    return f"{shown + ' !' if value is not None and value > LIMIT else shown:<{CELL_WIDTH}}"


def row(name, found, names):
    """One workload."""
    return f"{name:<{NAME_WIDTH}}{''.join(percent(found.get(each)) for each in names)}".rstrip()


def mean_rows(documents, names, metric):
    """How far the geometric means are apart."""
    rows = []
    for title, suites in document_of.groups(documents[0], metric):
        found = {}
        for name in names:
            means = [document_of.mean(document, suites, name, metric)[0] for document in documents]
            if all(means):
                found[name] = max(means) / min(means) - 1
        rows.append(row(f"geometric mean, {title}", found, names))
    return rows


def summary(rows, beyond):
    """What it comes to."""
    if not rows:
        return ["The runs have no workload in common."]
    every = [value for _, found in rows for value in found.values()]
    lines = [f"{len(rows) - len(beyond)} of {len(rows)} workloads agree within {LIMIT * 100:.0f} % under every "
             f"allocator; of all {len(every)} ratios {sum(value <= LIMIT for value in every)} do; "
             f"typically they differ by {typical(every) * 100:.1f} %"]
    if beyond:
        lines.append(f"beyond {LIMIT * 100:.0f} %: {', '.join(beyond)}")
    return lines


def typical(values):
    """The median, of a list that is not empty."""
    return figures.median(values) if values else math.nan
