# SPDX-License-Identifier: MIT
"""compare.py - `seamalloc compare`: one program under each allocator in turn"""

import getopt
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import deque, namedtuple

import allocators
import commands
import launcher
import measure
import paths
import report
import rounds
import verdict
from errors import NOT_EXECUTABLE, Refusal, Usage
from rounds import FAILED, NOT_LOADED

HELP = """\
usage: seamalloc compare [OPTION ...] [--] PROGRAM [ARG ...]

Runs PROGRAM under glibc, each installed peer (jemalloc, mimalloc, tcmalloc) and
seamalloc in turn, shows medians of wall time, CPU time, peak memory and page
faults beside glibc's, and says in one sentence what that means.

  --runs=N             counted runs of each allocator (default 5)
  --allocators=A,B,... instead of all installed: glibc, jemalloc, mimalloc,
                       tcmalloc, seamalloc, freelist, watermark, or the path of a
                       library; glibc is always among them
  --json=FILE          writes machine, samples, medians and spreads to FILE; `-`
                       writes them to standard output instead of the table
  --input=FILE         standard input of every run (default: empty)
  --libdir=DIR         directory of the libraries
  --help               this text

What PROGRAM writes is thrown away unless it fails.  Exit status: 0; 1 if PROGRAM
failed under an allocator, or the allocator did not load; 125, 126 and 127 as for
`seamalloc run`; 2 for a command line that makes no sense.
"""

Options = namedtuple("Options", "runs allocators json input libdir help", defaults=(5, None, None, None, None, False))

# How the loader complains (ld.so(8)); the program runs on without the library.
PRELOAD_REFUSED = re.compile(r"object '([^']*)' from LD_PRELOAD cannot be preloaded \(([^)]*)\)")
OUTPUT_LINES_SHOWN = 10
# More of a program's complaints is not searched.
STDERR_BYTES_READ = 1 << 20


def main(arguments):
    """Exit status of a comparison."""
    options, argv = parse(arguments)
    if options.help:
        print(HELP, end="")
        return 0
    environment = launcher.original_environment()
    target = launcher.target(argv, environment)
    if not os.access(target.binary, os.R_OK):
        raise Refusal(f"{target.binary}: may be executed but not read", NOT_EXECUTABLE)
    columns, absent = prepare(target, options)
    runner = Runner(target, environment, options.input)
    json_file = report.open_json(options.json) if options.json else None
    rounds.measure(columns, options.runs, runner.run)
    try:
        show(argv, columns, absent, options, json_file)
    except OSError as error:
        # What is still buffered cannot be written either, and Python would say so at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Refusal(f"the report cannot be written: {error.strerror}") from error
    return 0 if all(column.status == rounds.OK for column in columns) else 1


def parse(arguments):
    """(Options, the program's argv)."""
    names = ["runs=", "allocators=", "json=", "input=", "libdir=", "help"]
    try:
        pairs, argv = getopt.getopt(arguments, "h", names)
    except getopt.GetoptError as error:
        raise Usage(f"compare: {error}") from error
    given = {name.lstrip("-"): value for name, value in pairs}
    if "help" in given or "h" in given:
        return Options(help=True), []
    if "runs" in given:
        given["runs"] = positive(given["runs"])
    if not argv:
        raise Usage("compare: which program?")
    if "allocators" in given:
        given["allocators"] = [name for name in given["allocators"].split(",") if name]
    return Options(**given), argv


def positive(text):
    """A count of runs."""
    if not text.isdecimal() or int(text) == 0:
        raise Usage(f"--runs={text} is not a positive number")
    return int(text)


def prepare(target, options):
    """(a Column for each allocator, names of absent peers); Refusal if none can load."""
    if target.never:
        raise Refusal(f"{target.subject} {target.never}")
    chosen, absent = allocators.chosen(options.allocators, target.binary, options.libdir)
    columns = [rounds.Column(allocator) for allocator in chosen]
    for column in columns:
        reason = why_not_loaded(target.binary, column.allocator.library)
        if reason:
            column.give_up(NOT_LOADED, reason)
    preloaded = [column for column in columns if column.allocator.library]
    if preloaded and all(column.status == NOT_LOADED for column in preloaded):
        raise Refusal(f"{target.subject} {preloaded[0].reason}")
    measure.prepare(options.libdir)
    return columns, absent


def why_not_loaded(binary, library):
    """Why a library would not serve `binary`; None if it will."""
    return launcher.verdict(binary, library).reason if library else None


class Runner:
    """Runs one program once, under the allocator it is told.

    `output` is the end of what the last run wrote, if that was a warm-up run.
    """

    def __init__(self, target, environment, input_path=None):
        self.target = target
        self.environment = environment
        self.input_path = input_path or os.devnull
        self.output = []
        try:
            open(self.input_path, "rb").close()
        except OSError as error:
            raise Refusal(f"{self.input_path}: {error.strerror}") from error

    def run(self, allocator, warm_up):
        """The Sample of one run; GivenUp if it failed.  A warm-up run's standard
        output is read, so that it can be shown; a counted run's goes nowhere."""
        with tempfile.TemporaryFile() as errors, open(self.input_path, "rb") as source:
            stdout = subprocess.PIPE if warm_up else subprocess.DEVNULL
            run = measure.Run(self.target.argv, self.preload(allocator), env=self.environment,
                              stdin=source, stdout=stdout, stderr=errors)
            tail = Tail(run.process.stdout) if warm_up else None
            outcome = run.finish()
            self.output = tail.lines() if tail else []
            errors.seek(0)
            complaints = errors.read(STDERR_BYTES_READ).decode(errors="replace")
        check(allocator, outcome, complaints, self.output)
        return outcome.sample

    def preload(self, allocator):
        """LD_PRELOAD for a run, in front of the user's own."""
        present = self.environment.get("LD_PRELOAD", "")
        return ":".join(filter(None, [allocator.library, present])) if allocator.library else ""


class Tail:
    """Reads a pipe to its end and keeps the last lines.  A child that outlives
    the program may hold the pipe open: nobody waits for it."""

    def __init__(self, pipe):
        self.kept = deque(maxlen=OUTPUT_LINES_SHOWN)
        self.thread = threading.Thread(target=self.drain, args=(pipe,), daemon=True)
        self.thread.start()

    def drain(self, pipe):
        """The thread: appends until the pipe ends."""
        with pipe:
            self.kept.extend(pipe)

    def lines(self):
        """What was kept, as text, once the pipe has ended or a second has passed."""
        self.thread.join(1)
        return [line.decode(errors="replace").rstrip("\n") for line in list(self.kept)]


def check(allocator, outcome, complaints, output):
    """Raises GivenUp if a run failed or the allocator was not loaded in it."""
    for path, why in PRELOAD_REFUSED.findall(complaints):
        if path == allocator.library:
            raise rounds.GivenUp(NOT_LOADED, f"a process of the program could not load it: {why}")
    if outcome.failure:
        lines = [*output, *complaints.splitlines()][-OUTPUT_LINES_SHOWN:]
        show_output(allocator.name, outcome.failure, lines)
        raise rounds.GivenUp(FAILED, outcome.failure)


def show_output(name, failure, lines):
    """Shows the end of what a failed run wrote."""
    print(f"\rseamalloc: under {name} the program failed, {failure}"
          + ("; it wrote last:" if lines else " and wrote nothing"), file=sys.stderr)
    for line in lines:
        print(f"    {line}", file=sys.stderr)


def show(argv, columns, absent, options, json_file):
    """Prints the table and what follows from it, and writes the JSON."""
    if json_file is not sys.stdout:
        print(report.table(argv, columns, options.runs))
        if absent:
            print(f"not installed: {', '.join(absent)}")
        print_conclusion(columns)
    if json_file:
        report.write_json(json_file, report.as_json(argv, columns, options.runs))
    sys.stdout.flush()


def print_conclusion(columns):
    """The verdict and how much the figures can be trusted."""
    verdict_line = verdict.sentence(columns)
    print()
    if verdict_line:
        print(report.painted(report.wrapped(f"verdict   {verdict_line}"), report.BOLD))
    for line in (report.noise(columns), preloads()):
        if line:
            print(line)


def preloads():
    """One line where /etc/ld.so.preload changes what is compared; None where it is empty."""
    names = launcher.preloaded_everywhere()
    if not names:
        return None
    return report.wrapped(f"preload   /etc/ld.so.preload loads {', '.join(names)} into every run, behind the "
                          f"allocator; glibc's own malloc is put first where that has another")


def start(command, arguments):
    """What the command, which is at that path, starts; does not return."""
    paths.Launcher.path = command
    sys.exit(commands.guarded(main, arguments))
