# SPDX-License-Identifier: MIT
"""workloads.py - the real programs of the demonstration, each runnable under any
allocator: a Python program, a C++ compiler, SQLite and a Redis server
"""

import os
import shutil
import socket
import subprocess
import sys
import time

import compare
import launch
import measure
import program
import rounds
from paths import PREFIX

EXAMPLES = os.path.join(PREFIX, "examples")
PYTHON = "/usr/bin/python3"

# A server that has not answered by then does not work.
START_TIMEOUT_S = 10
# Loading takes a second or two; a server that needs this long hangs.
LOAD_TIMEOUT_S = 60


class Workload:
    """What all have in common: a name, the programs needed, a run."""

    name = ""
    needs = ()

    def __init__(self, folder):
        """`folder` is for temporary files."""
        self.folder = folder
        self.expected = None

    def compare_output(self, output):
        """The first run's output is what each other run must give."""
        if self.expected is None:
            self.expected = output
        elif output != self.expected:
            raise rounds.GivenUp(rounds.FAILED, "its result differs from the base line's")


class Command(Workload):
    """A program that runs from start to end by itself."""

    variables = {}

    def __init__(self, folder):
        super().__init__(folder)
        environment = {**launch.original_environment(), **self.variables}
        self.target = program.resolve(self.argv(), environment)
        self.runner = compare.Runner(self.target, environment)

    def argv(self):
        """The command line."""
        raise NotImplementedError

    @property
    def binary(self):
        """The file whose architecture and libraries count."""
        return self.target.binary

    def run(self, allocator, warm_up):
        """One run, as rounds.measure() wants it."""
        sample = self.runner.run(allocator, warm_up)
        if warm_up:
            self.compare_output(self.runner.output)
        return sample


class Python(Command):
    """Documents, an index and text in the interpreter, each object one malloc."""

    name = "python"
    needs = (PYTHON,)
    variables = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}

    def argv(self):
        return [PYTHON, os.path.join(EXAMPLES, "objects.py")]


class Compiler(Command):
    """g++ on a file of nested templates; the peak is that of the compiler proper."""

    name = "g++"
    needs = ("g++",)

    def argv(self):
        return ["g++", "-std=c++17", "-O1", "-c", "-o", os.devnull,
                os.path.join(EXAMPLES, "containers.cpp")]


class Database(Command):
    """SQLite on a database in memory."""

    name = "sqlite"
    needs = ("sqlite3",)

    def argv(self):
        return ["sqlite3", ":memory:", f".read {os.path.join(EXAMPLES, 'orders.sql')}"]


class Server(Workload):
    """A Redis server, measured from its start to its shutdown, and loaded meanwhile
    by a client that is not measured."""

    name = "redis"
    needs = ("redis-server", "redis-cli")

    def __init__(self, folder):
        super().__init__(folder)
        self.binary = shutil.which("redis-server")
        self.socket = os.path.join(folder, "redis.sock")
        self.commands = os.path.join(folder, "redis.commands")
        with open(self.commands, "wb") as file:
            subprocess.run([PYTHON, os.path.join(EXAMPLES, "keyspace.py")], stdout=file, check=True)

    def run(self, allocator, warm_up):
        """One life of the server."""
        run = self.start(allocator)
        try:
            self.load(run)
            if warm_up:
                self.compare_output(self.client("DEBUG", "DIGEST"))
            self.client("SHUTDOWN", "NOSAVE")
            outcome = run.finish()
        except (Trouble, subprocess.SubprocessError) as error:
            run.stop()
            raise rounds.GivenUp(rounds.FAILED, run.finish().failure or str(error)) from error
        finally:
            run.stop()
        if outcome.failure:
            raise rounds.GivenUp(rounds.FAILED, outcome.failure)
        return outcome.sample

    def start(self, allocator):
        """The server without persistence, on a socket of its own."""
        argv = [self.binary, "--port", "0", "--unixsocket", self.socket, "--save", "",
                "--enable-debug-command", "yes", "--dir", self.folder]
        return measure.Run(argv, allocator.library, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def load(self, run):
        """Waits until the server answers, then sends all commands."""
        self.await_answer(run)
        with open(self.commands, "rb") as file:
            reply = self.client("--pipe", stdin=file)
        if "errors: 0" not in reply:
            raise Trouble(f"redis-cli: {reply.strip()}")

    def await_answer(self, run):
        """Returns once the socket accepts connections."""
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and run.process.poll() is None:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(self.socket) == 0:
                    return
            time.sleep(0.01)
        raise Trouble("the server does not answer")

    def client(self, *words, stdin=subprocess.DEVNULL):
        """What redis-cli writes."""
        result = subprocess.run(["redis-cli", "-s", self.socket, *words], stdin=stdin, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=LOAD_TIMEOUT_S, check=False)
        return result.stdout


class Trouble(Exception):
    """The server or its client did not do what it should."""


ALL = (Python, Compiler, Database, Server)


NAMES = [kind.name for kind in ALL]


def made(names, folder):
    """The workloads of these names (None: all) that can run here; says which cannot."""
    return [workload for kind in ALL if names is None or kind.name in names
            for workload in one_made(kind, folder)]


def one_made(kind, folder):
    """[a workload], or [] where its program is not installed."""
    missing = [name for name in kind.needs if not shutil.which(name)]
    if missing:
        print(f"{kind.name} is left out: {', '.join(missing)} not installed (scripts/setup --for demo)",
              file=sys.stderr)
        return []
    return [kind(folder)]
