# SPDX-License-Identifier: MIT
"""reached - lines and branches of src/ that tests reach, by gcc's counters

A source is compiled for the unit tests and again for the library that the black-box tests load.  What
one of them reaches is reached.  The code of a header counts once, whichever sources include it.
"""
import collections
import glob
import json
import os
import re
import shutil
import subprocess

# Files in one call of gcov: it prints a line for each.
FILES_AT_ONCE = 50


class Missing(Exception):
    """What a part needs is not here."""


class Reached:
    """What was reached of one file: {line: times}, and {line: [times of each branch]}"""

    def __init__(self):
        self.lines, self.branches = {}, {}

    def add(self, line):
        number = line["line_number"]
        self.lines[number] = max(line["count"], self.lines.get(number, 0))
        counts = [branch["count"] for branch in line["branches"]]
        if counts:
            self.branches[number] = folded(self.branches.get(number, counts), counts)

    def figures(self):
        """(lines, lines reached, branches, branches taken)"""
        taken = [count for counts in self.branches.values() for count in counts]
        return len(self.lines), sum(map(bool, self.lines.values())), len(taken), sum(map(bool, taken))


def folded(*several):
    """The branches of one line.  A function that is always inlined has them once for each caller."""
    length = min(map(len, several))
    return [max(count for counts in several for count in counts[at::length]) for at in range(length)]


def read(top, *folders):
    """{file of src/: Reached}, of all objects in the folders; the textbook engines are left out"""
    files = collections.defaultdict(Reached)
    for folder in folders:
        notes = sorted(glob.glob(os.path.join(top, folder, "**", "*.gcno"), recursive=True))
        if shutil.which("gcov") is None or not glob.glob(os.path.join(top, folder, "**", "*.gcda"), recursive=True):
            raise Missing("no gcov here, or nothing ran")
        for at in range(0, len(notes), FILES_AT_ONCE):
            # Counters of another build, of a process that ended late, are left out: gcov says so by its status.
            done = subprocess.run(["gcov", "--json-format", "-b", "-t", *notes[at:at + FILES_AT_ONCE]], cwd=top,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
            for source in (source for line in done.stdout.splitlines() for source in json.loads(line)["files"]):
                if re.match(r"src/(?!engines/(textbook|freelist|watermark)/)", source["file"]):
                    for line in source["lines"]:
                        files[source["file"]].add(line)
    return files


def total(files):
    return [sum(column) for column in zip(*(reached.figures() for reached in files.values()))]


def missed(top, name, reached):
    """Lines of a file that nothing reached, and those with branches that nothing took, as text"""
    with open(os.path.join(top, name), encoding="utf-8") as file:
        text = file.read().splitlines()
    for number, times in sorted(reached.lines.items()):
        untaken = reached.branches.get(number, []).count(0)
        if not times or untaken:
            yield f"{name}:{number}: {'-' if not times else untaken} {text[number - 1].strip()}"
