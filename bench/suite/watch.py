# SPDX-License-Identifier: MIT
"""watch.py - looks after one running program: ends it where it takes too long
or too much memory, and sees whether the allocator is in it

Resident memory is polled rather than limited: an address-space limit would also
count what an allocator only reserves, which is many GiB for some of them.
"""

import contextvars
import os
import signal
import threading
import time
from collections import namedtuple
from contextlib import contextmanager

import allocators
import measure

Limits = namedtuple("Limits", "wall_s rss_bytes")

# Often enough that a program which touches 2 GiB a second is stopped 100 MiB late;
# a look takes some 50 us.
POLL_S = 0.05
# The loader has mapped its libraries by then, and short programs still run.
FIRST_LOOK_S = 0.01
# So often the mappings are looked at in vain before the library counts as absent.
LOOKS_FOR_LIBRARY = 3
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GIB = 1 << 30

# Told of each program that the current thread starts, if it is to take turns with others
# (gang.py); None: it runs by itself.
gang = contextvars.ContextVar("gang", default=None)


class Watch:
    """Watches the programs that are started while it is in force, one after another.

    `mapped` is the number of a process that had the library in /proc/PID/maps;
    `absent` says that a process was looked at in vain.
    """

    # Those that watch a program now; stop_all() ends their programs.
    active = set()

    def __init__(self, limits, library):
        self.limits = limits
        self.library = os.path.realpath(library) if library else ""
        self.mapped = None
        self.looks = 0
        self.reason = None
        self.process = None
        self.over = None

    def begin(self, process):
        """A program has started, under the measuring helper `process`."""
        self.reason, self.process, self.looks = None, process, 0
        self.over = threading.Event()
        Watch.active.add(self)
        if gang.get():
            gang.get().begin(process)
        threading.Thread(target=self.loop, args=(process, self.over), daemon=True).start()

    def verdict(self):
        """Why the program that has ended was ended; None if it ended by itself."""
        self.end()
        return self.reason

    def end(self):
        """No more looks."""
        if self.over:
            self.over.set()
        Watch.active.discard(self)

    @property
    def absent(self):
        """Whether a program ran for a while without the library."""
        return self.mapped is None and self.looks >= LOOKS_FOR_LIBRARY

    def loop(self, process, over):
        """The thread."""
        start = time.monotonic()
        wait_s = FIRST_LOOK_S
        while not over.wait(wait_s) and not self.reason:
            self.look(process, time.monotonic() - start)
            wait_s = POLL_S

    def look(self, process, elapsed_s):
        """One look at time, memory and mappings."""
        if elapsed_s > self.limits.wall_s:
            self.kill(process, f"took longer than {self.limits.wall_s:.0f} s")
        descendants = list(below(process.pid))
        if sum(map(rss_bytes, descendants)) > self.limits.rss_bytes:
            self.kill(process, f"more than {self.limits.rss_bytes / GIB:.1f} GiB resident")
        if self.mapped is None and descendants:
            self.look_at_mappings(descendants[0])

    def look_at_mappings(self, pid):
        """Whether the library is in a process; without a library, that no allocator is."""
        text = mappings(pid)
        if not text:
            return
        self.looks += 1
        if self.library in text if self.library else not allocators.ANY_ALLOCATOR.search(text):
            self.mapped = pid

    def kill(self, process, reason):
        """Ends the program and all that it started."""
        self.reason = self.reason or reason
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@contextmanager
def watched(limits, library):
    """A Watch over the programs that this thread starts meanwhile."""
    watch = Watch(limits, library)
    token = measure.watch.set(watch)
    try:
        yield watch
    finally:
        measure.watch.reset(token)
        watch.end()


def stop_all():
    """Ends every program that is watched."""
    for watch in list(Watch.active):
        watch.kill(watch.process, "interrupted")


def below(pid):
    """The numbers of the processes that a process has started, and of theirs."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from below(child)


def rss_bytes(pid):
    """What a process has resident; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def mappings(pid):
    """/proc/PID/maps, once the loader has brought the C library in; else ""."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return ""
    return text if "/libc.so.6" in text else ""
