# SPDX-License-Identifier: MIT
"""workloads.py - real programs that run under any allocator: what they have in
common, and how they are found

Each bench/programs/NAME.py holds one class that derives from Command (a program
that runs from start to end) or Server (one that is loaded by a client) and is the
workload NAME.  There is no list of them: the folder is the list.

    needs                    {program: the Debian package that has it}
    amount, quick_amount     how much it does, and how much in the quick set; a
                             class without a quick_amount of its own is not in that set
    argv(), result(), ...    how it runs, and what has to be the same under every
                             allocator

What a workload reads is generated once into the folder that its maker names, and
again only if the workload's file changes.
"""

import glob
import importlib.util
import inspect
import os
import shutil
import socket
import subprocess
import sys
import time
import zlib
from collections import namedtuple

import compare
import launcher
import measure
import rounds
from paths import PREFIX

EXAMPLES = os.path.join(PREFIX, "examples")
PROGRAMS = os.path.join(PREFIX, "bench", "programs")
# Not what `python3` finds: that may be a build without Debian's settings.
PYTHON = "/usr/bin/python3"

# How much a workload does: all of it; a part that takes at most half a second; what
# the demonstration shows.
FULL, QUICK, DEMO = "full", "quick", "demo"

# A server that has not answered by then does not work.
START_TIMEOUT_S = 10
# A server that crashed under its client has been waited for by then.
END_TIMEOUT_S = 1
# Loading takes a second or two; a server that needs this long hangs.
LOAD_TIMEOUT_S = 60

# Resident memory of a server in KiB: at its peak, and after it was emptied and idle.
Resident = namedtuple("Resident", "peak_kib idle_kib")


class Trouble(Exception):
    """A server or its client did not do what it should."""


class Workload:
    """What all have in common: a name, the programs needed, input, a run."""

    # The loader's: the name of the file, and whether it is in the quick set.
    name = ""
    quick = False

    needs = {}
    amount = quick_amount = 0

    def __init__(self, folder, size=FULL):
        """`folder` is for input, which may be there from before, and for output."""
        self.folder = folder
        self.size = size
        if size == QUICK and self.quick:
            self.amount = self.quick_amount
        self.expected = None

    def run(self, allocator, warm_up):
        """One run, as rounds.measure() wants it: a Sample, or GivenUp."""
        raise NotImplementedError

    @classmethod
    def about(cls):
        """One line for a report: what the class says of itself."""
        return inspect.getdoc(cls).splitlines()[0].rstrip(".")

    @classmethod
    def why_not(cls):
        """What is missing here for a run and the packages that have it; None if nothing is."""
        missing = [name for name in cls.needs if not shutil.which(name)]
        if not missing:
            return None
        packages = dict.fromkeys(cls.needs[name] for name in missing)
        return f"{', '.join(missing)} not installed (apt install {' '.join(packages)})"

    def path(self, name):
        """Where the workload's own file of that name is or will be."""
        return os.path.join(self.folder, f"{self.name}-{name}")

    def input(self, name, generate):
        """Path of an input; generate(), text or bytes, is asked if it is not there yet."""
        path = self.path(f"{self.size}-{stamp(type(self)):08x}-{name}")
        if not os.path.exists(path):
            for outdated in glob.glob(self.path(f"{self.size}-{'?' * 8}-{name}")):
                os.remove(outdated)
            write(path, generate())
        return path

    def compare_output(self, output):
        """The first run's output is what each other run must give."""
        if self.expected is None:
            self.expected = output
        elif output != self.expected:
            raise rounds.GivenUp(rounds.FAILED, "its result differs from the base line's")


class Command(Workload):
    """A program that runs from start to end by itself."""

    variables = {}

    def __init__(self, folder, size=FULL):
        super().__init__(folder, size)
        environment = {**launcher.original_environment(), **self.variables}
        self.target = launcher.target(self.argv(), environment)
        self.runner = compare.Runner(self.target, environment)

    def argv(self):
        """The command line."""
        raise NotImplementedError

    def clear(self):
        """Called before each run: removes what the last one would disturb it with."""

    def result(self):
        """What the run that has ended gave; the end of its standard output."""
        return self.runner.output

    @property
    def binary(self):
        """The file whose architecture and libraries count."""
        return self.target.binary

    def run(self, allocator, warm_up):
        """One run of the program."""
        self.clear()
        sample = self.runner.run(allocator, warm_up)
        if warm_up:
            self.compare_output(self.result())
        return sample


class Server(Workload):
    """A program that serves on a socket, measured from its start to its end, and
    loaded meanwhile by a client that is not measured."""

    def __init__(self, folder, size=FULL):
        super().__init__(folder, size)
        self.socket = self.path("socket")
        self.binary = shutil.which(self.argv()[0])
        self.prepare()

    def prepare(self):
        """Makes the input of the client, so that it is there before a run."""

    def argv(self):
        """The command line of a server on self.socket that stays in the foreground."""
        raise NotImplementedError

    def load(self):
        """Sends the server its work; Trouble if it does not do it."""
        raise NotImplementedError

    def result(self):
        """What the server holds after that, in a form that can be compared."""
        raise NotImplementedError

    def empty(self):
        """Makes the server free everything that it holds."""
        raise NotImplementedError

    def end(self):
        """Tells the server to end."""
        raise NotImplementedError

    def run(self, allocator, warm_up):
        """One life of the server."""
        def life(_):
            self.load()
            if warm_up:
                self.compare_output(self.result())
        return self.serve(allocator, life)[0]

    def idle_rss(self, allocator, seconds):
        """The Resident of a server that is loaded, emptied and left alone for so long."""
        def life(run):
            process = process_under(run)
            self.load()
            peak_kib = status_kib(process, "VmHWM")
            self.empty()
            time.sleep(seconds)
            return Resident(peak_kib, status_kib(process, "VmRSS"))
        return self.serve(allocator, life)[1]

    def serve(self, allocator, life):
        """(Sample, what life(run) returns) of a server from its start to its end."""
        run = self.start(allocator)
        try:
            self.await_answer(run)
            check_loaded(process_under(run), allocator.library)
            value = life(run)
            self.end()
            outcome = run.finish()
        except (Trouble, OSError, subprocess.SubprocessError) as error:
            raise rounds.GivenUp(rounds.FAILED, why_failed(run, error)) from error
        finally:
            run.stop()
        if outcome.failure:
            raise rounds.GivenUp(rounds.FAILED, outcome.failure)
        return outcome.sample, value

    def start(self, allocator):
        """The server's process, silent."""
        return measure.Run(self.argv(), allocator.library, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def await_answer(self, run):
        """Returns once the socket accepts connections."""
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and run.process.poll() is None:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(self.socket) == 0:
                    return
            time.sleep(0.01)
        raise Trouble("the server does not answer")


def write(path, data):
    """Writes a whole file or none; text as UTF-8."""
    with open(f"{path}.new", "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
    os.rename(f"{path}.new", path)


def checksum(path):
    """A short form of a file that a run has written."""
    with open(path, "rb") as file:
        return zlib.crc32(file.read())


def why_failed(run, error):
    """The end of a server that ended by itself, else what its client met with."""
    run.wait(END_TIMEOUT_S)
    ended = run.process.poll() is not None
    run.stop()
    failure = run.finish().failure
    return failure if ended and failure else str(error)


def process_under(run):
    """The number of the process that the measuring helper of a run has started."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        if parent_in(path) == run.process.pid:
            return int(path.split("/")[2])
    raise Trouble("the server has ended")


def parent_in(path):
    """The parent in a /proc/PID/stat: behind the name, which may hold spaces (proc(5))."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return None


def check_loaded(process, library):
    """GivenUp unless the process has mapped the library ("": needs none); the loader
    only warns, and nobody reads a server's warnings."""
    with open(f"/proc/{process}/maps", encoding="utf-8") as file:
        if library and os.path.realpath(library) not in file.read():
            raise rounds.GivenUp(rounds.NOT_LOADED, f"the server did not load {library}")


def status_kib(process, field):
    """One of the sizes in /proc/PID/status (proc(5))."""
    with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    raise Trouble(f"/proc/{process}/status has no {field}")


# {name: class} of what has been loaded; a file is executed once.
loaded = {}


def names():
    """The names of all workloads."""
    paths = glob.glob(os.path.join(PROGRAMS, "*.py"))
    return sorted(os.path.splitext(os.path.basename(path))[0] for path in paths)


def kind(name):
    """The class of the workload of that name."""
    if name not in loaded:
        loaded[name] = load_kind(name)
    return loaded[name]


def kinds(wanted=None):
    """The classes of the workloads of these names (None: all), in their order."""
    return [kind(name) for name in (names() if wanted is None else wanted)]


def load_kind(name):
    """Executes bench/programs/NAME.py; the class in it that is a workload."""
    path = os.path.join(PROGRAMS, f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"programs.{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    own = [value for value in vars(module).values()
           if inspect.isclass(value) and issubclass(value, Workload) and value.__module__ == spec.name]
    if len(own) != 1:
        raise ImportError(f"{path}: holds {len(own)} workloads instead of one")
    own[0].name = name
    own[0].quick = "quick_amount" in vars(own[0])
    return own[0]


def stamp(workload_kind):
    """A checksum of the files that define a class, down to this one."""
    value = 0
    for ancestor in workload_kind.__mro__[:-1]:
        with open(sys.modules[ancestor.__module__].__file__, "rb") as file:
            value = zlib.crc32(file.read(), value)
    return value


def made(wanted, folder, size=FULL):
    """The workloads of these names (None: all) that can run here; says which cannot."""
    found = []
    for each in kinds(wanted):
        reason = each.why_not()
        if reason:
            print(f"{each.name} is left out: {reason}", file=sys.stderr)
        else:
            found.append(each(folder, size))
    return found
