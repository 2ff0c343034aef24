# SPDX-License-Identifier: MIT
"""run.py - in which order the benchmark runs what, and how often

    trial      each real program once under glibc, uncounted: warms the file cache
               and gives the result that all must give
    round 1    each workload under each competitor, results compared
    textbook   each workload once under each textbook engine, several at a time
    idle       what can be left alone, many at a time: nothing is timed
    rounds     more of them, until the budget is used

A round visits every workload, and runs it under all competitors, in turns of some
milliseconds (gang.py); servers, and everything with --apart, one after another in
an order that is shuffled anew.  So a busy minute of the machine touches one round of every
workload rather than every round of one, and a busy moment all competitors.  When each has had its least number of
rounds, the time left goes to the workload whose ratios are least certain.
"""

import random
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import allocators
from suite import document
from suite import gang
from suite import watch
import compare
import figures
import machine
import rounds
from allocators import BASELINE
from suite.watch import GIB, Limits
from errors import Refusal
from progress import Bar

# Not competitors: the history of the heap, which shows in one run what there is to see.
TEXTBOOK = ("freelist", "watermark")

LEAST_ROUNDS, MOST_ROUNDS = 3, 40
# Curves are looked at, not computed with.
GROWTH_ROUNDS = 2
# Standard error of a ratio that nobody needs to lower.
CERTAIN = 0.007

# A run is ended where it takes longer than the greater of a floor and so many times
# the base line.
FLOOR_S, TIMES_BASELINE = 10, 20
TEXTBOOK_FLOOR_S, TEXTBOOK_TIMES = 3, 5
QUICK_TEXTBOOK_FLOOR_S = 1
# Where the base line has not told yet how long it takes.
FIRST_LIMIT_S = 120
MEMORY_LIMIT = 8 * GIB
# Sleeping processes of some 100 MiB each.
IDLE_AT_ONCE = 20

# The order of runs is the same in each session.
SEED = 1

Plan = namedtuple("Plan", "rounds budget_s idle_s quick apart")


class Cell(rounds.Column):
    """One workload under one allocator."""

    def __init__(self, allocator):
        super().__init__(allocator)
        self.idle = None


class Entry:
    """A workload with a Cell for each allocator."""

    def __init__(self, case, chosen, textbook):
        self.case = case
        self.cells = {allocator.name: Cell(allocator) for allocator in chosen}
        self.textbook = textbook
        self.rounds = 0
        self.round_s = 0.0
        self.baseline_s = None

    @property
    def competitors(self):
        """The cells that take turns and have not failed."""
        return [cell for name, cell in self.cells.items()
                if name not in self.textbook and cell.status == rounds.OK]

    @property
    def most_rounds(self):
        """How many rounds are worth while."""
        return GROWTH_ROUNDS if self.case.growth else MOST_ROUNDS

    @property
    def uncertainty(self):
        """The greatest standard error among the ratios; of one round: unknown."""
        base = figures.by_round(document.timed(self.cells[BASELINE].samples))
        errors = [figures.standard_error(figures.by_round(document.timed(cell.samples)), base)
                  for cell in self.competitors]
        return max((error for error in errors if error is not None), default=0.0)


def entries_for(cases, names, libdir):
    """(entries, names of peers that are not installed).

    `names` None means all; a textbook engine that the user names competes.
    """
    textbook = TEXTBOOK if names is None else ()
    entries, absent = [], []
    loads = {}
    for case in cases:
        chosen, absent = allocators.chosen(names, case.binary, libdir)
        if names is None and not case.growth:
            chosen = chosen + [allocators.named(name, case.binary, libdir) for name in TEXTBOOK]
        entry = Entry(case, chosen, textbook)
        for cell in entry.cells.values():
            refuse_unloadable(cell, case.binary, loads)
        entries.append(entry)
    return entries, absent


def refuse_unloadable(cell, binary, known):
    """Gives a cell up if the loader does not accept its library for the program."""
    key = binary, cell.allocator.library
    if key not in known:
        known[key] = compare.why_not_loaded(*key)
    if known[key]:
        cell.give_up(rounds.NOT_LOADED, known[key])


class Session:
    """One benchmark: entries, a plan, and a clock."""

    def __init__(self, entries, plan):
        self.entries = entries
        self.plan = plan
        self.start = time.monotonic()
        self.load_at_start = machine.details()["load"]
        self.chance = random.Random(SEED)
        self.memory = min(MEMORY_LIMIT, machine.available_bytes() // 2)
        self.bar = Bar()
        # Of a session with a fixed number of rounds: runs done, and runs in all.
        self.done = 0
        self.steps = self.count_steps()

    def count_steps(self):
        """About how many runs a fixed number of rounds takes."""
        fixed = self.plan.rounds or LEAST_ROUNDS
        return sum(entry.case.compares_results + min(fixed, entry.most_rounds) * len(entry.competitors)
                   for entry in self.entries)

    def elapsed_s(self):
        """Since the beginning."""
        return time.monotonic() - self.start

    def show(self, text):
        """What runs now, for whoever waits."""
        if self.plan.rounds:
            self.bar.show(text, self.done / max(self.steps, 1))
        else:
            self.bar.show(text, self.elapsed_s() / self.plan.budget_s)

    def run(self):
        """Everything."""
        try:
            self.trial()
            self.one_round(check=True)
            self.textbook()
            self.idle()
            self.more_rounds()
        finally:
            watch.stop_all()
            self.bar.clear()

    # --- rounds ------------------------------------------------------------------------

    def limits(self, entry, floor_s=FLOOR_S, times=TIMES_BASELINE):
        """What a run of an entry may take."""
        wall_s = max(floor_s, times * entry.baseline_s) if entry.baseline_s else FIRST_LIMIT_S
        return Limits(wall_s, self.memory)

    def trial(self):
        """The uncounted runs under the base line."""
        for entry in self.entries:
            if entry.case.compares_results:
                self.show(f"trial {entry.case.name}")
                self.done += 1
                begin = time.monotonic()
                self.run_once(entry, entry.cells[BASELINE], True)
                entry.baseline_s = time.monotonic() - begin

    def run_once(self, entry, cell, check):
        """A sample, or None if the cell had to be given up."""
        limits = self.limits(entry)
        return attempt(cell, lambda allocator: entry.case.run(allocator, limits, check))

    def run_together(self, entry, order, check):
        """A sample of each cell, or None; their programs take turns."""
        limits = self.limits(entry)
        limits = limits._replace(wall_s=limits.wall_s * len(order), rss_bytes=limits.rss_bytes // len(order))
        results = gang.together([
            lambda cell=cell: attempt(cell, lambda allocator: entry.case.run(allocator, limits, check))
            for cell in order])
        return [sample and in_turns(sample, active_s, entry.case.unit) for sample, active_s in results]

    def one_round(self, check=False):
        """One round of every workload."""
        for entry in self.entries:
            if entry.rounds < entry.most_rounds:
                self.visit(entry, check)

    def visit(self, entry, check=False):
        """One round of one workload."""
        begin = time.monotonic()
        order = entry.competitors
        entry.rounds += 1
        self.show(f"round {entry.rounds} {entry.case.name}")
        if entry.rounds > 1:
            self.chance.shuffle(order)
        if entry.case.can_share and not self.plan.apart:
            samples = self.run_together(entry, order, check)
        else:
            samples = [self.run_once(entry, cell, check) for cell in order]
        for cell, sample in zip(order, samples):
            self.note(entry, cell, sample)
        entry.round_s = time.monotonic() - begin

    def note(self, entry, cell, sample):
        """Keeps a sample, if there is one."""
        self.done += 1
        if sample:
            cell.samples.append({"round": entry.rounds, **sample})
            if cell.allocator.name == BASELINE:
                entry.baseline_s = max(entry.baseline_s or 0, sample.get("active_s", sample["process_s"]))

    def more_rounds(self):
        """The rounds after the first."""
        least = self.plan.rounds or LEAST_ROUNDS
        for _ in range(1, least):
            self.one_round()
        if not self.plan.rounds:
            self.use_up_budget()

    def use_up_budget(self):
        """Visits whichever workload is least certain, while there is time."""
        while True:
            left_s = self.plan.budget_s - self.elapsed_s()
            open_entries = [entry for entry in self.entries
                            if entry.rounds < entry.most_rounds and entry.round_s < left_s
                            and entry.uncertainty > CERTAIN]
            if not open_entries:
                return
            self.visit(max(open_entries, key=lambda entry: entry.uncertainty))

    # --- what is not timed against each other --------------------------------------------

    def textbook(self):
        """One run under each textbook engine, workloads side by side."""
        floor_s = QUICK_TEXTBOOK_FLOOR_S if self.plan.quick else TEXTBOOK_FLOOR_S
        workers = machine.facts()["cpus"]

        def runs(entry):
            limits = self.limits(entry, floor_s, TEXTBOOK_TIMES)
            limits = limits._replace(rss_bytes=self.memory // workers)
            for name in entry.textbook:
                self.try_textbook(entry, entry.cells.get(name), limits)
        self.side_by_side(workers, runs, self.entries)

    def try_textbook(self, entry, cell, limits):
        """One run under a textbook engine."""
        if cell is None or cell.status != rounds.OK:
            return
        self.show(f"{entry.case.name} {cell.allocator.name}")
        sample = attempt(cell, lambda allocator: entry.case.run(allocator, limits, True))
        if sample:
            cell.samples.append({"round": 1, **sample})

    def idle(self):
        """Memory that is kept by a process that has freed everything and waits."""
        if not self.plan.idle_s:
            return
        limits = Limits(FIRST_LIMIT_S + self.plan.idle_s, self.memory)

        def runs(lane):
            for case, cell in lane:
                self.show(f"idle {case.name} {cell.allocator.name}")
                cell.idle = tried(lambda cell=cell, case=case: case.idle(cell.allocator, limits, self.plan.idle_s))
        self.side_by_side(IDLE_AT_ONCE, runs, self.idle_lanes())

    def idle_lanes(self):
        """Lists of (case, cell): those of one list run one after another.  Servers of
        one kind share a socket; stress programs share nothing."""
        lanes = []
        for entry in self.entries:
            cells = [(entry.case, cell) for cell in entry.cells.values() if cell.status == rounds.OK]
            if not entry.case.can_idle or (self.plan.quick and not entry.case.idles_in_quick):
                continue
            lanes += [cells] if entry.case.suite == "programs" else [[pair] for pair in cells]
        return lanes

    def side_by_side(self, workers, function, arguments):
        """function(argument) for each, in so many threads."""
        with ThreadPoolExecutor(workers) as pool:
            try:
                list(pool.map(function, arguments))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                watch.stop_all()
                raise


def in_turns(sample, active_s, unit):
    """The sample of a run whose clock on the wall went on while it was stopped: its wall
    time follows from the time that its turns took."""
    wall = active_s if unit == "s" else sample["cost"] * active_s / max(sample["cpu_s"], 1e-6)
    return {**sample, "shared": True, "active_s": active_s, "wall": wall}


def attempt(cell, run):
    """What run(allocator) gives; None if it failed, and then the cell is given up."""
    try:
        return run(cell.allocator)
    except rounds.GivenUp as end:
        cell.give_up(end.status, end.reason)
    except Refusal as error:
        cell.give_up(rounds.FAILED, str(error))
    return None


def tried(run):
    """What run() gives, a dictionary; its failure is the dictionary's only member if it
    failed, which says nothing against the cell's other figures."""
    try:
        return run()
    except (rounds.GivenUp, Refusal) as error:
        return {"failure": str(error)}
