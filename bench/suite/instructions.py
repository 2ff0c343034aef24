# SPDX-License-Identifier: MIT
"""instructions.py - how many instructions a command executes, by callgrind

The count includes start and end of the program, and of all processes that it starts.
For micro benchmarks, whose amount of work follows the clock, it would mean nothing:
scripts/count-instructions has those.
"""

import glob
import os
import re
import shutil
import tempfile
from contextlib import contextmanager

from suite import watch
import rounds
from errors import Refusal

# Under valgrind a program is some fifty times slower.
LIMITS = watch.Limits(900, 8 * watch.GIB)
COLLECTED = re.compile(r"Collected : (\d+)")


class Counter:
    """A folder into which each process that valgrind follows writes its count."""

    def __init__(self, folder):
        self.folder = folder

    def command(self):
        """The command line that counts; the program's follows."""
        if not shutil.which("valgrind"):
            raise Refusal("--instructions needs valgrind, which is not installed (apt install valgrind)")
        # Valgrind must leave malloc alone.
        return [shutil.which("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null",
                "--soname-synonyms=somalloc=nouserintercepts", "--trace-children=yes",
                f"--log-file={self.folder}/%p.log"]

    def total(self):
        """The sum; GivenUp if there is none."""
        counts = []
        for path in glob.glob(os.path.join(self.folder, "*.log")):
            with open(path, encoding="utf-8", errors="replace") as file:
                counts += map(int, COLLECTED.findall(file.read()))
        if not counts:
            raise rounds.GivenUp(rounds.FAILED, "valgrind counted nothing")
        return sum(counts)


@contextmanager
def counting(allocator):
    """A Counter, for one run under an allocator."""
    with tempfile.TemporaryDirectory(prefix="seamalloc-") as folder, \
            watch.watched(LIMITS, allocator.library):
        yield Counter(folder)
