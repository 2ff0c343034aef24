# SPDX-License-Identifier: MIT
"""main.py - the benchmark: measures, or reads what was measured, and shows it

    options.py     the command line
    suites.py      what there is to run           watch.py       its limits
    run.py         in which order, how often      gang.py        ... in turns of ms
    counted.py     counting instead of timing
    document.py    the result as a dictionary     agreement.py   two of them
    table.py       ... as text
    page.py        ... as a page                  plots.py       its plots
"""

import json
import os
import sys
import tempfile

from suite import agreement
from suite import counted as the_counts
from suite import document as the_document
from suite import options as the_options
from suite import run
from suite import suites
from suite import table
import measure
import rounds
from suite.options import HELP
from errors import Refusal


def main(arguments):
    """Exit status of a benchmark."""
    options = the_options.parse(arguments)
    if options.help:
        print(HELP, end="")
        return 0
    if options.report:
        return show_again(options)
    with tempfile.TemporaryDirectory(prefix="seamalloc-") as folder:
        cases = suites.all_cases(options.suites, options.libdir, folder, options.quick, options.threads)
        cases = the_options.selected(cases, options.only)
        if options.list:
            list_cases(cases)
            return 0
        return measured(options, cases, arguments)


def list_cases(cases):
    """The names of the workloads, and what they are."""
    width = max((len(case.name) for case in cases), default=0)
    for case in cases:
        print(f"{case.name:<{width}}  {case.about}".rstrip())


def measured(options, cases, arguments):
    """Measures and shows; the exit status."""
    for path in (options.json, options.html):
        refuse_unwritable(path)
    measure.prepare(options.libdir)
    for case in cases:
        case.prepare()
    entries, absent = run.entries_for(cases, options.allocators, options.libdir)
    if options.counted:
        return counted(options, entries)
    plan = run.Plan(options.rounds, options.budget_s, options.idle_s, options.quick, options.apart)
    session = run.Session(entries, plan)
    session.run()
    document = the_document.made(session, arguments, absent)
    if options.json:
        write(options.json, lambda file: json.dump(document, file))
    show(document, options)
    return status(document)


def counted(options, entries):
    """Counts and shows; the exit status."""
    found = the_counts.counts_of(entries)
    if options.json:
        write(options.json, lambda file: json.dump({"counted": found}, file))
    print(the_counts.text(found))
    failed = [(entry.case.name, cell) for entry in entries for cell in entry.cells.values()
              if cell.status != rounds.OK]
    for name, cell in failed:
        print(f"{name} under {cell.allocator.name}: {cell.reason}")
    return 1 if failed else 0


def status(document):
    """1 if a competitor failed somewhere."""
    competitors = the_document.competitors(document)
    return 1 if any(name in competitors for _, name, _, _ in the_document.failures(document)) else 0


def show(document, options):
    """The table, and the page if one was asked for."""
    print(table.text(document))
    noise = table.noise_line(document)
    if noise:
        print(f"\n{noise}")
    sys.stdout.flush()
    if options.html:
        from suite import page
        write(options.html, lambda file: file.write(page.page(document)))
        print(f"page: {options.html}")


def show_again(options):
    """Shows reports that were written before."""
    documents = [the_document.read(path) for path in options.files]
    if len(documents) == 1:
        show(documents[0], options)
        return 0
    if options.html:
        raise Refusal("--html shows one report, not several", 2)
    print(agreement.text(documents))
    return 0


def refuse_unwritable(path):
    """Refusal before anything is measured, if a file cannot be written."""
    if path:
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
            raise Refusal(f"{path}: cannot be written")


def write(path, fill):
    """Fills a file; what was there before stays until that has worked."""
    beside = f"{path}.new"
    try:
        with open(beside, "w", encoding="utf-8") as file:
            fill(file)
        os.replace(beside, path)
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from error
