# SPDX-License-Identifier: MIT
"""bench.py - the benchmark: measures, or reads what was measured, and shows it

    bench_options.py     the command line
    bench_suites.py      what there is to run           bench_watch.py   its limits
    bench_run.py         in which order, how often  bench_gang.py    ... in turns of ms
    bench_document.py    the result as a dictionary     bench_agreement.py   two of them
    bench_table.py       ... as text
    bench_page.py        ... as a page                  bench_plots.py   its plots
"""

import json
import os
import sys
import tempfile

import bench_agreement
import bench_document
import bench_options
import bench_run
import bench_suites
import bench_table
import measure
from bench_options import HELP
from errors import Refusal


def main(arguments):
    """Exit status of a benchmark."""
    options = bench_options.parse(arguments)
    if options.help:
        print(HELP, end="")
        return 0
    if options.report:
        return show_again(options)
    with tempfile.TemporaryDirectory(prefix="seamalloc-") as folder:
        cases = bench_suites.all_cases(options.suites, options.libdir, folder, options.quick, options.threads)
        cases = bench_options.selected(cases, options.only)
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
    entries, absent = bench_run.entries_for(cases, options.allocators, options.libdir)
    plan = bench_run.Plan(options.rounds, options.budget_s, options.idle_s, options.instructions, options.quick,
                          options.apart)
    session = bench_run.Session(entries, plan)
    session.run()
    document = bench_document.made(session, arguments, absent)
    if options.json:
        write(options.json, lambda file: json.dump(document, file))
    show(document, options)
    return status(document)


def status(document):
    """1 if a competitor failed somewhere."""
    competitors = bench_document.competitors(document)
    return 1 if any(name in competitors for _, name, _, _ in bench_document.failures(document)) else 0


def show(document, options):
    """The table, and the page if one was asked for."""
    print(bench_table.text(document))
    noise = bench_table.noise_line(document)
    if noise:
        print(f"\n{noise}")
    sys.stdout.flush()
    if options.html:
        import bench_page
        write(options.html, lambda file: file.write(bench_page.page(document)))
        print(f"page: {options.html}")


def show_again(options):
    """Shows reports that were written before."""
    documents = [bench_document.read(path) for path in options.files]
    if len(documents) == 1:
        show(documents[0], options)
        return 0
    if options.html:
        raise Refusal("--html shows one report, not several", 2)
    print(bench_agreement.text(documents))
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
