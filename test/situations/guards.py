#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""guards.py - correct programs whose blocks are guarded far more often than one in 5000

Programs of other suites, real programs, and programs under limits run with guard=1 (each refill) and
more.  None may end otherwise or write a word."""
import os
import resource
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import SEAM, Report, Skipped, demand, pick, preloaded, program, run, silent  # noqa: E402

RATES = pick(("1",), ("1", "7"), ("1", "7", "100"))
HARNESSES = ("api/account", "api/aligned", "api/blocks", "api/calloc", "api/errors", "api/jemalloc", "api/model", "api/operators",
             "api/realloc", "situations/fork_handlers", "situations/large_alignments", "situations/locked",
             "situations/mlockall_limit", "situations/never_written", "situations/objects_and_tables", "situations/own_faults",
             "situations/partial_operators", "situations/sandbox_advice", "situations/many_mappings")
SCRIPT = "import json, re\nfor i in range(12): s = json.dumps([{'n': j, 't': 'x' * (j % 90)} for j in range(2000)]); json.loads(s)\n" \
         "print(len(re.findall('x+', s)))"


def env(rate, *more):
    return dict(preloaded(*more), SEAMALLOC_CONF=f"guard={rate}")


def harness(name, rate):
    done = run([program(name)], env=env(rate), seconds=100, expect=None)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    demand(done.returncode == 0 and not failed, "\n".join(failed) + done.stderr[-2000:])


def tool(rate, *command, **options):
    if shutil.which(command[0]) is None:
        raise Skipped(f"no {command[0]}")
    silent(run(command, env=env(rate), **options))


def sorting(rate):
    with tempfile.NamedTemporaryFile("w") as numbers:
        numbers.writelines(f"{n * 7919 % 100003}\n" for n in range(60000))
        numbers.flush()
        tool(rate, "sort", "-n", "--parallel=2", numbers.name)


def few_mappings_left(rate):
    """All mappings but 300 are taken: guards use 129 of them at most."""
    script = "import mmap\nkept = []\n" \
             "try:\n  while len(kept) < 70000: kept.append(mmap.mmap(-1, 4096, prot=1 + len(kept) % 2 * 2))\n" \
             "except OSError: pass\n" \
             "for n in range(300): kept[n].close()\n" \
             "blocks = [b'x' * (600 + n % 900) for n in range(30000)]\nprint(len(kept) > 1000)"
    done = run(["python3", "-c", script], env=dict(env(rate), PYTHONMALLOC="malloc"), seconds=100)
    demand(done.stdout == "True\n", done.stdout)
    silent(done)


def little_address_space(rate):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (192 << 20, 192 << 20))
    silent(run(["python3", "-c", SCRIPT], env=dict(env(rate), PYTHONMALLOC="malloc"), preexec_fn=limit))


def main():
    report = Report("guards")
    for rate in RATES:
        for name in HARNESSES:
            report.case(f"{name}, guard={rate}", lambda n=name, r=rate: harness(n, r), (SEAM,))
        report.case(f"python3, guard={rate}", lambda r=rate: silent(run(["python3", "-c", SCRIPT], env=dict(env(r), PYTHONMALLOC="malloc"))), (SEAM,))
        report.case(f"perl, guard={rate}", lambda r=rate: tool(r, "perl", "-e", "my %h; $h{$_} = 'x' x ($_ % 300) for 1..60000; print scalar keys %h"), (SEAM,))
        report.case(f"bash, guard={rate}", lambda r=rate: tool(r, "bash", "-c", "for i in {1..20000}; do a[$i]=$i$i; done; echo ${#a[@]}"), (SEAM,))
        report.case(f"git log, guard={rate}", lambda r=rate: tool(r, "git", "log", "--stat", "-30", cwd=os.path.dirname(os.path.abspath(__file__))), (SEAM,))
        report.case(f"sort, guard={rate}", lambda r=rate: sorting(r), (SEAM,))
        report.case(f"no mappings left, guard={rate}", lambda r=rate: few_mappings_left(r), (SEAM,))
        report.case(f"little address space, guard={rate}", lambda r=rate: little_address_space(r), (SEAM,))
    report.close()


if __name__ == "__main__":
    main()
