#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples.py - the examples of heaps as objects run as their heads say"""
import os
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import BUILD, LIBRARY, SEAM, Report, demand, pick, run  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def built(name):
    """Path of an example, linked to the library under test."""
    out = os.path.join(os.path.abspath(BUILD), "api", "example_" + name)
    library = os.path.abspath(LIBRARY)
    subprocess.run([*os.environ.get("CC", "gcc").split(), "-O2", "-Wall", "-Wextra", "-Werror", "-pthread",
                    "-I" + os.path.join(TOP, "include"), os.path.join(TOP, "examples", name + ".c"), "-o", out,
                    "-Wl,--no-as-needed", library, "-Wl,-rpath," + os.path.dirname(library)], check=True)
    return out


def heap_per_request():
    done = run([built("heap_per_request")], seconds=30)
    demand(done.stdout == "802 requests, 0 wrong answers, 0 heaps left\n", done.stdout)


def checked(program, file):
    """What the example says of a file: (entries, blocks)."""
    done = run([program, file, "check"], seconds=30)
    found = re.fullmatch(r"(\d+) entries, (\d+) blocks, sound\n", done.stdout)
    demand(found, done.stdout)
    return int(found[1]), int(found[2])


def cache_file():
    program = built("cache_file")
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "cache")
        run([program, file, "set", "colour", "green"])
        run([program, file, "fill", "5000"])
        demand(run([program, file, "get", "colour"]).stdout == "green\n", "the value is lost")
        demand(checked(program, file) == (2001, 2002), "a table, and a block for each entry")
        # Its free list is intact: replacing everything again needs no more room.
        for _ in range(5):
            run([program, file, "fill", "20000"])
        demand(checked(program, file) == (2001, 2002), "blocks were lost")
        run([program, file, "get", "no such key"], expect=1)


def cache_file_killed():
    """Killed anywhere, it opens again; a kill costs one block at most."""
    program, nr_kills = built("cache_file"), pick(20, 60, 1000)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "cache")
        run([program, file, "set", "colour", "green"])
        for _ in range(nr_kills):
            with subprocess.Popen([program, file, "fill", "100000000"]) as process:
                time.sleep(random.uniform(0.002, 0.03))
                process.kill()
            demand(run([program, file, "get", "colour"]).stdout == "green\n", "the value is lost")
        entries, blocks = checked(program, file)
        demand(entries <= 2001 and blocks - entries - 1 <= nr_kills, f"{entries} entries, {blocks} blocks")


def main():
    report = Report("examples")
    report.case("heap_per_request", heap_per_request, (SEAM,))
    report.case("cache_file", cache_file, (SEAM,))
    report.case("cache_file killed", cache_file_killed, (SEAM,))
    report.close()


if __name__ == "__main__":
    main()
