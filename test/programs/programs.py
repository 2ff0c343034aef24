#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""programs.py - real programs do with the library preloaded what they do without.

Each runs twice, in fresh directories; what it prints, how it ends and the file it makes
must be the same.
"""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
from harness import (ENGINE, FREELIST, LIBRARY, OURS, WATERMARK, Failed, Report, Skipped,  # noqa: E402
                     describe, pick, preloaded)

# The watermark engine never frees and the free list takes long: they get short runs.
N = 2000 if ENGINE in (WATERMARK, FREELIST) else pick(5000, 30000, 200000)
COMMITS = 5 if ENGINE in (WATERMARK, FREELIST) else pick(15, 60, 300)


def here(name):
    return os.path.join(HERE, name)


# title, command, file whose content counts; "-" as last argument: `data` is piped in
PROGRAMS = [
    ("python3", ["python3", here("workload.py"), str(N)], None),
    ("perl", ["perl", here("workload.pl"), str(N)], None),
    ("lua5.4", ["lua5.4", here("workload.lua"), str(N)], None),
    ("ruby", ["ruby", here("workload.rb"), str(N)], None),
    ("php", ["php", here("workload.php"), str(N)], None),
    ("node", ["node", here("workload.js"), str(N)], None),
    ("gawk", ["gawk", "-v", f"n={N // 2}", "-f", here("workload.awk")], None),
    ("mawk", ["mawk", "-v", f"n={N // 2}", "-f", here("workload.awk")], None),
    ("git", ["sh", here("git.sh"), str(COMMITS)], None),
    ("gcc", ["gcc", "-O2", "-c", "-frandom-seed=1", here("workload.c"), "-o", "out.o"], "out.o"),
    ("g++", ["g++", "-std=c++17", "-O0", "-c", "-frandom-seed=1", here("workload.cc"), "-o", "out.o"], "out.o"),
    ("clang", ["clang", "-O2", "-c", here("workload.c"), "-o", "out.o"], "out.o"),
    ("gcc -flto", ["gcc", "-O2", "-flto=2", "-shared", "-fPIC", "-frandom-seed=1", "-Wl,--build-id=none",
                   here("workload.c"), "-o", "out.so"], "out.so"),
    ("xz", ["xz", "-c", "-6", "-T2", "--block-size=512KiB", "data"], None),
    ("xz -d", ["sh", "-c", "xz -c -T2 -1 data | xz -d -c -T2"], None),
    ("gzip", ["sh", "-c", "gzip -nc data | gzip -d"], None),
    ("sort", ["sort", "--parallel=2", "-S", "300K", "-k2", "data"], None),
    ("jq", ["jq", "-c", "-n", f"[range({N // 4})|{{id:.,s:(tostring*3)}}]|map(select(.id%7==0))|group_by(.id%5)|"
            "map({k:.[0].id,n:length,t:(map(.s)|join(\"-\"))})"], None),
    ("bash", ["bash", "-c", f'declare -A m; for ((i=0;i<{N // 4};i++)); do m[k$((i%97))]+=$i; done; '
              'for k in "${!m[@]}"; do echo "$k ${#m[$k]}"; done | sort | cksum'], None),
    ("tar", ["sh", "-c", "mkdir d && split -l 50 data d/part && tar -c --sort=name --mtime=@0 d | cksum"], None),
]


def need(command):
    tool = shutil.which(command)
    if tool is None:
        raise Skipped("not installed")
    return tool


def write_data(directory):
    with open(os.path.join(directory, "data"), "w", encoding="ascii") as data:
        for i in range(20000):
            data.write(f"{i * 7919 % 20011} word{i * 104729 % 9973} {'x' * (i % 50)}\n")


def outcome(command, env, product):
    """(status, standard output, digest of the product), and standard error."""
    directory = tempfile.mkdtemp()
    try:
        write_data(directory)
        env = dict(env, LC_ALL="C", PYTHONMALLOC="malloc", PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1",
                   TMPDIR=directory)
        done = subprocess.run(command, cwd=directory, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=300, check=False)
        digest = None
        if product:
            with open(os.path.join(directory, product), "rb") as made:
                digest = hashlib.sha256(made.read()).hexdigest()
        return (done.returncode, done.stdout, digest), done.stderr.decode(errors="replace")
    except (subprocess.TimeoutExpired, FileNotFoundError) as reason:
        return (None, b"", None), str(reason)
    finally:
        shutil.rmtree(directory)


def same(command, product):
    need(command[0])
    plain, complaint = outcome(command, preloaded(library=""), product)
    if plain[0] != 0:
        raise Skipped(f"does not work without us: {complaint[:200]}")
    ours, complaint = outcome(command, preloaded(), product)
    if ours[0] != 0:
        raise Failed(f"{'no end' if ours[0] is None else describe(ours[0])}\n{complaint[-2000:]}")
    if "seamalloc" in complaint:
        raise Failed(complaint[-2000:])
    if ours[1] != plain[1]:
        raise Failed(f"other output: {ours[1][:300]!r} instead of {plain[1][:300]!r}")
    if ours[2] != plain[2]:
        raise Failed("another file is made")


def is_in_use():
    """The library is in the process, and malloc is bound to it."""
    maps = subprocess.run(["cat", "/proc/self/maps"], env=preloaded(), capture_output=True, text=True, check=True)
    if LIBRARY not in maps.stdout:
        raise Failed("not mapped")
    bound = subprocess.run(["sort", "/dev/null"], env=dict(preloaded(), LD_DEBUG="bindings"), capture_output=True,
                           text=True, check=True)
    if not any("`malloc'" in line and LIBRARY in line.split(" to ")[-1] for line in bound.stderr.splitlines()):
        raise Failed("malloc is bound to another library")


# --- redis -----------------------------------------------------------------------------------

class Redis:
    """A server on a socket in a directory of its own."""

    def __init__(self, env):
        self.directory = tempfile.mkdtemp()
        self.path = os.path.join(self.directory, "s")
        self.log = open(os.path.join(self.directory, "log"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [need("redis-server"), "--port", "0", "--unixsocket", self.path, "--dir", self.directory, "--save", "",
             "--io-threads", "2", "--daemonize", "no"],
            env=env, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def __enter__(self):
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(60)
                self.socket.connect(self.path)
                self.stream = self.socket.makefile("rb")
                return self
            except OSError:
                time.sleep(0.05)
        said = self.said()
        self.__exit__()
        raise Failed(f"redis-server does not start\n{said}")

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory)

    def said(self):
        self.log.seek(0)
        return self.log.read()[-2000:]

    def send(self, *words):
        encoded = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded))

    def reply(self):
        line = self.stream.readline()
        if not line:
            raise Failed(f"redis-server is gone\n{self.said()}")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def ask(self, *words):
        self.send(*words)
        return self.reply()


def fill_redis(server, n):
    """What the server answered to everything, as one digest."""
    answers = hashlib.sha256()
    for start in range(0, n, 500):
        for i in range(start, start + 500):
            server.send("SET", f"key{i % 4000}", str(i) * (i % 400))
            server.send("LPUSH", f"list{i % 50}", "x" * (i % 300))
            server.send("HSET", f"hash{i % 20}", f"f{i % 500}", "y" * (i % 100))
            server.send("ZADD", f"zset{i % 10}", i, f"m{i % 1000}")
            server.send("DEL" if i % 5 == 0 else "GET", f"key{(i * 7) % 4000}")
        for _ in range(500 * 5):
            answers.update(repr(server.reply()).encode())
    for key in ("list7", "list13"):
        answers.update(repr(server.ask("LRANGE", key, 0, -1)).encode())
    answers.update(repr(sorted(server.ask("KEYS", "*"))).encode())
    return answers.hexdigest()


def save_in_background(server):
    """BGSAVE forks; the server waits for the child."""
    server.ask("BGSAVE")
    for _ in range(400):
        info = server.ask("INFO", "persistence").decode()
        if "rdb_bgsave_in_progress:0" in info:
            if "rdb_last_bgsave_status:ok" not in info:
                raise Failed(f"BGSAVE fails\n{server.said()}")
            return
        time.sleep(0.05)
    raise Failed("BGSAVE does not end")


def serve(env, n):
    with Redis(env) as server:
        digest = fill_redis(server, n)
        save_in_background(server)
        server.ask("FLUSHALL")
        again = fill_redis(server, n)
        server.send("SHUTDOWN", "NOSAVE")
        if server.process.wait(timeout=20) != 0:
            raise Failed(f"redis-server ends with {describe(server.process.returncode)}\n{server.said()}")
        if "seamalloc" in server.said():
            raise Failed(server.said())
        return digest, again


def redis():
    need("redis-server")
    n = max(500, N // 10 // 500 * 500)
    if serve(preloaded(library=""), n) != serve(preloaded(), n):
        raise Failed("other answers")


def sqlite():
    need("sqlite3")
    same(["sh", "-c", f"sqlite3 :memory: < '{here('workload.sql')}'"], None)


def sqlite_file():
    need("sqlite3")
    same(["sh", "-c", f"sqlite3 db < '{here('workload.sql')}' && sqlite3 db 'SELECT count(*) FROM numbers'"], None)


def main():
    report = Report("programs")
    report.case("the library is in use", is_in_use, OURS)
    for title, command, product in PROGRAMS:
        report.case(title, lambda c=command, p=product: same(c, p))
    report.case("sqlite3 in memory", sqlite)
    report.case("sqlite3 in a file", sqlite_file)
    report.case("redis-server", redis)
    report.close()


if __name__ == "__main__":
    main()
