#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""misuse.py - runs every mistake of the file `expectations` and judges how it ends."""
import itertools
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import ENGINE, Failed, Report, describe, preloaded, program, run  # noqa: E402

TEXTS = ("freed already", "inside a block", "not memory of this heap")


def alternatives(text):
    """{a,b} {c,d} -> a c, a d, b c, b d"""
    parts = [part[1:-1].split(",") if part.startswith("{") else [part] for part in re.split(r"(\{[^}]*\})", text)]
    return ["".join(choice) for choice in itertools.product(*parts)]


def expectations():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expectations")
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                yield [field.strip() for field in line.split("|")]


def check_line(stderr, verb, address, text):
    lines = stderr.splitlines()
    if len(lines) != 1:
        raise Failed(f"{len(lines)} lines on standard error instead of one\n{stderr}")
    found = re.fullmatch(r"seamalloc: (\w+) of (0x[0-9a-f]+): (.+)", lines[0])
    if not found:
        raise Failed(f"unexpected form: {lines[0]}")
    if found[1] != verb:
        raise Failed(f"verb {verb} expected: {lines[0]}")
    if found[2] != address:
        raise Failed(f"address {address} expected: {lines[0]}")
    if not any(t in found[3] for t in (TEXTS if text == "any" else (text,))):
        raise Failed(f"\"{text}\" expected: {lines[0]}")


def check_end(done, verb, text):
    """It ends by itself, or by a signal without a message."""
    wanted = int(text) if verb == "exit" else -getattr(signal, verb)
    if done.returncode != wanted:
        raise Failed(f"{describe(wanted)} expected, ended with {describe(done.returncode)}\n{done.stderr}")
    if done.stderr:
        raise Failed(f"unexpected: {done.stderr}")


def check_stopped(command, verb, text, env=None):
    done = run([program("misuse/" + command[0]), *command[1:]], env=env, expect=None)
    if done.returncode == 3:
        raise Failed("the mistake could not be made")
    if verb == "exit" or verb.startswith("SIG"):
        check_end(done, verb, text)
        return
    if done.returncode != -signal.SIGABRT:
        raise Failed(f"SIGABRT expected, ended with {describe(done.returncode)}\n{done.stderr}")
    check_line(done.stderr, verb, done.stdout.split("\n")[0], text)


def in_cells():
    """No small block has pages of its own."""
    return dict(preloaded(), SEAMALLOC_CONF="guard=off")


def in_pages():
    """The block of each refill has pages of its own, so the first of each class has."""
    return dict(preloaded(), SEAMALLOC_CONF="guard=1")


def check_without_stderr():
    """Nowhere to write the message: it ends all the same."""
    done = run(["sh", "-c", 'exec "$0" 64 2>&-', program("misuse/double_free")], expect=None)
    if done.returncode != -signal.SIGABRT:
        raise Failed(f"SIGABRT expected, ended with {describe(done.returncode)}")


def check_holes():
    """Words of free memory in which there are lists."""
    for word in ("0x4141414141414141", "0x10", "0x7ffe12345670", "0"):
        for index in ("2", "3", "4"):
            done = run([program("misuse/write_freed_hole"), word, index], expect=None)
            if done.returncode != -signal.SIGABRT:
                raise Failed(f"{word} {index}: SIGABRT expected, ended with {describe(done.returncode)}\n{done.stderr}")
            if not re.fullmatch(r"seamalloc: (use of 0x[0-9a-f]+: the free memory here was written to|heap corrupted: .*)\n",
                                done.stderr):
                raise Failed(f"{word} {index}: {done.stderr}")


def check_full_stack(size, nr):
    """The fast path of a sized delete does not look at the size; a full stack does, at the last one at the latest."""
    done = run([program("misuse/delete_other_size_at_last"), str(size), str(nr)], expect=None)
    addresses = done.stdout.split()
    if done.returncode != -signal.SIGABRT or len(addresses) == nr:
        raise Failed(f"SIGABRT expected, ended with {describe(done.returncode)} after {len(addresses)} of {nr}")
    check_line(done.stderr, "free", addresses[-1], f"it is freed as a block of {2 * size} bytes, but has only {size}")


# A mistake that hardened mode stops, and the option without which it goes on.
SWITCHES = (("overflow_by_one 16 65", "canary"), ("overflow_never_freed 24", "audit"),
            ("write_freed_reused 64 0", "check_freed"), ("delete_other_size 64 8", "sized"),
            ("free_of_new 64", "pairs"))


def ends_with(command, conf):
    env = dict(preloaded(), SEAMALLOC_CONF=conf)
    words = command.split()
    return run([program("misuse/" + words[0]), *words[1:]], env=env, expect=None).returncode


def check_switch(command, option):
    """Off, on by the name alone, on by a number, and on but for the option."""
    for conf, wanted in (("stats=0", 0), ("guard=off,secure", -signal.SIGABRT), ("guard=off,secure=1", -signal.SIGABRT),
                         (f"secure,guard=off,secure_{option}=0", 0)):
        status = ends_with(command, conf)
        if status != wanted:
            raise Failed(f"{conf}: {describe(wanted)} expected, ended with {describe(status)}")


def main():
    report = Report("misuse")
    for command, option in SWITCHES:
        report.case(f"{command} with secure_{option}", lambda c=command, o=option: check_switch(c, o), ("seam",))
    for commands, verb, text, engines in expectations():
        for command in alternatives(commands):
            both = set(engines.split())
            env = in_pages() if "apart" in both else in_cells() if ENGINE == "secure" else None
            report.case(command + (" apart" if "apart" in both else ""),
                        lambda c=command.split(), v=verb, t=text, e=env: check_stopped(c, v, t, e),
                        both - {"apart"} | ({"secure"} if "apart" in both else set()))
    for size in (16, 64, 896):
        report.case(f"delete_other_size_at_last {size} 5000", lambda s=size: check_full_stack(s, 5000), ("seam",))
    report.case("double_free with standard error closed", check_without_stderr, ("seam", "freelist"))
    report.case("write_freed_hole", check_holes, ("seam",))
    report.close()


if __name__ == "__main__":
    main()
