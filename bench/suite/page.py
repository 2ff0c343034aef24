# SPDX-License-Identifier: MIT
"""page.py - a benchmark as one page of HTML that loads nothing from elsewhere

Its style and its few lines of script stand in page.css and page.js, and are
put into the page.
"""

import html
import os

from suite import document as document_of
from suite import plots as the_plots
from suite import table as the_table
import machine
from allocators import BASELINE
from suite.document import METRICS, OURS, SUITE_TITLES

# Shown open; the tables of other metrics can be unfolded.
OPEN_METRICS = ("cost", "peak_rss_bytes")
SUMMARY_METRICS = ("cost", "wall", "peak_rss_bytes", "fragmentation", "idle_rss_bytes", "minor_faults")
# The colour of a cell says how far its ratio is from 1: full at these.
FULL_GREEN, FULL_RED = 0.5, 2.0


def page(document):
    """The whole page."""
    sections = [summary(document), scatters(document), losses(document), failures(document),
                *(metric_table(document, metric) for metric in METRICS),
                growth(document, "threads", "Growth over threads"),
                growth(document, "size", "Growth over the live set"),
                over_time(document), idle(document), method(document)]
    title = f"Benchmark of {document['date'][:10]}"
    return "\n".join([
        "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">",
        f"<title>seamalloc: {title}</title>", f"<style>\n{part('page.css')}{colours(document)}</style>",
        "</head><body>", f"<header><h1>seamalloc <small>{title}</small></h1>{facts_line(document)}",
        legend(document), "</header><main>", *filter(None, sections), "</main>",
        f"<script>\n{part('page.js')}</script>", "</body></html>", ""])


def part(name):
    """A file that stands beside this one."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as file:
        return file.read()


def escaped(value):
    """Text as HTML."""
    return html.escape(str(value))


def colours(document):
    """A variable for the colour of each allocator."""
    return "".join(f'[data-allocator="{escaped(name)}"] {{ --own: {colour}; }}\n'
                   for name, (colour, _) in the_plots.styles(document).items())


def facts_line(document):
    """The machine, below the title."""
    return f"<p class=\"facts\">{escaped(machine.in_words(document['machine']))}</p>"


def legend(document):
    """A switch for each allocator, which is also the legend of all plots."""
    switches = [f'<label data-allocator="{escaped(name)}"><input type="checkbox" checked>'
                f'<svg viewBox="0 0 12 12" aria-hidden="true">{swatch(name)}</svg>{escaped(name)}</label>'
                for name in document_of.names(document)]
    return f'<nav class="legend">{"".join(switches)}</nav>'


def swatch(name):
    """A small picture of an allocator's mark."""
    form = the_plots.STYLES.get(name, ("", "o"))[1]
    shapes = {
        "o": '<circle cx="6" cy="6" r="4.5"/>', "s": '<path d="M2 2h8v8h-8z"/>',
        "^": '<path d="M6 1l5 9h-10z"/>', "v": '<path d="M6 11l5-9h-10z"/>', "D": '<path d="M6 1l5 5-5 5-5-5z"/>',
        "P": '<path d="M4 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z"/>',
        "*": '<path d="M6 .5l1.5 3.8 4 .2-3.1 2.6 1 4-3.4-2.2-3.4 2.2 1-4-3.1-2.6 4-.2z"/>',
    }
    return shapes.get(form, shapes["o"])


def section(title, body, note=""):
    """A part of the page; nothing where it has no body."""
    if not body:
        return ""
    paragraph = f"<p>{note}</p>" if note else ""
    return f"<section><h2>{title}</h2>{paragraph}{body}</section>"


def table(head, rows, kind=""):
    """A table; `head` and each row are lists of complete cells."""
    lines = [f"<tr>{''.join(row)}</tr>" for row in rows]
    return (f'<div class="scroll"><table class="{kind}"><thead><tr>{"".join(head)}</tr></thead>'
            f"<tbody>{''.join(lines)}</tbody></table></div>")


def allocator_heads(document):
    """The heads of the allocators' columns."""
    return [f'<th data-allocator="{escaped(name)}">{escaped(name)}</th>' for name in document_of.names(document)]


# --- summary ------------------------------------------------------------------------------

def summary(document):
    """Geometric means of everything."""
    rows = []
    for metric in SUMMARY_METRICS:
        for title, suites in document_of.groups(document, metric):
            found = {name: document_of.mean(document, suites, name, metric)
                     for name in document_of.names(document)}
            rows.append(summary_row(document, metric, title, found))
    head = ["<th>metric</th>", "<th>workloads</th>", *allocator_heads(document)]
    return section("Summary", table(head, rows, "summary"),
                   f"Geometric means of the ratios to {BASELINE}; lower is better, bold is the best of those that "
                   "took turns. A fraction tells of how many of the workloads the mean is, where some failed.")


def summary_row(document, metric, title, found):
    """One line of means."""
    competing = [mean for name, (mean, count, every) in found.items()
                 if mean and count == every and name in document_of.competitors(document)]
    best = min(competing, default=None)
    cells = []
    for name, (mean, count, every) in found.items():
        shown = "-" if mean is None else f"{mean:.3f}"
        fraction = f"<small> {count}/{every}</small>" if mean and count < every else ""
        mark = ' class="best"' if mean and mean == best and name in document_of.competitors(document) else ""
        cells.append(f'<td data-allocator="{escaped(name)}"{mark}{tint(mean)}>{shown}{fraction}</td>')
    short = METRICS[metric].partition(":")[0]
    return [f"<th>{escaped(short)}</th>", f"<th>{escaped(title)}</th>", *cells]


def tint(ratio):
    """The attribute that colours a cell: green below 1, red above."""
    if ratio is None or 0.97 < ratio < 1.03:
        return ""
    strength = min(abs(1 - ratio) / abs(1 - (FULL_GREEN if ratio < 1 else FULL_RED)), 1)
    return f' style="--tint: var(--{"good" if ratio < 1 else "bad"}); --strength: {strength * 45:.0f}%"'


# --- tables ---------------------------------------------------------------------------------

def metric_table(document, metric):
    """Every workload's figures of one metric."""
    names = document_of.names(document)
    rows = [table_row(document, workload, metric) for workload in document_of.in_means(document, SUITE_TITLES)
            if any(document_of.value(workload, name, metric) is not None for name in names)]
    if not rows:
        return ""
    title = METRICS[metric]
    head = ["<th>workload</th>", "<th>unit</th>", *allocator_heads(document)]
    opened = " open" if metric in OPEN_METRICS else ""
    return (f"<section><details{opened}><summary><h2>{escaped(title[0].upper() + title[1:])}</h2></summary>"
            f"<p>Ratios to {BASELINE}, and small the medians; bold is the best of those that took turns. "
            "A click on a head sorts by ratio.</p>"
            f"{table(head, rows, 'sortable')}</details></section>")


def table_row(document, workload, metric):
    """One workload's line."""
    label, size = document_of.unit(metric, workload)
    best = document_of.best(document, workload, metric)
    cells = [table_cell(workload, name, metric, size, name == best) for name in document_of.names(document)]
    about = f' title="{escaped(workload["about"])}"' if workload["about"] else ""
    return [f"<th{about}>{escaped(workload['name'])}</th>", f"<td>{escaped(label)}</td>", *cells]


def table_cell(workload, name, metric, size, is_best):
    """One figure, and its ratio below it."""
    value, ratio = document_of.value(workload, name, metric), document_of.ratio(workload, name, metric)
    where = f'<td data-allocator="{escaped(name)}"'
    if value is None:
        word = the_table.word_for_nothing(workload, name, metric)
        reason = (workload["results"].get(name) or {}).get("reason") or ""
        mark = f' class="fail" title="{escaped(reason)}"' if word == "FAIL" else ""
        return f"{where}{mark}>{word}</td>"
    spread = document_of.spread(workload, name, metric) if metric != "idle_rss_bytes" else None
    title = f' title="spread {spread * 100:.0f} %"' if spread is not None else ""
    shown = f"{ratio:.2f} <small>{the_table.significant(value / size)}</small>" if ratio is not None else (
        f"<small>{the_table.significant(value / size)}</small>")
    order = f' data-order="{ratio:.6f}"' if ratio is not None else ""
    return f'{where}{" class=best" if is_best else ""}{title}{order}{tint(ratio)}>{shown}</td>'


# --- what is said in words ------------------------------------------------------------------

def losses(document):
    """Where another one is clearly better than ours."""
    if OURS not in document_of.competitors(document):
        return ""
    parts = []
    for metric in OPEN_METRICS:
        found = document_of.losses(document, metric)
        rows = [loss_row(metric, *loss) for loss in found]
        head = ["<th>workload</th>", "<th>times</th>", "<th>best</th>", f"<th>{OURS}</th>", "<th>best has</th>"]
        parts.append(f"<div><h3>{escaped(METRICS[metric])}: {len(found)} of "
                     f"{len(document_of.in_means(document, SUITE_TITLES))} workloads</h3>"
                     + (table(head, rows) if rows else "<p>Nowhere.</p>") + "</div>")
    more = f"{(document_of.LOSS - 1) * 100:.0f} %"
    return section("Where we lose", f'<div class="pair">{"".join(parts)}</div>',
                   f"Every workload on which {OURS} needs over {more} more than the best of the others.")


def loss_row(metric, factor, workload, peer):
    """One workload that is lost."""
    label, size = document_of.unit(metric, workload)
    ours, theirs = (f"<td>{the_table.significant(document_of.value(workload, name, metric) / size)} {label}</td>"
                    for name in (OURS, peer))
    return [f"<th>{escaped(workload['name'])}</th>", f'<td data-order="{factor:.4f}">{factor:.2f}</td>',
            f"<td>{escaped(peer)}</td>", ours, theirs]


def failures(document):
    """What did not work, and why."""
    rows = [[f"<th>{escaped(workload)}</th>", f"<td>{escaped(name)}</td>",
             f"<td>{'FAIL' if status == 'failed' else 'NOT LOADED'}</td>", f'<td class="words">{escaped(reason)}</td>']
            for workload, name, status, reason in document_of.failures(document)]
    head = ["<th>workload</th>", "<th>allocator</th>", "<th></th>", "<th>reason</th>"]
    return section("Failures", table(head, rows) if rows else "<p>None.</p>")


def method(document):
    """How it was measured, and on what."""
    facts = document["machine"]
    rows = {
        "machine": machine.in_words(facts),
        "load at the start": ", ".join(f"{load:.2f}" for load in facts["load"]),
        "clock governor": facts["governor"] or "unknown",
        "distribution, C library": f"{facts['distribution'] or 'unknown'}, {facts['libc']}",
        "compiler": facts["compiler"] or "none", "overcommit": facts["overcommit"],
        "seamalloc": f"{document['build']['version']}, {document['build']['git'] or 'not from git'}",
        "command": " ".join(["scripts/bench", *document["arguments"]]),
        "date, duration": f"{document['date']}, {document['seconds'] / 60:.1f} minutes",
        "rounds": the_table.rounds_in_words(document),
        "not installed": ", ".join(document["absent"]) or "-",
    }
    facts_table = table([], [[f"<th>{escaped(name)}</th>", f'<td class="words">{escaped(value)}</td>']
                             for name, value in rows.items()])
    note = the_table.noise_line(document)
    return section("Method and machine", "".join([
        f"<p>{METHOD}</p>", f"<p>{escaped(note)}.</p>" if note else "", facts_table, libraries(document)]))


METHOD = (
    "Every figure is of a process of its own. The allocator comes in by LD_PRELOAD; nothing is linked to one. In each "
    "round the competitors' processes take turns of 10 ms, but for servers and with --apart; figures are medians of "
    "the rounds, and ratios of times are computed round by round. CPU time of micro benchmarks and "
    "stress programs is that of one operation, a malloc or a free. freelist and watermark are "
    "textbook engines for comparison, not competitors: they ran once, beside others. bench/README.md tells the rest.")


def libraries(document):
    """The versions, and the proof that each library was in a process."""
    proofs = document_of.proofs(document)
    rows = []
    for each in document["allocators"]:
        workload, process = proofs.get(each["name"], (None, None))
        seen = f"process {process}, {workload}" if workload else "in no process for long enough to be seen"
        rows.append([f"<th>{escaped(each['name'])}</th>", f"<td>{escaped(each['version'])}</td>",
                     f'<td class="words">{escaped(each["library"] or "nothing is preloaded")}</td>',
                     f'<td class="words">{escaped(seen)}</td>'])
    return table(["<th>allocator</th>", "<th>version</th>", "<th>library</th>",
                  "<th>seen in /proc/PID/maps of</th>"], rows)


# --- plots ------------------------------------------------------------------------------------

def figures(plots, kind=""):
    """Plots side by side, as many as fit."""
    return f'<div class="plots {kind}">{"".join(f"<figure>{plot}</figure>" for plot in plots)}</div>' if plots else ""


def scatters(document):
    """Time against memory, by suite."""
    present = [suite for suite in SUITE_TITLES if document_of.in_means(document, (suite,))]
    return section("Time against memory",
                   figures([the_plots.time_against_memory(document, suite) for suite in present]),
                   "One small mark for each workload, a large one for the geometric mean; what lies beyond the axes "
                   "is drawn at their end. Nearer to the lower left is better. Marks say what they are when "
                   "the pointer rests on them; the switches above show and hide allocators.")


def growth(document, kind, title):
    """Curves over threads or over sizes."""
    families = document_of.series(document, kind)
    return section(title, figures([the_plots.growth(document, family, points, kind)
                                   for family, points in families.items()], "wide"))


def over_time(document):
    """Memory of the stress programs while they run."""
    shown = [workload for workload in document_of.in_means(document, SUITE_TITLES)
             if the_plots.has_timeline(workload)]
    return section("Memory over time", figures([the_plots.over_time(document, workload) for workload in shown]),
                   "Resident memory; the shaded ground is what is alive. The axis ends above the highest of those "
                   "that took turns.")


def idle(document):
    """What is kept when everything is freed."""
    shown = [workload for workload in document_of.in_means(document, SUITE_TITLES)
             if any("idle_rss_bytes" in (result["idle"] or {}) for result in workload["results"].values())]
    return section("Memory kept when idle",
                   figures([the_plots.kept_when_idle(document, workload) for workload in shown]),
                   f"Everything was freed, then the process slept for {document['idle_s']:g} s.")
