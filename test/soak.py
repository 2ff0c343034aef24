#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""soak.py - mixed load for long: memory must not grow, and calls must not become slower

usage: test/soak.py [--seconds=1800] [--build=build]

At the same time run: unit/plain/soak (threads that come and go, forks, audits); a redis server on the
library, filled and emptied in turns; python and sqlite programs, one after the other, which must give
the answers that they give without us.  What is resident is noted after each turn.  The last half of
a run is judged:

  resident   the means of its two quarters differ by less than 3 %, in each of the two long processes
  p99.99     of malloc and free in the last third is below twice that of the first
  the rest   every program ends well, and the audits find nothing
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MOST_GROWTH, MOST_SLOWER = 1.03, 2.0


class Failed(Exception):
    pass


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s*(\d+)", file.read())[1])


def expect(argv, env, told=None):
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, input=told)
    if done.returncode != 0:
        raise Failed(f"{argv}: ended with {done.returncode}\n{done.stderr[-1000:]}")
    return done.stdout


class Redis:
    """A server that is filled with values of many sizes, changed, and emptied."""

    def __init__(self, folder, env):
        self.socket = os.path.join(folder, "redis")
        self.server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", folder],
                                       env=env, stdout=subprocess.DEVNULL)
        self.resident = []
        for _ in range(100):
            if os.path.exists(self.socket):
                return
            time.sleep(0.1)
        raise Failed("redis does not start")

    def turn(self, env):
        for size, commands in ((20, "set,lpush,hset,sadd"), (700, "set,lpush"), (5000, "set")):
            expect(["redis-benchmark", "-s", self.socket, "-q", "-n", "10000", "-r", "20000", "-d", str(size), "-t", commands, "-P", "8"], env)
        expect(["redis-cli", "-s", self.socket, "flushall"], env)
        expect(["redis-cli", "-s", self.socket, "ping"], env)
        self.resident.append(resident_kib(self.server.pid))

    def end(self):
        self.server.terminate()
        if self.server.wait() != 0:
            raise Failed(f"redis ended with {self.server.returncode}")


def programs():
    """(argv, standard input) of what runs again and again."""
    found = [([sys.executable, os.path.join(TOP, "test/programs/workload.py"), "20000"], None)]
    if shutil.which("sqlite3"):
        with open(os.path.join(TOP, "test/programs/workload.sql"), encoding="utf-8") as file:
            found.append((["sqlite3", ":memory:"], file.read()))
    return found


def growth(resident):
    """The mean of the last quarter over that of the quarter before.  None: too few turns to tell."""
    quarter = len(resident) // 4
    if quarter < 2:
        return None
    return statistics.mean(resident[-quarter:]) / statistics.mean(resident[-2 * quarter:-quarter])


def judge(name, value, most):
    """None: could not be told."""
    if value is None:
        print(f"skip  soak: {name}: too few turns, the machine is slow or busy")
        return None
    print(f"{'pass' if value <= most else 'FAIL'}  soak: {name}: {value:.3f}, at most {most}")
    return value <= most


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--build", default="build")
    args = parser.parse_args()
    begun, turns = time.monotonic(), 0
    plain = dict(os.environ)
    ours = dict(plain, LD_PRELOAD=os.path.join(os.path.abspath(args.build), "libseamalloc.so"), PYTHONMALLOC="malloc")
    work = [(argv, told, expect(argv, plain, told)) for argv, told in programs()]
    with tempfile.TemporaryDirectory() as folder:
        threads = subprocess.Popen([os.path.join(args.build, "unit/plain/soak"), str(args.seconds)], stdout=subprocess.PIPE, text=True)
        redis = Redis(folder, ours) if shutil.which("redis-server") else None
        while time.monotonic() - begun < args.seconds:
            if redis:
                redis.turn(plain)
            for argv, told, answer in work:
                if expect(argv, ours, told) != answer:
                    raise Failed(f"{argv}: another answer than without the library")
            turns += 1
        text = threads.communicate()[0]
        if redis:
            redis.end()
    if threads.returncode != 0:
        raise Failed(text)
    told = [(int(kib), int(ns)) for kib, ns in re.findall(r"resident (\d+) p99.99 (\d+)", text)]
    latency, third = [ns for _, ns in told], max(len(told) // 3, 1)
    good = [judge("resident, threads: last quarter over the one before", growth([kib for kib, _ in told]), MOST_GROWTH),
            judge("p99.99, threads: last third over the first", statistics.median(latency[-third:]) / statistics.median(latency[:third]), MOST_SLOWER)]
    if redis:
        good.append(judge("resident, redis: last quarter over the one before", growth(redis.resident), MOST_GROWTH))
    print(f"soak: {args.seconds} s; {re.search('soak: (.*)', text)[1]}; {turns} turns of redis and {len(work)} programs; "
          f"p99.99 {statistics.median_low(latency)} ns")
    print(f"{good.count(True)} passed, {good.count(False)} failed, {good.count(None)} skipped")
    return 1 if False in good else 0


try:
    sys.exit(main())
except Failed as why:
    print(f"FAIL  soak: {why}\n0 passed, 1 failed, 0 skipped")
    sys.exit(1)
