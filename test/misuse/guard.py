#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""guard.py - mistakes with guarded blocks: what is reported, and by which signal it ends."""
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import SEAM, Failed, Report, Skipped, demand, describe, preloaded, program, run, silent  # noqa: E402

PROGRAM = program("misuse/guarded")
STATUS_OF_HANDLER = 7
SEGV, ABRT = -signal.SIGSEGV, -signal.SIGABRT


def guarded(*arguments, guard="1"):
    env = dict(preloaded(), SEAMALLOC_CONF=f"guard={guard}")
    done = run([PROGRAM, *map(str, arguments)], env=env, expect=None)
    if done.returncode == 3:
        raise Failed("no guarded block, or no thread or child")
    return done


def demand_report(done, status, sentence, *who):
    """The first line says what; a line for each of `who`, and stacks behind them."""
    demand(done.returncode == status, f"{describe(status)} expected, ended with {describe(done.returncode)}\n{done.stderr}")
    lines = done.stderr.splitlines()
    demand(lines and re.fullmatch(sentence, lines[0]) is not None, f"\"{sentence}\" expected:\n{done.stderr}")
    heads = [line for line in lines[1:] if not line.startswith("seamalloc:   ")]
    for head, wanted in zip(heads, who):
        demand(re.fullmatch(rf"seamalloc: thread [1-9]\d* {wanted} here:", head) is not None, f"{head}\n{done.stderr}")
    demand(len(heads) == len(who), f"{len(heads)} stacks instead of {len(who)}\n{done.stderr}")
    demand(lines[-1].startswith("seamalloc:   "), f"the last stack is empty\n{done.stderr}")


DID, ALLOCATED, FREED = "did it", "allocated the block", "freed it"
AT = r"0x[0-9a-f]+"


def size_words(size):
    return "1 byte" if size == 1 else f"{size} bytes"


def outside(mistake, verb, how):
    def check(size, place, *more):
        done = guarded(mistake, size, place, *more)
        far = {"overflow": -size % 16 + 1, "overread": -size % 16 + 8, "underflow": 1}[mistake]
        where = "in front of" if mistake == "underflow" else "behind the end of"
        demand_report(done, SEGV, f"seamalloc: {verb} {AT}: {size_words(far)} {where} a block of {size_words(size)} \\({how}\\)",
                      DID, ALLOCATED)
        return done
    return check


overflow = outside("overflow", "write to", "overflow")
overread = outside("overread", "read from", "overflow")
underflow = outside("underflow", "write to", "underflow")


def overflow_by_memset():
    demand_report(guarded("far", 40, "end", ""), SEGV, rf"seamalloc: write to {AT}: \d+ bytes? behind the end of a block of 40 bytes \(overflow\)",
                  DID, ALLOCATED)


def used_after_free(mistake, verb, where, size, *more):
    done = guarded(mistake, size, "end", *more)
    demand_report(done, SEGV, f"seamalloc: {verb} {AT}: {where} a block of {size_words(size)} that was freed \\(use after free\\)",
                  DID, ALLOCATED, FREED)
    return done


def freed_twice(size, *more):
    done = guarded("twice", size, "end", *more)
    demand_report(done, ABRT, f"seamalloc: free of {AT}: this block was freed already \\(double free\\); it has {size_words(size)}",
                  DID, ALLOCATED, FREED)
    return done


def resized_after_free():
    demand_report(guarded("realloc", 20, "end"), ABRT, f"seamalloc: realloc of {AT}: this block was freed already.*", DID, ALLOCATED, FREED)


def interior():
    demand_report(guarded("interior", 20, "end"), ABRT,
                  f"seamalloc: free of {AT}: this points inside a block, 8 bytes behind the start of a block of 20 bytes", DID, ALLOCATED)


def slack(size, place):
    demand_report(guarded("slack", size, place), ABRT,
                  f"seamalloc: free of {AT}: a byte was written to 1 byte behind the end of a block of {size_words(size)} \\(overflow\\)",
                  DID, ALLOCATED)


def front():
    demand_report(guarded("front", 20, "end"), ABRT,
                  f"seamalloc: free of {AT}: a byte was written to 1 byte in front of a block of 20 bytes \\(underflow\\)", DID, ALLOCATED)


def the_other_thread_is_named():
    done = used_after_free("read", "read from", "3 bytes behind the start of", 20, "thread")
    threads = re.findall(r"thread (\d+) (did|allocated|freed)", done.stderr)
    numbers = {verb: number for number, verb in threads}
    demand(numbers["did"] == numbers["allocated"] != numbers["freed"], done.stderr)


def stacks_name_functions():
    """The innermost frames outside of the library are the functions that did it."""
    if shutil.which("addr2line") is None:
        raise Skipped("no addr2line")
    done = used_after_free("write", "write to", "the start of", 20)
    wanted = {"did it": "misuse", "allocated": "allocate_it", "freed it": "free_it"}
    for key, function in wanted.items():
        stack = re.search(rf"thread \d+ {key}.* here:\n((seamalloc:   .*\n)+)", done.stderr)[1]
        first = re.match(r"seamalloc:   (.*)\+(0x[0-9a-f]+)\n", stack)
        demand(first is not None, f"no address with a file:\n{done.stderr}")
        name = subprocess.run(["addr2line", "-f", "-e", first[1], first[2]], capture_output=True, text=True, check=True).stdout
        demand(name.splitlines()[0] == function, f"{key}: {function} expected: {name}{done.stderr}")
        demand(stack.count("\n") > 2, f"a stack of {stack.count(chr(10))}:\n{done.stderr}")


def handler_of_the_program():
    """It was there first: no block is guarded."""
    done = run([PROGRAM, "overflow", "20", "end", "handler"], env=dict(preloaded(), SEAMALLOC_CONF="guard=1"), expect=None)
    demand(done.returncode == 3, f"a block was guarded\n{done.stderr}")


def later_handler():
    """It replaces ours: the fault is its business."""
    done = guarded("overflow", 20, "end", "late")
    demand(done.returncode == STATUS_OF_HANDLER, describe(done.returncode))
    silent(done)


def without_stderr():
    done = run(["sh", "-c", 'exec "$0" overflow 20 end 2>&-', PROGRAM], env=dict(preloaded(), SEAMALLOC_CONF="guard=1"), expect=None)
    demand(done.returncode == SEGV, describe(done.returncode))


def blocked():
    done = guarded("overflow", 20, "end", "blocked")
    demand(done.returncode == SEGV, describe(done.returncode))
    silent(done)


def off():
    done = run([PROGRAM, "overflow", "20", "end"], env=dict(preloaded(), SEAMALLOC_CONF="guard=off"), expect=None)
    demand(done.returncode == 3, "a block was guarded")


def main():
    report = Report("guard")
    for size in (1, 20, 1001, 4001):
        for place, checks in (("end", {"overflow": overflow, "overread": overread}), ("start", {"underflow": underflow})):
            for name, check in checks.items():
                report.case(f"{name} of {size} bytes", lambda c=check, s=size, p=place: c(s, p), (SEAM,))
    for size in (1, 20, 1001):
        report.case(f"read after free of {size} bytes", lambda s=size: used_after_free("read", "read from", ".*", s), (SEAM,))
        report.case(f"double free of {size} bytes", lambda s=size: freed_twice(s), (SEAM,))
        report.case(f"slack of {size} bytes at the end", lambda s=size: slack(s, "end"), (SEAM,))
        report.case(f"slack of {size} bytes at the start", lambda s=size: slack(s, "start"), (SEAM,))
    report.case("overflow by memset", overflow_by_memset, (SEAM,))
    report.case("write after free", lambda: used_after_free("write", "write to", "the start of", 20), (SEAM,))
    report.case("realloc after free", resized_after_free, (SEAM,))
    report.case("free inside a block", interior, (SEAM,))
    report.case("a byte in front", front, (SEAM,))
    report.case("another thread frees", the_other_thread_is_named, (SEAM,))
    report.case("another thread frees, then double free", lambda: freed_twice(20, "thread"), (SEAM,))
    report.case("stacks name functions", stacks_name_functions, (SEAM,))
    report.case("overflow in a child", lambda: overflow(20, "end", "child"), (SEAM,))
    report.case("read after free in a child", lambda: used_after_free("read", "read from", ".*", 20, "child"), (SEAM,))
    report.case("a handler that was there before", handler_of_the_program, (SEAM,))
    report.case("a later handler", later_handler, (SEAM,))
    report.case("a later handler that calls ours", lambda: overflow(20, "end", "chain"), (SEAM,))
    report.case("SIGSEGV blocked", blocked, (SEAM,))
    report.case("standard error closed", without_stderr, (SEAM,))
    report.case("guard=off", off, (SEAM,))
    report.close()


if __name__ == "__main__":
    main()
