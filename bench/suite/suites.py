# SPDX-License-Identifier: MIT
"""suites.py - the workloads of the benchmark, found where they are

    micro      every benchmark that build/bench/micro lists
    stress     build/bench/stress/NAME for every bench/stress/NAME.c
    programs   every bench/programs/NAME.py

A case is one workload with its amount of work.  It runs as a process of its own
under one allocator, and gives a sample: a dictionary of

    cost             CPU time: ns an operation, or s of a program
    wall             likewise, by the clock on the wall
    cpu_s            CPU time of the whole process, with set-up
    peak_rss_bytes   by the process itself where it tells, else by the kernel
    minor_faults     of the whole process
    peak_live_bytes, base_rss_bytes, timeline    where the program tells them
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import namedtuple

from suite import watch as the_watch
import compare
import measure
import rounds
import workloads
from errors import Refusal
from paths import PREFIX

SUITES = ("micro", "stress", "programs")
KIB = 1024
NS_PER = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}

# How much one run does.  micro_s: seconds of a micro benchmark's loop; stress_scale:
# of a stress program's usual amount; programs: which amount of bench/programs.
Amount = namedtuple("Amount", "micro_s stress_scale programs")
# Short runs and many of them repeat better than few long ones: bench/README.md has the
# figures.  With less, a stress program does not reach its live set.
FULL = Amount(0.05, 0.3, workloads.FULL)
QUICK = Amount(0.04, 0.06, workloads.QUICK)
COUNTED_STRESS_SCALE = 0.01

# In the quick set, growth over threads is shown for these stress programs, at these.
QUICK_GROWTH = ("bleed", "handoff")
QUICK_THREADS = (1, 4, 16)
FULL_THREADS = (1, 2, 4, 8, 16)

TIMELINE_SAMPLES = 100

# What a program complained, at most so much of it, is shown as the reason of a failure.
REASON_LENGTH = 160


class Case:
    """One workload, ready to run."""

    suite = ""
    unit = "ns/op"
    # Of a growth curve only: not in the means.
    growth = False
    threads = None
    about = ""
    # Whether results are compared, with those of a first run under the base line.
    compares_results = False
    # Whether it may run several times at once, under different allocators.
    can_share = True
    # Whether idle() works, in the quick set too; whether under() does.
    can_idle = False
    idles_in_quick = False
    can_count = False

    def __init__(self, name, binary):
        self.name = f"{self.suite}/{name}"
        self.binary = binary

    def prepare(self):
        """Generates what it reads; called once, before anything else but its name and
        what it is about is asked."""

    def run(self, allocator, limits, check=False):
        """A sample; rounds.GivenUp if the run failed.  `check` asks for the comparison
        of results that costs something; checks within the program are always made."""
        with the_watch.watched(limits, allocator.library) as watch:
            sample = self.sample(allocator, check)
        if watch.absent:
            reason = f"{allocator.library} is not among the mappings of the process"
            raise rounds.GivenUp(rounds.NOT_LOADED, reason if allocator.library else "another allocator is in it")
        sample["mapped_in_process"] = watch.mapped
        return sample

    def sample(self, allocator, check):
        """What run() returns, without looking after the process."""
        raise NotImplementedError

    def under(self, allocator, tool):
        """A sample of a small run with one thread under a tool, a command line that the program's
        follows."""
        raise NotImplementedError


class ProgramOfOurs(Case):
    """A program of the benchmark that tells its figures as JSON."""

    def argv(self):
        """The command line."""
        raise NotImplementedError

    def figures(self, document):
        """The part of the sample that stands in the program's JSON; GivenUp if that
        tells of a failure."""
        raise NotImplementedError

    def sample(self, allocator, check):
        return self.run_with(allocator, self.argv())

    def run_with(self, allocator, argv):
        """One run of a command line."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            run = measure.Run(argv, allocator.library, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
            outcome = run.finish()
            document, complaints = parsed(contents(output)), contents(errors)
        refuse_unloaded(allocator, complaints)
        told = self.figures(document) if document else None
        if outcome.failure:
            raise rounds.GivenUp(rounds.FAILED, with_last_line(outcome.failure, complaints))
        if told is None:
            raise rounds.GivenUp(rounds.FAILED, "it ended well but told no figures")
        return {**of_process(outcome.sample), **told}


class Micro(ProgramOfOurs):
    """A micro benchmark."""

    suite = "micro"

    def __init__(self, name, binary, amount):
        # A fixed number of iterations is part of Google Benchmark's name, not of ours.
        super().__init__(re.sub(r"/iterations:\d+", "", name), binary)
        self.filter = f"^{re.escape(name)}$"
        self.seconds = amount.micro_s
        found = re.search(r"/threads:(\d+)", name)
        self.threads = int(found.group(1)) if found else 1

    def argv(self):
        return [self.binary, f"--benchmark_filter={self.filter}", "--benchmark_format=json",
                f"--benchmark_min_time={self.seconds}"]

    def figures(self, document):
        runs = document.get("benchmarks") or [{}]
        told = runs[0]
        if told.get("error_occurred"):
            raise rounds.GivenUp(rounds.FAILED, told.get("error_message", "its check failed"))
        if "cpu_time" not in told:
            return None
        # One operation of the allocator; where that is not told, one iteration.
        share = NS_PER[told["time_unit"]] * told["iterations"] / (told.get("operations") or told["iterations"])
        return {"cost": told["cpu_time"] * share, "wall": told["real_time"] * share, **numbers(told)}


class Stress(ProgramOfOurs):
    """A stress program, perhaps with a number of threads that is not its usual one."""

    suite = "stress"

    def __init__(self, name, binary, amount, threads=None):
        super().__init__(f"{name}/threads:{threads}" if threads else name, binary)
        self.scale = amount.stress_scale
        self.growth = threads is not None
        self.threads = threads or int(answer(binary, "--defaults") or 1)
        self.about = answer(binary, "--describe")
        self.can_idle = not self.growth
        self.can_count = not self.growth
        self.idles_in_quick = name in QUICK_GROWTH

    def argv(self, scale=None, idle_s=None, threads=None):
        """The command line; with seconds to be idle after it has freed everything."""
        idle = [] if idle_s is None else ["--idle", str(idle_s)]
        return [self.binary, "--threads", str(threads or self.threads), "--scale", str(scale or self.scale), "--json", *idle]

    def figures(self, document):
        if document.get("check", "ok") != "ok":
            raise rounds.GivenUp(rounds.FAILED, document["check"])
        operations = document["operations"] or 1
        return {"cost": document["cpu_s"] * 1e9 / operations, "wall": document["wall_s"] * 1e9 / operations,
                "timeline": thinned(document.get("timeline") or []), **numbers(document)}

    def idle(self, allocator, limits, seconds):
        """Resident bytes of a run that is left alone for so long at its end."""
        with the_watch.watched(limits, allocator.library):
            sample = self.run_with(allocator, self.argv(idle_s=seconds))
        return {name: sample[name] for name in ("peak_rss_bytes", "idle_rss_bytes")}

    def under(self, allocator, tool):
        return self.run_with(allocator, [*tool, *self.argv(scale=COUNTED_STRESS_SCALE, threads=1)])


class Program(Case):
    """A real program."""

    suite = "programs"
    unit = "s"
    compares_results = True

    def __init__(self, kind, folder, size):
        super().__init__(kind.name, None)
        self.kind, self.folder, self.size = kind, folder, size
        self.workload = None
        self.others = {}
        self.about = kind.about()
        self.can_idle = issubclass(kind, workloads.Server)
        self.can_count = self.can_share = issubclass(kind, workloads.Command)

    def prepare(self):
        self.workload = self.kind(self.folder, self.size)
        self.binary = self.workload.binary

    def sample(self, allocator, check):
        workload = self.of(allocator) if self.can_share else self.workload
        sample = workload.run(allocator, check)
        self.workload.expected = workload.expected
        return {**of_process(sample), "cost": sample.cpu_s, "wall": sample.wall_s}

    def of(self, allocator):
        """The workload as it is run under an allocator, which writes into a folder of its
        own; the first run's result is what the others must give."""
        if allocator.name not in self.others:
            folder = tempfile.mkdtemp(prefix=f"{self.workload.name}-", dir=self.folder)
            link_files(self.folder, folder, self.workload.name)
            self.others[allocator.name] = self.kind(folder, self.size)
        workload = self.others[allocator.name]
        workload.expected = self.workload.expected
        return workload

    def idle(self, allocator, limits, seconds):
        """As for a stress program, of a server that is emptied and left alone."""
        with the_watch.watched(limits, allocator.library):
            resident = self.workload.idle_rss(allocator, seconds)
        return {"peak_rss_bytes": resident.peak_kib * KIB, "idle_rss_bytes": resident.idle_kib * KIB}

    def under(self, allocator, tool):
        workload = self.of(allocator)
        target = workload.target._replace(argv=[*tool, *workload.target.argv])
        workload.clear()
        sample = compare.Runner(target, workload.runner.environment).run(allocator, False)
        return of_process(sample)


def link_files(source, target, name):
    """Makes the input of a workload, which is in one folder, appear in another."""
    for entry in os.scandir(source):
        if entry.is_file() and entry.name.startswith(f"{name}-"):
            os.symlink(entry.path, os.path.join(target, entry.name))


# --- what a run wrote -----------------------------------------------------------------

def contents(file):
    """The text of a temporary file."""
    file.seek(0)
    return file.read().decode(errors="replace")


def parsed(text):
    """The JSON object that a program wrote, or None."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def numbers(told):
    """The figures on memory among what a program tells of itself."""
    names = ("peak_rss_bytes", "base_rss_bytes", "peak_live_bytes", "idle_rss_bytes", "operations")
    return {name: int(told[name]) for name in names if told.get(name) is not None}


def thinned(timeline):
    """A timeline with so many samples that a plot needs no more; the last is kept."""
    step = len(timeline) // TIMELINE_SAMPLES + 1
    return timeline[::-step][::-1]


def of_process(sample):
    """What the kernel tells of a process."""
    return {"cpu_s": sample.cpu_s, "user_s": sample.user_s, "process_s": sample.wall_s,
            "peak_rss_bytes": sample.peak_rss_kib * KIB, "minor_faults": sample.minor_faults}


def refuse_unloaded(allocator, complaints):
    """GivenUp if the loader said that it did not load the allocator."""
    for path, why in compare.PRELOAD_REFUSED.findall(complaints):
        if path == allocator.library:
            raise rounds.GivenUp(rounds.NOT_LOADED, f"the loader refused it: {why}")


def with_last_line(failure, complaints):
    """How a program ended, with the last thing that it said."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    return f"{failure}: {lines[-1][:REASON_LENGTH]}" if lines else failure


def answer(binary, question):
    """What a program answers to an option, in one line."""
    try:
        return subprocess.run([binary, question], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refusal(f"{binary} {question} does not work: {error}") from error


# --- finding them ---------------------------------------------------------------------

def bench_folder(libdir):
    """Where the programs of the benchmark are."""
    return os.path.join(libdir or os.path.join(PREFIX, "build"), "bench")


def built(path):
    """`path`, if it is a program; Refusal if it was not built."""
    if not os.access(path, os.X_OK):
        raise Refusal(f"{path} is not built: run make bench-programs")
    return path


def micro_cases(folder, amount, quick):
    """The micro benchmarks."""
    binary = built(os.path.join(folder, "micro"))
    option = "--quick-list" if quick else "--benchmark_list_tests"
    return [Micro(name, binary, amount) for name in answer(binary, option).split()]


def stress_binaries(folder):
    """{name: path} of the stress programs."""
    sources = glob.glob(os.path.join(PREFIX, "bench", "stress", "*.c"))
    names = sorted(os.path.splitext(os.path.basename(source))[0] for source in sources)
    return {name: built(os.path.join(folder, "stress", name)) for name in names}


def stress_cases(folder, amount, quick, threads):
    """The stress programs; then, of those with threads, each with other numbers of them."""
    binaries = stress_binaries(folder)
    cases = [Stress(name, binary, amount) for name, binary in binaries.items()
             if not quick or answer(binary, "--is-quick").strip() == "yes"]
    counts = threads or (QUICK_THREADS if quick else FULL_THREADS)
    small = amount._replace(stress_scale=min(amount.stress_scale, QUICK.stress_scale))
    curves = [case for case in list(cases) if case.threads > 1
              and (not quick or threads or os.path.basename(case.name) in QUICK_GROWTH)]
    return cases + [Stress(os.path.basename(case.name), case.binary, small, count)
                    for case in curves for count in counts if count != case.threads]


def program_cases(folder, amount, quick):
    """The real programs that can run here; says which cannot."""
    cases = []
    for kind in workloads.kinds():
        if quick and not kind.quick:
            continue
        reason = kind.why_not()
        if reason:
            print(f"{kind.name} is left out: {reason}", file=sys.stderr)
        else:
            cases.append(Program(kind, folder, amount.programs))
    return cases


def all_cases(suites, libdir, work_folder, quick, threads):
    """Every case of the suites named."""
    folder, amount = bench_folder(libdir), QUICK if quick else FULL
    cases = []
    if "micro" in suites:
        cases += micro_cases(folder, amount, quick)
    if "stress" in suites:
        cases += stress_cases(folder, amount, quick, threads)
    if "programs" in suites:
        cases += program_cases(work_folder, amount, quick)
    return cases
