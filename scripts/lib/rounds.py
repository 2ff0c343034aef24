# SPDX-License-Identifier: MIT
"""rounds.py - runs each allocator in turn, A B C A B C, so that a machine that
gets slower or faster meanwhile favours none of them

One warm-up round comes first and is not counted.  An allocator that fails is
left out from then on; the others go on.
"""

from progress import Progress

OK, FAILED, NOT_LOADED = "ok", "failed", "not-loaded"


class Column:
    """One allocator and what was measured under it."""

    def __init__(self, allocator):
        self.allocator = allocator
        self.samples = []
        self.status = OK
        self.reason = None

    def give_up(self, status, reason):
        """No more runs for this allocator, and why."""
        self.status = status
        self.reason = reason
        self.samples.clear()


class GivenUp(Exception):
    """Raised by a run: the allocator's new status and the reason."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status
        self.reason = reason


def measure(columns, runs, run_once, label=""):
    """Fills `columns` with `runs` samples each.

    run_once(allocator, warm_up) returns a Sample or raises GivenUp.
    """
    progress = Progress((runs + 1) * len(columns))
    try:
        for number in range(runs + 1):
            title = f"round {number}/{runs}" if number else "warm-up"
            one_round(columns, number == 0, run_once, progress, f"{label}{title}")
    finally:
        progress.clear()


def one_round(columns, warm_up, run_once, progress, title):
    """One run of each allocator that has not failed."""
    for column in columns:
        if column.status == OK:
            progress.show(f"{title} {column.allocator.name} ...")
            one_run(column, warm_up, run_once)
        progress.step()


def one_run(column, warm_up, run_once):
    """Adds one sample to a column, or gives it up."""
    try:
        sample = run_once(column.allocator, warm_up)
    except GivenUp as end:
        column.give_up(end.status, end.reason)
        return
    if not warm_up:
        column.samples.append(sample)
