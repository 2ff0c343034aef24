#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""boot.py - boots examples/kernel in qemu, and compares its log

usage: test/kernel/boot.py [--length quick|normal|long] KERNELS

KERNELS has a folder for each processor, with the file `kernel`.  Each boots with 64 MiB, with 3 GiB
and holes in its memory, and with one request for pages refused: quick, every 23rd request in turn;
long, each.  log.txt is the log; # stands for a number, ... for the lines of the map, which are
checked by themselves.  Also counts the lines of code of each kernel.  The last line is "N passed, N
failed, N skipped".
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
RUN = os.path.join(TOP, "examples", "kernel", "run")
MIB = 1 << 20
# Where memory begins.
MEMORY = {"x86_64": 0, "riscv64": 0x80000000}
# A boot takes 2 s here; a machine that is busy with other things may need longer.
TIMEOUT = 120
OUT_OF_MEMORY = 2
STRIDE = {"quick": 23, "normal": 7, "long": 1}

RANGE = re.compile(r"  (available|reserved|occupied) +0x(\w+) to 0x(\w+)  (.*)")

# Lines of code of a kernel, without comments and blank lines, at most.  Not counted: the functions
# of a C library, and the programs of the processes.
MOST_LINES = 1500
NOT_COUNTED = {"string.c", "user.c"}

results = {"pass": 0, "FAIL": 0, "skip": 0}


def note(result, what, why=""):
    results[result] += 1
    print(f"{result}  kernel/{what}{': ' if why else ''}{why}", flush=True)


class Boot:
    def __init__(self, kernels, arch, memory, command_line):
        command = [RUN, arch, os.path.join(kernels, arch, "kernel"), memory, command_line]
        began = time.monotonic()
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT)
            self.status, text = done.returncode, done.stdout
        except subprocess.TimeoutExpired as expired:
            self.status, text = "none: it hangs", (expired.stdout or b"").decode()
        self.seconds = time.monotonic() - began
        # The firmware of riscv64 speaks first.
        self.lines = text[text.find("\nrung 1:"):].replace("\r", "").rstrip("\n").split("\n")

    def number(self, pattern):
        return int(re.search(pattern, "\n".join(self.lines))[1])


def pattern_of(line):
    return r"\d+".join(re.escape(part) for part in line.split("#"))


def first_difference(lines):
    """Where the log differs from log.txt; None: nowhere."""
    with open(os.path.join(HERE, "log.txt"), encoding="utf-8") as file:
        expected = file.read().rstrip("\n").split("\n")
    at = 0
    for want in expected:
        if want == "...":
            while at < len(lines) and RANGE.fullmatch(lines[at]):
                at += 1
            continue
        got = lines[at] if at < len(lines) else "(the end)"
        if not re.fullmatch(pattern_of(want), got):
            return f"expected {want!r}, got {got!r}"
        at += 1
    return None if at == len(lines) else f"behind the end: {lines[at]!r}"


class Range:
    def __init__(self, line):
        found = RANGE.fullmatch(line)
        self.kind, self.base, self.end, self.name = found[1], int(found[2], 16), int(found[3], 16), found[4]


def what_is_wrong_with_map(boot, arch, memory, holes):
    """Rung 1 and rung 4; None: nothing."""
    ranges = [Range(line) for line in boot.lines if RANGE.fullmatch(line)]
    available = [each for each in ranges if each.kind == "available"]
    if any(low.end > high.base for low, high in zip(ranges, ranges[1:])):
        return "ranges overlap, or are not in address order"
    if any(each.base % 4096 or each.end % 4096 for each in available):
        return "what is available is not whole pages"
    pages = sum(each.end - each.base for each in available) // 4096
    most = (memory - sum(size for _, size in holes)) // 4096
    if not most - 2 * MIB // 4096 < pages <= most:
        return f"{pages} pages are available of {most}"
    for base, size in holes:
        if not any(each.kind == "reserved" and (each.base, each.end) == (base, base + size) for each in ranges):
            return f"the hole at {base:#x} is missing"
    if not any("kernel: code" in each.name and each.kind == "occupied" for each in ranges):
        return "the kernel's image is missing"
    early, free = boot.number(r"early memory (\d+)"), boot.number(r"\+ free (\d+)")
    if boot.number(r"available: (\d+)") != pages or boot.number(r"in the map (\d+)") != pages or early + free != pages:
        return "the page counts of the log do not add up"
    if boot.number(r"  free (\d+) pages, available") != free or boot.number(r"available at rung 4 (\d+)") != free:
        return "pages are lost"
    return None


def check_boot(kernels, arch, mib, holes):
    holes = [(MEMORY[arch] + base, size) for base, size in holes]
    boot = Boot(kernels, arch, f"{mib}M", " ".join(f"hole={base}+{size}" for base, size in holes))
    what = f"{arch} {mib} MiB, {len(holes)} holes"
    wrong = first_difference(boot.lines)
    if boot.status != 0:
        wrong = f"status {boot.status}; last line but one: {boot.lines[-2:][0]!r}"
    wrong = wrong or what_is_wrong_with_map(boot, arch, mib * MIB, holes)
    note("FAIL" if wrong else "pass", what, wrong or f"{boot.seconds:.1f} s")


def count_lines(path):
    with open(path, encoding="utf-8") as file:
        code = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    return sum(bool(line.strip()) for line in code.splitlines())


def check_lines(arch):
    folder = os.path.dirname(RUN)
    files = glob.glob(os.path.join(folder, "*.[chS]")) + glob.glob(os.path.join(folder, arch, "*.[chS]"))
    lines = sum(count_lines(path) for path in files if os.path.basename(path) not in NOT_COUNTED)
    note("pass" if lines <= MOST_LINES else "FAIL", f"{arch} lines of code", str(lines))


def what_is_wrong_without_memory(boot):
    """A boot to which a request was refused; None: nothing."""
    text = "\n".join(boot.lines)
    if boot.status == OUT_OF_MEMORY and re.search(r"^rung \d: .*: out of memory: .*\nhalt 2$", text, re.M):
        return None
    if boot.status == 0 and "; one was refused, and the boot went on\nhalt 0" in text:
        return None
    return f"status {boot.status}; last lines {boot.lines[-2:]}"


def check_out_of_memory(kernels, arch, stride):
    quiet = "operations=2000"
    nr_requests = Boot(kernels, arch, "64M", quiet).number(r"requests for pages (\d+)")
    nr_went_on = nr = 0
    for n in list(range(1, 12)) + list(range(12, nr_requests + 1, stride)):
        boot = Boot(kernels, arch, "64M", f"{quiet} oom={n}")
        wrong = what_is_wrong_without_memory(boot)
        if wrong:
            note("FAIL", f"{arch} request {n} refused", wrong)
            return
        nr_went_on += boot.status == 0
        nr += 1
    note("pass", f"{arch} out of memory", f"{nr} of {nr_requests} requests refused in turn; {nr_went_on} boots went on")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("--length", choices=STRIDE, default="quick")
    parser.add_argument("kernels")
    args = parser.parse_args()
    for arch in MEMORY:
        check_lines(arch)
        if not shutil.which(f"qemu-system-{arch}"):
            note("skip", arch, f"there is no qemu-system-{arch} here")
        elif not os.path.exists(os.path.join(args.kernels, arch, "kernel")):
            note("skip", arch, "there is no compiler for it here")
        else:
            check_boot(args.kernels, arch, 64, [])
            check_boot(args.kernels, arch, 64, [(8 * MIB, 64 << 10), (32 * MIB, MIB), (40 * MIB, 4096)])
            check_boot(args.kernels, arch, 3072, [(256 * MIB, 512 * MIB), (2048 * MIB, 4096)])
            check_out_of_memory(args.kernels, arch, STRIDE[args.length])
    print(f"{results['pass']} passed, {results['FAIL']} failed, {results['skip']} skipped")
    sys.exit(1 if results["FAIL"] else 0)


main()
