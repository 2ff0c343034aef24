# SPDX-License-Identifier: MIT
"""gang.py - runs that take turns of some milliseconds, by SIGSTOP and SIGCONT

    glibc      ##....##......##..      # runs, . is stopped
    jemalloc   ..##....##..##....
    seamalloc  ....##....##....##

Other programs, other guests of the machine and its clock change how fast a processor is,
for milliseconds as for minutes; so two long runs one after the other differ by what
happened meanwhile.  Runs that share every hundredth of a second share that as well.
Only one of them runs at any time.  bench/README.md has what it gains, and what it costs.
"""

import os
import random
import select
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from suite import watch

# Longer turns share less; after shorter ones a program would mostly fill its caches anew.
TURN_S = 0.01

# The part that the current thread has in a gang, or None.
current = watch.gang


class Gang:
    """Programs that have been started, and stopped, until it is their turn."""

    def __init__(self, size):
        self.awaited = size
        self.members = {}
        self.changed = threading.Condition()
        self.chance = random.Random(size)

    def join(self, part):
        """A program has been started: it waits."""
        descriptor = os.pidfd_open(part.process.pid)
        send(part.process, signal.SIGSTOP)
        with self.changed:
            self.members[descriptor] = part
            self.awaited -= 1
            self.changed.notify()

    def miss(self):
        """A run has ended without a program."""
        with self.changed:
            self.awaited -= 1
            self.changed.notify()

    def conduct(self):
        """Gives turns until all programs have ended."""
        with self.changed:
            self.changed.wait_for(lambda: self.awaited <= 0)
        while self.members:
            order = list(self.members)
            self.chance.shuffle(order)
            for descriptor in order:
                self.turn(descriptor)

    def turn(self, descriptor):
        """One program runs for a while."""
        part = self.members[descriptor]
        begin = time.monotonic()
        send(part.process, signal.SIGCONT)
        has_ended = select.select([descriptor], [], [], TURN_S)[0]
        if has_ended:
            del self.members[descriptor]
            os.close(descriptor)
        else:
            send(part.process, signal.SIGSTOP)
        part.active_s += time.monotonic() - begin


class Part:
    """A run's part in a gang: its program, and the time that its turns took."""

    def __init__(self, gang):
        self.gang = gang
        self.process = None
        self.active_s = 0.0

    def begin(self, process):
        """The run has started its program."""
        self.process = process
        self.gang.join(self)

    def end(self):
        """The run is over; the others shall not wait for a program that never came."""
        if not self.process:
            self.gang.miss()


def send(process, number):
    """A signal to a program and all that it has started; each is in a group of its own."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def together(runs):
    """[(what each of the functions returns, seconds of its turns)], while the programs
    that they start take turns; each starts one program at most."""
    gang = Gang(len(runs))
    with ThreadPoolExecutor(len(runs)) as pool:
        try:
            futures = [pool.submit(member, gang, run) for run in runs]
            gang.conduct()
            return [future.result() for future in futures]
        except BaseException:
            watch.stop_all()
            raise


def member(gang, run):
    """A run of a gang, in a thread of its own."""
    part = Part(gang)
    token = current.set(part)
    try:
        return run(), part.active_s
    finally:
        current.reset(token)
        part.end()
