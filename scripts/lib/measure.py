# SPDX-License-Identifier: MIT
"""measure.py - starts programs through the helper measure.c and reads what it wrote

The helper is needed for true peaks: a program's ru_maxrss is at least that of
the process which started it, and a Python process has 8 MiB and more.
"""

import contextvars
import os
import shutil
import signal
import subprocess
import tempfile
from collections import namedtuple

import paths
from errors import Refusal

# Times in seconds, peak resident set in KiB.
Sample = namedtuple("Sample", "wall_s cpu_s user_s system_s peak_rss_kib minor_faults major_faults")

# sample: None if the program could not even be started; failure: None or what went wrong.
Outcome = namedtuple("Outcome", "sample failure")

# How long a program has to end by itself before it is killed.
STOP_PATIENCE_S = 5

# Who looks after the programs that the current thread starts: told of each by
# begin(process), and asked by verdict() why it was ended; None: nobody does.
watch = contextvars.ContextVar("watch", default=None)


class Run:
    """One program running under the helper."""

    def __init__(self, argv, preload="", **popen):
        """Starts it; `popen` is passed on to subprocess.Popen."""
        reader, writer = os.pipe()
        command = [helper(), str(writer), preload, *argv]
        self.watch = watch.get()
        if self.watch:
            # A group of its own, so that it can be ended with all that it started.
            popen["process_group"] = 0
        try:
            self.process = subprocess.Popen(command, pass_fds=(writer,), **popen)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self.result = reader
        if self.watch:
            self.watch.begin(self.process)

    def finish(self):
        """Waits for the end and tells the Outcome."""
        try:
            with os.fdopen(self.result, encoding="ascii") as file:
                line = file.read()
            self.process.wait()
        finally:
            self.stop()
        outcome = read_line(line)
        ended_for = self.watch and self.watch.verdict()
        return outcome._replace(failure=ended_for) if ended_for else outcome

    def stop(self):
        """Ends the program if it still runs: asks it through the helper, which
        kills it when it is asked again."""
        for patience_s in (STOP_PATIENCE_S, None):
            if self.process.poll() is None:
                self.process.terminate()
                self.wait(patience_s)

    def wait(self, timeout_s):
        """Waits for the helper's end, or for so long."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pass


def read_line(line):
    """The Outcome in the helper's line (its format: measure.c)."""
    fields = line.split()
    if len(fields) != 8:
        return Outcome(None, "the measuring helper was killed")
    wall, user, system, peak, minor, major = map(int, fields[:6])
    sample = Sample(wall / 1e9, (user + system) / 1e6, user / 1e6, system / 1e6, peak, minor, major)
    failure = describe(fields[6], int(fields[7]))
    return Outcome(None if fields[6] == "spawn" else sample, failure)


def describe(how, code):
    """None for success, else the end of the program in words."""
    if how == "spawn":
        return os.strerror(code)
    if how == "signal":
        return f"signal {code} ({signal_name(code)})"
    return f"exit status {code}" if code else None


def signal_name(number):
    """SIGSEGV for 11; real-time signals have no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unnamed"


class Helper:
    """Where the helper is; found or built once per process."""

    path = None
    # Keeps a build of last resort until this process ends.
    temporary = None


def helper():
    """Path of the helper; prepare() first."""
    return Helper.path


def prepare(chosen_folder=None):
    """Finds the helper, or compiles it, so that the runs need not."""
    for folder in paths.helper_folders(chosen_folder):
        path = os.path.join(folder, "measure")
        if os.access(path, os.X_OK) and os.path.isfile(path):
            Helper.path = path
            return
    Helper.temporary = tempfile.TemporaryDirectory(prefix="seamalloc-")
    Helper.path = os.path.join(Helper.temporary.name, "measure")
    compile_to(Helper.path)


def compile_to(path):
    """Builds the helper; static if possible, which gives it the smallest peak."""
    source = os.path.join(paths.MODULES, "measure.c")
    compiler = os.environ.get("CC") or "cc"
    if not shutil.which(compiler) or not os.path.exists(source):
        raise Refusal("the measuring helper is not built: run `make build/measure`, or install a C compiler")
    for flags in (["-O2", "-static"], ["-O2"]):
        result = subprocess.run([compiler, *flags, "-o", path, source], check=False,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if result.returncode == 0:
            return
    raise Refusal(f"the measuring helper does not compile: {result.stderr.strip().splitlines()[-1]}")
