#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""jemalloc.py - programs that are linked to libjemalloc run wholly on this heap."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import OURS, Failed, Report, Skipped, preloaded, run  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = os.path.join(HERE, "clients", "jemalloc.c")


def libjemalloc():
    found = sorted(glob.glob("/usr/lib/*/libjemalloc.so.2") + glob.glob("/usr/lib*/libjemalloc.so.2"))
    if not found:
        raise Skipped("libjemalloc.so.2 is not installed")
    return found[0]


def linked(*flags):
    """A client of libjemalloc, built in a directory that the caller removes."""
    library = libjemalloc()
    directory = tempfile.mkdtemp()
    out = os.path.join(directory, "client")
    command = [os.environ.get("SEA_TEST_CC", "gcc"), "-O2", "-fno-builtin", *flags, CLIENT, library, "-o", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(directory)
        raise Failed(done.stderr)
    return directory, out


def runs_on_us(*flags):
    directory, client = linked(*flags)
    try:
        alone = run([client], env=preloaded(library=""))
        if "seamalloc" in alone.stdout:
            raise Failed(f"the client does not tell who serves it: {alone.stdout}")
        ours = run([client])
        if "seamalloc" not in ours.stdout or ours.stderr:
            raise Failed(f"the client is not served by us: {ours.stdout}{ours.stderr}")
    finally:
        shutil.rmtree(directory)


def main():
    report = Report("jemalloc clients")
    report.case("a program linked to libjemalloc", lambda: runs_on_us("-pie", "-fPIE"), OURS)
    report.case("a program at a fixed address, which holds malloc_message itself",
                lambda: runs_on_us("-no-pie", "-fno-pie"), OURS)
    report.close()


if __name__ == "__main__":
    main()
