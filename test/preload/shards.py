#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""shards.py - how many shards threads are spread over: options, affinity, control groups."""
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import SEAM, Failed, Report, Skipped, describe, preloaded, program, run  # noqa: E402

NR_THREADS = 8
NR_CPUS = len(os.sched_getaffinity(0))


def expect(got, want):
    if got != want:
        raise Failed(f"{got} shards, {want} expected")


def shards_for(nr_cpus):
    """What so many processors give to NR_THREADS threads and the first."""
    return 1 if nr_cpus == 1 else min(2 * nr_cpus, NR_THREADS + 1)


def shards_in(done):
    found = re.search(r"zones in (\d+) shards", done.stderr)
    if not found:
        raise Failed(f"malloc_stats() does not say:\n{done.stderr}")
    return int(found[1])


def shards(conf="", before=(), **options):
    env = dict(preloaded(), SEAMALLOC_CONF=conf)
    return shards_in(run([*before, program("preload/holders"), str(NR_THREADS)], env=env, **options))


def need_root():
    if os.geteuid() != 0:
        raise Skipped("needs root")


# --- options and affinity ----------------------------------------------------------------

def as_the_option_says():
    for nr in (1, 3, NR_THREADS + 1):
        expect(shards(f"shards={nr}"), nr)
    expect(shards(f"shards={NR_THREADS + 5}"), NR_THREADS + 1)


def one_thread():
    expect(shards_in(run([program("preload/holders"), "0"])), 1)


def one_processor():
    if shutil.which("taskset") is None:
        raise Skipped("no taskset")
    expect(shards(before=["taskset", "-c", str(min(os.sched_getaffinity(0)))]), 1)


def one_processor_is_not_asked_for():
    expect(shards("shards=3", preexec_fn=lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])), 3)


# --- control groups of the kernel -----------------------------------------------------------

def own_groups():
    """Folders of the groups that this process is in and that can limit time: (folder, version)."""
    with open("/proc/self/cgroup", encoding="utf-8") as lines:
        for line in lines:
            _, controllers, name = line.rstrip("\n").split(":", 2)
            if "cpu" in controllers.split(","):
                yield "/sys/fs/cgroup/cpu" + name, 1
            elif controllers == "":
                yield "/sys/fs/cgroup" + name, 2


@contextlib.contextmanager
def group_below(folder):
    path = os.path.join(folder, f"seamalloc-test-{os.getpid()}")
    try:
        os.mkdir(path)
    except OSError as error:
        raise Skipped(f"no control group can be made: {error}") from error
    try:
        yield path
    finally:
        for _ in range(50):  # a process that has ended may be in it for a moment
            try:
                os.rmdir(path)
                break
            except OSError:
                time.sleep(0.02)


def write(folder, name, text):
    try:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Skipped(f"{name} cannot be written: {error}") from error


def set_limit(folder, version, cpus):
    quota = int(cpus * 100000)
    if version == 2:
        write(folder, "cpu.max", f"{quota} 100000")
    else:
        write(folder, "cpu.cfs_period_us", "100000")
        write(folder, "cpu.cfs_quota_us", str(quota))


def has_limits(folder, version):
    return os.path.exists(os.path.join(folder, "cpu.max" if version == 2 else "cpu.cfs_quota_us"))


def shards_inside(folder):
    try:
        return shards(preexec_fn=lambda: write(folder, "cgroup.procs", str(os.getpid())))
    except subprocess.SubprocessError as error:
        raise Skipped(f"no process can be moved into it: {error}") from error


def check_group(folder, version):
    with group_below(folder) as group:
        if not has_limits(group, version):
            raise Skipped("the controller of processor time is not enabled here")
        for cpus in (1, 0.5, 1.5, 2, 64):
            set_limit(group, version, cpus)
            expect(shards_inside(group), min(shards(), shards_for(max(1, int(cpus + 0.5)))))
        set_limit(group, version, 1)
        if version == 1:
            with group_below(group) as inner:
                expect(shards_inside(inner), 1)


def in_a_control_group():
    need_root()
    groups = [(folder, version) for folder, version in own_groups() if os.path.isdir(folder)]
    if not groups:
        raise Skipped("no tree of control groups where it is looked for")
    reasons = []
    for folder, version in groups:
        try:
            check_group(folder, version)
        except Skipped as reason:
            reasons.append(str(reason))
    if len(reasons) == len(groups):
        raise Skipped("; ".join(reasons))


# --- control groups that are files of ours ---------------------------------------------------

MADE_UP = """
mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/a/b && mount -t tmpfs tmpfs /mnt &&
printf '%s' "$1" >/mnt/list && mount --bind /mnt/list /proc/$$/cgroup || exit 77
printf '%s' "$2" >/sys/fs/cgroup/a/cpu.max
LD_PRELOAD=$4 exec "$0" "$3"
"""


def shards_by(names, limit):
    env = preloaded()
    preload = env.pop("LD_PRELOAD")
    done = run(["unshare", "-m", "sh", "-c", MADE_UP, program("preload/holders"), names, limit, str(NR_THREADS), preload],
               env=env, expect=None)
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        raise Skipped(f"no such tree can be made: {done.stderr.strip()}")
    if done.returncode != 0:
        raise Failed(f"{describe(done.returncode)}\n{done.stderr}")
    return shards_in(done)


def in_a_made_up_tree():
    need_root()
    if shutil.which("unshare") is None:
        raise Skipped("no unshare")
    expect(shards_by("0::/a/b\n", "100000 100000\n"), 1)
    expect(shards_by("0::/a/b\n", "1000 100000\n"), 1)
    expect(shards_by("0::/a/b\n", "150000 100000\n"), shards_for(min(NR_CPUS, 2)))
    for names, limit in (("0::/a/b\n", "max 100000\n"), ("0::/\n", "100000 100000\n"), ("0::/a/b\n", "nonsense"),
                         ("", "100000 100000\n"), ("0::/x/y\n", "100000 100000\n")):
        expect(shards_by(names, limit), shards_for(NR_CPUS))


def main():
    report = Report("shards")
    report.case("as many as the option says", as_the_option_says, (SEAM,))
    report.case("one, for one thread", one_thread, (SEAM,))
    report.case("one, for one processor", one_processor, (SEAM,))
    report.case("the option stands above affinity", one_processor_is_not_asked_for, (SEAM,))
    report.case("in a control group", in_a_control_group, (SEAM,))
    report.case("in a made-up tree of control groups", in_a_made_up_tree, (SEAM,))
    report.close()


if __name__ == "__main__":
    main()
