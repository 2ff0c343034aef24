#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""situations.py - programs under tools, plugins, sandboxes and processors that are not ours

What a case needs beside the test programs (valgrind, php, qemu-x86_64 ...) is skipped where
it is missing."""
import glob
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, Failed, Report, Skipped, describe, pick, preloaded, program, run  # noqa: E402

# The first x86-64 processors, and the default models of virtual machines: no POPCNT, no BMI.
PLAIN_PROCESSORS = ("qemu64", "core2duo", "kvm64", "Opteron_G1")
PROCESSORS = pick((*PLAIN_PROCESSORS[:2], "max"), (*PLAIN_PROCESSORS, "Nehalem", "max"), (*PLAIN_PROCESSORS, "Nehalem", "max"))


def need(tool):
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Skipped(f"no {tool}")
    return path


# --- tools that know malloc, calloc, realloc and free only ----------------------------------

def behind_a_tracer():
    run([program("situations/vector")], env=preloaded(program("situations/libtracer.so")))


def malloc_of_the_program():
    run([program("situations/vector_with_malloc")])


def behind_memusage():
    found = glob.glob("/usr/lib/*/libmemusage.so") + glob.glob("/usr/lib*/libmemusage.so")
    if not found:
        raise Skipped("no libmemusage.so")
    run([program("situations/vector")], env=preloaded(found[0]))


def under_valgrind(tool, *command):
    done = run([need("valgrind"), "-q", f"--tool={tool}", "--error-exitcode=9", *command], seconds=120, expect=None)
    if done.returncode != 0:
        raise Failed(f"{describe(done.returncode)}\n{done.stderr[-2000:]}")


def under_memcheck():
    under_valgrind("memcheck", program("situations/vector"))


def under_helgrind():
    """It replaces malloc as memcheck does; the program has races with nobody."""
    under_valgrind("helgrind", program("situations/vector"))


# --- tools whose hooks allocate -----------------------------------------------------------------

def hooks_that_allocate(nr_threads):
    steps = pick(6000, 60000, 600000)
    run([program("situations/churn"), str(nr_threads), str(steps)],
        env=preloaded(program("situations/libmaphooks.so")), seconds=pick(60, 120, 600))


def under_faketime():
    """It has a clock of its own, under a lock of its own, and allocates with it."""
    need("faketime")
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        raise Skipped("no libfaketimeMT.so.1")
    env = dict(preloaded(found[0]), FAKETIME="-3d")
    run([program("situations/churn"), "3", str(pick(6000, 60000, 600000))], env=env, seconds=pick(60, 120, 600))


# --- plugins ----------------------------------------------------------------------------------------

def deep_bound_plugin():
    run([program("situations/deepbind_host"), program("situations/libplugin.so")])


def php():
    """Debian's php opens its extensions with RTLD_DEEPBIND."""
    script = '$a = []; for ($i = 0; $i < 100000; $i++) $a[] = json_encode([$i, "s" => str_repeat("x", $i % 100)]);' \
             'echo strlen(implode(",", $a)), " ", preg_match_all("/x+/", implode($a)), "\\n";'
    env = dict(preloaded(), USE_ZEND_ALLOC="0")  # its own allocator would hide ours
    wanted = run([need("php"), "-r", script], env=dict(preloaded(library=""), USE_ZEND_ALLOC="0")).stdout
    for environment in (env, preloaded()):
        got = run([need("php"), "-r", script], env=environment).stdout
        if got != wanted:
            raise Failed(f"it prints {got!r} in place of {wanted!r}")


# --- processors -----------------------------------------------------------------------------------------

def emulated(processor, *command, seconds=120, expect=0):
    if platform.machine() != "x86_64":
        raise Skipped("the library is not for x86-64")
    preload = ["-E", f"LD_PRELOAD={LIBRARY}"] if LIBRARY else []
    return run([need("qemu-x86_64"), "-cpu", processor, *preload, *command], env=preloaded(library=""),
               seconds=seconds, expect=expect)


def on_processor(processor):
    steps = str(pick(1000, 10000, 60000))
    emulated(processor, program("situations/churn"), "1", steps)
    emulated(processor, program("situations/vector"))
    done = emulated(processor, need("perl"), "-e", "print length(qq(x) x 9000000)")
    if done.stdout != "9000000":
        raise Failed(f"perl prints {done.stdout!r}")


def api_on_processor(processor):
    """Tests of the C API that an emulator runs in seconds, and that measure no time."""
    names = pick(("blocks",), ("blocks", "errors", "aligned"), ("blocks", "errors", "aligned", "control", "extensions"))
    for name in names:
        done = emulated(processor, program(f"api/{name}"), seconds=600, expect=None)
        if done.returncode != 0:
            wrong = [line for line in done.stdout.splitlines() if not line.startswith(("pass", "skip"))]
            raise Failed(f"api/{name}: {describe(done.returncode)}\n" + "\n".join(wrong)[-2000:] + done.stderr[-500:])


# --- logins --------------------------------------------------------------------------------------------

class SshServer:
    """sshd under the library, on a free port of this machine, with keys of its own."""

    def __init__(self):
        self.sshd = need("sshd")
        self.directory = tempfile.mkdtemp()
        self.key, self.host_key = self.path("key"), self.path("host_key")
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.port = unused.getsockname()[1]

    def path(self, name):
        return os.path.join(self.directory, name)

    def __enter__(self):
        for key in (self.key, self.host_key):
            run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], env=preloaded(library=""))
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # the place that it changes its root to
        with open(self.path("config"), "w", encoding="utf-8") as config:
            config.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\n"
                         f"AuthorizedKeysFile {self.key}.pub\nPidFile none\nStrictModes no\n"
                         "UsePAM no\nPermitRootLogin yes\n")
        self.process = subprocess.Popen([self.sshd, "-D", "-f", self.path("config"), "-E", self.path("log")],
                                        env=preloaded(), stdin=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        self.__exit__()
        raise Failed("sshd does not listen")

    def log_in(self, command):
        return run([need("ssh"), "-F", "none", "-i", self.key, "-p", str(self.port), "-o", "StrictHostKeyChecking=no",
                    "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@127.0.0.1", command],
                   env=preloaded(library=""), expect=None)

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory)


def logins():
    """The child that talks to a stranger before the login is in a filter of sshd's."""
    if os.geteuid() != 0:
        raise Skipped("needs root")
    need("ssh")
    with SshServer() as server:
        for _ in range(pick(2, 5, 50)):
            done = server.log_in("seq 100000 | sort -rn | tail -1")
            if done.returncode != 0 or done.stdout != "1\n":
                with open(server.path("log"), encoding="utf-8") as log:
                    raise Failed(f"{describe(done.returncode)}\n{done.stderr}{log.read()[-1000:]}")


def main():
    report = Report("situations")
    report.case("a tracer with four functions comes before us", behind_a_tracer)
    report.case("a program with a malloc of four functions", malloc_of_the_program)
    report.case("memusage", behind_memusage)
    report.case("valgrind", under_memcheck)
    report.case("helgrind", under_helgrind)
    report.case("hooks of mmap and the clock allocate, one thread", lambda: hooks_that_allocate(1))
    report.case("hooks of mmap and the clock allocate, 3 threads", lambda: hooks_that_allocate(3))
    report.case("3 threads under faketime", under_faketime)
    report.case("a plugin opened with RTLD_DEEPBIND", deep_bound_plugin)
    report.case("php", php)
    for processor in PROCESSORS:
        report.case(f"on a processor {processor}", lambda p=processor: on_processor(p))
    for processor in pick(("qemu64",), ("qemu64", "max"), ("qemu64", "kvm64", "Nehalem", "max")):
        report.case(f"tests of the API on a processor {processor}", lambda p=processor: api_on_processor(p))
    report.case("logins through sshd", logins)
    report.close()


if __name__ == "__main__":
    main()
