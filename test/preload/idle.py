#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""idle.py - the option `idle`: free memory goes back although the program makes no call."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import SEAM, Failed, Report, Skipped, preloaded, program, run  # noqa: E402

THREAD = "seamalloc-idle"
# What stays: the program itself, our metadata, and what two threads have cached.
STAYS_KIB = 12 * 1024


def sleeper(conf, *arguments):
    """What the sleeper says: {"after work": (KiB, names of threads), ...}.  The budget is so large that
    much stays at first."""
    env = dict(preloaded(), SEAMALLOC_CONF=f"dirty_max=64M,{conf}")
    done = run([program("preload/sleeper"), *arguments], env=env, expect=None)
    if done.returncode == 77:
        raise Skipped("no seccomp here")
    said = re.findall(r"^([a-z ]+): (\d+) KiB (.*)$", done.stdout, re.M)
    if done.returncode != 0 or len(said) != 3:
        raise Failed(f"ended with {done.returncode}, said:\n{done.stdout}{done.stderr}")
    return {when: (int(kib), names.split()) for when, kib, names in said}


def at_most(kib, most, when):
    if kib > most:
        raise Failed(f"{when}: {kib} KiB are resident, may be at most {most}")


def memory_goes_while_the_program_sleeps():
    said = sleeper("idle=1s", "4")
    if THREAD not in said["after work"][1]:
        raise Failed(f"no thread of ours after the work: {said}")
    if said["after work"][0] < 2 * STAYS_KIB:
        raise Failed(f"nothing was kept at first, so the test shows nothing: {said}")
    at_most(said["asleep"][0], STAYS_KIB, "asleep")


def there_is_no_thread_by_default():
    said = sleeper("", "1")
    for when, (_, names) in said.items():
        if THREAD in names:
            raise Failed(f"a thread of ours {when}: {names}")


def the_child_of_a_fork_starts_its_own():
    said = sleeper("idle=1s", "4", "fork")
    if THREAD not in said["after work"][1]:
        raise Failed(f"no thread of ours in the child: {said}")
    at_most(said["asleep"][0], STAYS_KIB + 16 * 1024, "asleep")  # the other thread's cache is lost in the child


def a_refusal_is_taken():
    said = sleeper("idle=1s", "2", "confined")
    for when, (_, names) in said.items():
        if len(names) != 1:
            raise Failed(f"{when}: {names}")


def main():
    report = Report("idle")
    report.case("memory goes while the program sleeps", memory_goes_while_the_program_sleeps, (SEAM,))
    report.case("there is no thread by default", there_is_no_thread_by_default, (SEAM,))
    report.case("the child of a fork starts its own", the_child_of_a_fork_starts_its_own, (SEAM,))
    report.case("a refusal is taken", a_refusal_is_taken, (SEAM,))
    report.close()


if __name__ == "__main__":
    main()
