#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""services.py - servers serve with the library what they serve without, and end in good order.

Each is started by hand on sockets in a folder of its own.  What is not installed is skipped.
"""
import ctypes
import glob
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
from harness import GLIBC, LENGTH, LIBRARY, SEAM, SECURE, Failed, Report, Skipped, describe, pick, preloaded  # noqa: E402
from programs import need  # noqa: E402

START_SECONDS = 30
END_SECONDS = 60


class Service:
    """A server in a folder that every user may enter; `stop` is the signal that asks it to end."""

    def __init__(self, library, stop=signal.SIGTERM):
        self.env = preloaded(library=library)
        self.stop = stop
        self.processes = []
        self.folder = tempfile.mkdtemp()
        os.chmod(self.folder, 0o777)
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8", errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.log.close()
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def start(self, *command):
        self.processes.append(subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=self.log,
                                               stderr=subprocess.STDOUT))
        return self.processes[-1]

    def wait_for(self, claim):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and all(process.poll() is None for process in self.processes):
            if claim():
                return
            time.sleep(0.1)
        raise Failed(f"it does not start\n{self.said()}")

    def said(self):
        self.log.seek(0)
        return self.log.read()[-2000:]

    def end(self):
        """Asks all to end; each must do so with status 0, and none had a complaint of ours."""
        for process in reversed(self.processes):
            process.send_signal(self.stop)
            try:
                status = process.wait(timeout=END_SECONDS)
            except subprocess.TimeoutExpired as late:
                raise Failed(f"it does not end\n{self.said()}") from late
            if status != 0:
                raise Failed(f"ends with {describe(status)}\n{self.said()}")
        if "seamalloc:" in self.said():
            raise Failed(self.said())


def ask(*command, env=None):
    """What a client, which runs without the library, prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
                          env=dict(env or os.environ, LD_PRELOAD=""))
    if done.returncode != 0:
        raise Failed(f"{command[0]}: {done.stderr[-1000:]}")
    return done.stdout


def succeeds(*command):
    return subprocess.run(command, capture_output=True, check=False, env=dict(os.environ, LD_PRELOAD="")).returncode == 0


def user(name):
    """What starts a command as that user, if we are root."""
    if os.getuid() != 0:
        return []
    try:
        pwd.getpwnam(name)
    except KeyError as absent:
        raise Skipped(f"there is no user {name}") from absent
    return ["setpriv", f"--reuid={name}", f"--regid={pwd.getpwnam(name).pw_gid}", "--clear-groups"]


def mariadb(library):
    need("mysqlslap")
    need("mariadb-install-db")
    with Service(library) as server:
        as_user, data, at = user("mysql"), server.path("data"), ["--socket", server.path("s")]
        ask(*as_user, "mariadb-install-db", "--no-defaults", f"--datadir={data}",
            "--auth-root-authentication-method=normal", "--skip-test-db")
        server.start(*as_user, need("mariadbd"), "--no-defaults", f"--datadir={data}", *at, "--skip-networking",
                     "--innodb-buffer-pool-size=32M")
        client = ["mariadb", "-uroot", *at]
        server.wait_for(lambda: succeeds(*client, "-e", "select 1"))
        ask("mysqlslap", "-uroot", *at, "--auto-generate-sql", "--auto-generate-sql-load-type=mixed", "--concurrency=6",
            "--number-of-queries=1200", "--engine=innodb")
        said = ask(*client, "-Ne", "use mysql; set group_concat_max_len=10000000; "
                   "select md5(group_concat(md5(seq) order by md5(seq))) from seq_1_to_30000; "
                   "select count(*), sum(n) from (select md5(seq%2000) k, count(*) n from seq_1_to_50000 group by k) t")
        server.end()
        return said


def postgres(library):
    tools = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if not tools:
        raise Skipped("not installed")
    binaries = os.path.dirname(tools[-1])
    # SIGINT: "fast shutdown".
    with Service(library, signal.SIGINT) as server:
        as_user, data = user("postgres"), server.path("data")
        to = ["-h", server.folder, "-U", "postgres"]
        ask(*as_user, f"{binaries}/initdb", "-D", data, "-A", "trust", "-U", "postgres",
            env=dict(os.environ, LC_ALL="C"))
        server.start(*as_user, f"{binaries}/postgres", "-D", data, "-k", server.folder, "-h", "",
                     "-c", "shared_buffers=16MB", "-c", "jit=on", "-c", "jit_above_cost=0")
        server.wait_for(lambda: succeeds(f"{binaries}/pg_isready", "-q", *to))
        said = ask(f"{binaries}/psql", *to, "-Atc",
                   "create table t as select i, md5(i::text) m from generate_series(1, 40000) i; "
                   "create index on t(m); select count(*), md5(string_agg(m, ',' order by m)) from t; "
                   "select sum(length(a.m)) from t a join t b on a.m = b.m; "
                   "set max_parallel_workers_per_gather = 2; select count(distinct substr(m, 1, 4)) from t; "
                   "select jsonb_object_agg(i, m)->>'77' from t where i < 5000", "postgres")
        server.end()
        return said


WEB = """
daemon off; worker_processes 2; error_log {0}/error; pid {0}/pid; {1}
events {{ worker_connections 64; }}
http {{ access_log off; gzip on; gzip_types text/plain; gzip_min_length 1; client_body_temp_path {0}/a; proxy_temp_path {0}/b;
  fastcgi_temp_path {0}/c; uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;
  server {{ listen 127.0.0.1:{2}; root {0}; default_type text/plain;
    location /again/ {{ proxy_pass http://127.0.0.1:{2}/; }}
    location ~ [.]php$ {{ fastcgi_pass unix:{0}/php; fastcgi_param SCRIPT_FILENAME {0}/page.php;
      fastcgi_param REQUEST_METHOD GET; }} }} }}
"""
PAGE = ("<?php $a = []; for ($i = 0; $i < 3000; $i++) { $a['k' . ($i % 100)][] = str_repeat('x', $i % 50); } "
        "echo md5(json_encode($a)), strlen(serialize($a)), preg_match_all('/x+/', json_encode($a));")
POOL = ("[global]\nerror_log = {0}/pool\ndaemonize = no\n[www]\n{1}listen = {0}/php\nlisten.mode = 0666\npm = static\n"
        "pm.max_children = 2\npm.max_requests = 40\n")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port, path):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def web(library):
    """nginx, and PHP behind it where it is installed."""
    need("nginx")
    pools = sorted(glob.glob("/usr/sbin/php-fpm*"))
    with Service(library, signal.SIGQUIT) as server:
        port, root = free_port(), os.getuid() == 0
        server.write("text", "".join(f"line {i}\n" for i in range(5000)))
        server.write("page.php", PAGE)
        if pools:
            pool = POOL.format(server.folder, "user = root\n" if root else "")
            server.start(pools[-1], "-n", "-R", "-y", server.write("pool.conf", pool))
            server.wait_for(lambda: os.path.exists(server.path("php")))
        conf = WEB.format(server.folder, "user root;" if root else "", port)
        server.start("nginx", "-e", server.path("error"), "-c", server.write("conf", conf))
        server.wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        answers = hashlib.sha256()
        for i in range(300):
            answers.update(fetch(port, "again/text" if i % 3 else "text"))
            if pools:
                answers.update(fetch(port, "page.php"))
        server.end()
        return answers.hexdigest()


def memcached(library):
    need("memcached")
    with Service(library) as server:
        command = [need("memcached"), "-s", server.path("s"), "-t", "4", "-m", "64"]
        server.start(*command, *(["-u", "nobody"] if os.getuid() == 0 else []))
        client = socket.socket(socket.AF_UNIX)
        server.wait_for(lambda: os.path.exists(server.path("s")) and client.connect_ex(server.path("s")) == 0)
        stream, answers = client.makefile("rb"), hashlib.sha256()
        for i in range(10000):
            value = b"x" * (i * 7 % 3000)
            client.sendall(b"set k%d 0 0 %d\r\n%s\r\nget k%d\r\n" % (i % 3000, len(value), value, i // 2 % 3000))
            line = b""
            while line != b"END\r\n":
                line = stream.readline()
                answers.update(line)
        client.close()
        server.end()
        return answers.hexdigest()


def system_calls(name, seen):
    """The system calls of a set of systemd, such as @system-service."""
    calls = set()
    if name not in seen:
        seen.add(name)
        for line in ask("systemd-analyze", "syscall-filter", name).splitlines()[1:]:
            word = line.strip()
            if word.startswith("@"):
                calls |= system_calls(word, seen)
            elif word and not word.startswith("#"):
                calls.add(word)
    return calls


# Inherited at execve, as systemd does it; all that is not in the set kills.
KILL, ALLOW = 0x80000000, 0x7fff0000
LOAD = ("import threading, zlib, subprocess\n"
        "def work(k):\n"
        "    for i in range(0, 20000, 97): zlib.compress(bytes([k]) * i)\n"
        "    return [b'x' * (i % 5000) for i in range(20000)]\n"
        "threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "large = [bytearray(1 << 20) for i in range(60)]; del large\n"
        "subprocess.run(['true'], check=True)\n")


def confined(calls, conf):
    """Runs the load in the filter; its exit status."""
    filters = ctypes.CDLL("libseccomp.so.2")
    filters.seccomp_init.restype = ctypes.c_void_p
    numbers = [filters.seccomp_syscall_resolve_name(call.encode()) for call in calls]

    def confine():
        rules = ctypes.c_void_p(filters.seccomp_init(KILL))
        for number in numbers:
            if number >= 0:
                filters.seccomp_rule_add(rules, ALLOW, number, 0)
        if filters.seccomp_load(rules) != 0:
            os._exit(1)

    env = dict(preloaded(), SEAMALLOC_CONF=conf, PYTHONMALLOC="malloc")
    return subprocess.run([sys.executable, "-c", LOAD], env=env, preexec_fn=confine, timeout=60, check=False,
                          stderr=subprocess.DEVNULL).returncode


def service_filter():
    """SystemCallFilter=@system-service of a unit lets all through that the library asks for."""
    need("systemd-analyze")
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError as absent:
        raise Skipped("needs libseccomp") from absent
    calls = system_calls("@system-service", set()) | system_calls("@default", set())
    for conf in pick(("stats=1,idle=1s",), *[("", "stats=1,idle=1s", "guard=10", "thp=always")] * 2):
        status = confined(calls, conf)
        if status != 0:
            raise Failed(f"{conf or 'no option'}: {describe(status)}")


def same(service):
    if LENGTH == "quick":
        raise Skipped("not in a quick run")
    plain, ours = service(""), service(LIBRARY)
    if ours != plain:
        raise Failed(f"other answers: {ours[:300]} instead of {plain[:300]}")


def main():
    report = Report("services")
    for title, service in (("MariaDB", mariadb), ("PostgreSQL", postgres), ("nginx and PHP-FPM", web),
                           ("memcached", memcached)):
        report.case(title, lambda s=service: same(s), (SEAM, SECURE, GLIBC))
    report.case("systemd's filter @system-service", service_filter, (SEAM, SECURE))
    report.close()


if __name__ == "__main__":
    main()
