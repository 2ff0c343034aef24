# SPDX-License-Identifier: MIT
"""harness.py - the same protocol as harness.c for tests that are not C programs.

A case is a function of no arguments that returns on success, and raises Failed or
Skipped otherwise.  One line each, and last of all "N passed, N failed, N skipped".
The environment variables are those of harness.h, and SEA_TEST_BUILD: the directory of
the built test programs.
"""
import os
import signal
import subprocess
import sys
import time

ENGINE = os.environ.get("SEA_TEST_ENGINE", "glibc")
LENGTH = os.environ.get("SEA_TEST_LENGTH", "normal")
LIBRARY = os.environ.get("SEA_TEST_LIBRARY", "")
BUILD = os.environ.get("SEA_TEST_BUILD", "build/test")
STRICT = "SEA_TEST_STRICT" in os.environ

SEAM, SECURE, FREELIST, WATERMARK, GLIBC = "seam", "secure", "freelist", "watermark", "glibc"
OURS = (SEAM, SECURE, FREELIST, WATERMARK)
RECYCLING = (SEAM, SECURE, FREELIST, GLIBC)
EVERY = OURS + (GLIBC,)


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def pick(quick, normal, lengthy):
    return {"quick": quick, "long": lengthy}.get(LENGTH, normal)


def program(name):
    """Path of a built test program."""
    return os.path.join(BUILD, name)


def preloaded(*more, library=None):
    """The environment with the library under test preloaded, and `more` before it."""
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "SEAMALLOC_CONF", "SEAMALLOC_CONF_FILE")}
    libraries = [*more, LIBRARY if library is None else library]
    value = ":".join(path for path in libraries if path)
    if value:
        env["LD_PRELOAD"] = value
    return env


def demand(claim, text):
    if not claim:
        raise Failed(text)


def silent(done):
    demand(done.stderr == "", f"it writes to standard error:\n{done.stderr}")


def describe(status):
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def run(argv, env=None, seconds=60, expect=0, **options):
    """Runs argv preloaded; raises Failed unless it ends as expected.  expect=None: anyhow."""
    options.setdefault("stdin", subprocess.DEVNULL)
    try:
        done = subprocess.run(argv, env=preloaded() if env is None else env, timeout=seconds, text=True,
                              errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{argv[0]}: not done after {seconds} s") from late
    if expect is not None and done.returncode != expect:
        raise Failed(f"{' '.join(map(str, argv))}: {describe(done.returncode)}\n{done.stderr[-2000:]}")
    return done


class Report:
    def __init__(self, name):
        self.name = name
        self.counts = {"pass": 0, "FAIL": 0, "skip": 0}
        self.only = sys.argv[2] if sys.argv[1:2] == ["--case"] and len(sys.argv) > 2 else ""

    def case(self, title, body, engines=EVERY):
        if self.only not in title:
            return
        start = time.monotonic()
        verdict, why = "pass", ""
        if ENGINE not in engines and not (ENGINE == GLIBC and STRICT):
            verdict, why = "skip", "not promised by this engine"
        else:
            try:
                body()
            except Skipped as reason:
                verdict, why = "skip", str(reason)
            except Failed as reason:
                verdict, why = "FAIL", str(reason).rstrip()
        self.counts[verdict] += 1
        spent = f"({time.monotonic() - start:.2f} s)"
        print(f"{verdict}  {self.name}: {title} {spent}" + (f": {why}" if why else ""), flush=True)

    def close(self):
        c = self.counts
        print(f"{c['pass']} passed, {c['FAIL']} failed, {c['skip']} skipped", flush=True)
        sys.exit(1 if c["FAIL"] else 0)
