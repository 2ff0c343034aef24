#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""process.py - processes under unusual conditions: limits, sandboxes, early and late use,
no /proc, no descriptors, static programs, an environment that must not be trusted."""
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (EVERY, GLIBC, LIBRARY, OURS, SEAM, FREELIST, Failed, Report, Skipped, demand, describe,  # noqa: E402
                     pick, preloaded, program, run, silent)

MIB = 1024 * 1024
NOBODY = 65534
MAX_MORE_SYSCALLS = 11
HERE = os.path.dirname(os.path.abspath(__file__))


def need(*tools):
    for tool in tools:
        if shutil.which(tool) is None:
            raise Skipped(f"no {tool}")


def need_root():
    if os.geteuid() != 0:
        raise Skipped("needs root")


def exercise(*arguments, **options):
    silent(run([program("preload/exercise"), *arguments], **options))


# --- early and late ---------------------------------------------------------------------

def before_its_constructor():
    library = program("preload/libearly.so")
    os.stat(library)
    silent(run([program("preload/early")], seconds=90))


def in_ifunc_resolver():
    silent(run([program("preload/ifunc")]))


def behind_a_wrapper():
    silent(run([program("preload/exercise"), "threads"], env=preloaded(program("preload/libwrapper.so"))))


def hooks_that_allocate():
    silent(run([program("preload/exercise"), "threads"], env=preloaded(program("preload/libhooks.so"))))


def under_a_false_clock():
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not found:
        raise Skipped("no libfaketime")
    silent(run([program("preload/exercise"), "threads"], env=dict(preloaded(found[0]), FAKETIME="-1d")))


def behind_a_tracer():
    """Something before us has malloc, calloc, realloc and free only, and blocks of its own."""
    silent(run([program("preload/traced")], env=preloaded(program("preload/libtracer.so"))))
    silent(run([program("preload/traced")]))


def under_memusage():
    library = next((path for path in glob.glob("/usr/lib/*/libmemusage.so") + glob.glob("/lib/*/libmemusage.so")), None)
    if library is None:
        raise Skipped("no libmemusage.so")
    run([program("preload/traced")], env=preloaded(library))


def under_valgrind():
    need("valgrind")
    for tool in ("memcheck", "helgrind", "drd"):
        run(["valgrind", "-q", f"--tool={tool}", "--error-exitcode=7", program("preload/traced")])


def deep_binding():
    """A plugin opened with RTLD_DEEPBIND has this malloc, and is found by its caller's run path."""
    silent(run([program("preload/deepbound"), "libdeepbound.so"]))


def deep_binding_kept():
    env = dict(preloaded(), SEAMALLOC_CONF="deepbind=keep")
    silent(run([program("preload/deepbound"), "libdeepbound.so", "keep"], env=env))


def opened_late():
    silent(run([program("preload/opened"), LIBRARY], env=preloaded(library="")))


def without_keys():
    silent(run([program("preload/keys"), LIBRARY], env=preloaded(library="")))


def opened_in_preloaded():
    silent(run([program("preload/opened"), LIBRARY]))


def twice():
    silent(run([program("preload/exercise"), "threads"], env=preloaded(LIBRARY, LIBRARY)))


# --- limits -------------------------------------------------------------------------------

def limited(which, size):
    exercise(preexec_fn=lambda: resource.setrlimit(which, (size, size)))


def with_threads():
    exercise("threads")


def address_space_limit():
    limited(resource.RLIMIT_AS, 64 * MIB)


def data_limit():
    limited(resource.RLIMIT_DATA, 64 * MIB)


def tiny_limits():
    """Too little to work in: an honest failure, no crash, and no hang."""
    for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        for mib in (4, 6, 8, 12, 16, 24):
            done = run([program("preload/exercise")], expect=None, seconds=30,
                       preexec_fn=lambda w=which, m=mib: resource.setrlimit(w, (m * MIB, m * MIB)))
            if done.returncode not in (0, 1, 127):
                raise Failed(f"with {mib} MiB: {describe(done.returncode)}\n{done.stderr}")


# --- sandboxes --------------------------------------------------------------------------------

def sandboxed(error, calls):
    done = run([program("preload/sandbox"), error, calls, program("preload/exercise"), "threads"], expect=None)
    if done.returncode == 77:
        raise Skipped("seccomp is not available")
    demand(done.returncode == 0, f"{describe(done.returncode)}\n{done.stderr}")
    silent(done)


def without_calls():
    for error in ("EPERM", "ENOSYS"):
        for call in ("madvise", "process_madvise", "getrandom", "sched_getaffinity", "membarrier", "mremap", "prctl"):
            sandboxed(error, call)
        sandboxed(error, "madvise,getrandom,sched_getaffinity,membarrier,mremap,prctl,getcpu")


def killed_for_new_calls():
    """A filter from before the program: seamalloc looks for one before it makes the call."""
    sandboxed("KILL", "process_madvise")


def without_files():
    """A program that is linked statically needs none to start."""
    with Static("exercise.c", "-static") as static:
        for error in ("EPERM", "ENOSYS"):
            done = run([program("preload/sandbox"), error, "openat", static.path, "threads"], env=preloaded(library=""),
                       expect=None)
            if done.returncode == 77:
                raise Skipped("seccomp is not available")
            demand(done.returncode == 0, f"{describe(done.returncode)}\n{done.stderr}")
            silent(done)


def failing_calls():
    """A thread that makes its first zone finds errno as it was."""
    env = dict(preloaded(program("preload/libfailing.so")), SEAMALLOC_CONF="shards=9")
    run([program("preload/holders")], env=env)


def without_proc():
    need_root()
    need("unshare")
    script = 'umount -l /proc && test ! -e /proc/self && exec "$0" threads'
    env = preloaded()
    preload = env.pop("LD_PRELOAD", "")
    script = script.replace("exec ", f"LD_PRELOAD='{preload}' exec ")
    done = run(["unshare", "-m", "sh", "-c", script, program("preload/exercise")], env=env, expect=None)
    if done.returncode != 0 and re.search("unshare|umount", done.stderr):
        raise Skipped("no mount namespace to be had")
    demand(done.returncode == 0, f"{describe(done.returncode)}\n{done.stderr}")
    silent(done)


def without_descriptors():
    for closing in ("0<&- 1>&- 2>&-", "0<&-", "1>&-", "2>&-", "1>&- 2>&-"):
        reopening = " ".join(f"{fd}<&-" for fd in (0, 1, 2))
        run(["sh", "-c", f'exec "$0" {reopening}', program("preload/descriptors")])
        run(["sh", "-c", f'exec "$0" threads {closing}', program("preload/exercise")])


def without_environment():
    kept = {k: v for k, v in preloaded().items() if k == "LD_PRELOAD"}
    silent(run([program("preload/exercise"), "threads"], env=kept))


# --- static programs and setuid --------------------------------------------------------------------

class Static:
    """A program linked with libseamalloc.a, in a directory that goes away."""

    CXX = {"gcc": "g++", "clang": "clang++"}

    def __init__(self, source, *flags):
        self.archive = os.path.join(os.path.dirname(LIBRARY), "libseamalloc.a")
        if not os.path.exists(self.archive):
            raise Failed("no libseamalloc.a")
        self.directory = tempfile.mkdtemp()
        os.chmod(self.directory, 0o755)
        self.path = os.path.join(self.directory, "program")
        self.map = os.path.join(self.directory, "map")
        compiler = os.environ.get("SEA_TEST_CC", "gcc")
        if source.endswith(".cc"):
            compiler = self.CXX.get(compiler, "g++")
            flags = ("-std=c++17", "-fsized-deallocation", *flags)
        done = subprocess.run(
            [compiler, "-O2", "-g", "-fno-builtin", "-pthread", *flags,
             os.path.join(HERE, source), self.archive, f"-Wl,-Map={self.map}", "-o", self.path],
            capture_output=True, text=True, check=False)
        self.messages = done.stderr
        self.linked = done.returncode == 0

    def __enter__(self):
        if not self.linked or self.messages:
            self.__exit__()
            raise Failed(f"it does not link cleanly:\n{self.messages}")
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.directory)


def check_symbols(static):
    with open(static.map, encoding="utf-8") as text:
        demand("libc.a(malloc.o)" not in text.read(), "malloc.o of libc is linked in")
    symbols = subprocess.run(["nm", static.path], check=True, capture_output=True, text=True).stdout
    for name in ("malloc", "free", "calloc", "realloc", "memalign", "malloc_usable_size"):
        count = len(re.findall(rf" [TWt] {name}$", symbols, re.M))
        demand(count == 1, f"{count} definitions of {name}")
    demand(not re.search(r" _int_(malloc|free)$", symbols, re.M), "_int_malloc of libc is linked in")


def linked_statically(*flags):
    with Static("exercise.c", *flags) as static:
        check_symbols(static)
        silent(run([static.path, "threads"], env=preloaded(library="")))
        done = run([static.path], env=dict(preloaded(library=""), SEAMALLOC_CONF="verbose=1"))
        demand("seamalloc" in done.stderr, "the static program does not use seamalloc")


def handlers_of_a_static_program():
    """Its constructors: ours is the first."""
    more = [os.path.join(HERE, name) for name in ("libhandlers.c", "../harness.c")]
    with Static("handlers.c", "-static", *more) as static:
        run([static.path], env=preloaded(library=""), seconds=150)


def linked_dynamically_with_archive():
    with Static("exercise.c") as static:
        silent(run([static.path, "threads"], env=preloaded(library="")))


def operators_replaced():
    """A program's basic operators are called by the other forms, however it is linked."""
    silent(run([program("preload/replaced")]))


def operators_replaced_statically():
    for flags in (("-static",), ("-static-pie",), (), ("-static", "-DPLAIN_ONLY")):
        with Static("replaced.cc", *flags) as static:
            silent(run([static.path], env=preloaded(library="")))


def setuid():
    need_root()
    need("setpriv")
    with Static("secure.c", "-static") as static:
        env = dict(preloaded(library=""), SEAMALLOC_CONF="verbose=1,no_such_option=1,strict=0",
                   SEAMALLOC_CONF_FILE="/no/such/file")
        heard = run([static.path], env=env)
        demand(heard.stdout == "0\n" and heard.stderr.count("\n") == 3, "the environment has an effect where it is trusted")
        os.chown(static.path, 0, 0)
        os.chmod(static.path, 0o4755)
        done = run(["setpriv", "--reuid", str(NOBODY), "--clear-groups", static.path], env=env)
        if done.stdout != "1\n":
            raise Skipped("setuid has no effect here")
        silent(done)


def preloaded_into_setuid():
    """The dynamic linker ignores the preload; nothing else may break."""
    need_root()
    need("setpriv")
    directory = tempfile.mkdtemp()
    try:
        os.chmod(directory, 0o755)
        path = shutil.copy(program("preload/exercise"), directory)
        os.chmod(path, 0o4755)
        run(["setpriv", "--reuid", str(NOBODY), "--clear-groups", path])
    finally:
        shutil.rmtree(directory)


# --- what a small process pays ------------------------------------------------------------------------

def trace_true(preload):
    with tempfile.NamedTemporaryFile(mode="r") as log:
        command = ["strace", "-f", "-o", log.name, "-E", f"LD_PRELOAD={preload}", "/bin/true"]
        done = run(command, env=preloaded(library=""), expect=None)
        if done.returncode != 0:
            raise Skipped("strace cannot trace here")
        return [line for line in log if re.search(r"\w+\(", line) and "+++" not in line]


def count_syscalls():
    """The linker opens, maps and protects our library: 10 calls.  We look for a file of settings."""
    need("strace")
    plain, calls = trace_true(""), trace_true(preloaded().get("LD_PRELOAD", ""))
    more = len(calls) - len(plain)
    demand(more <= MAX_MORE_SYSCALLS, f"{more} more system calls, at most {MAX_MORE_SYSCALLS}\n{''.join(calls)}")
    strange = [line for line in calls if "/proc" in line or "/sys/" in line]
    demand(not strange, f"it reads at start\n{''.join(strange)}")
    if preloaded().get("LD_PRELOAD"):
        demand(sum("/etc/seamalloc.conf" in line for line in calls) == 1, f"one open of the file\n{''.join(calls)}")


def start_up_time():
    def batch(env):
        run(["sh", "-c", f"i=0; while [ $i -lt {pick(100, 300, 1000)} ]; do /bin/true; i=$((i+1)); done"],
            env=preloaded(library=""))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(pick(50, 200, 1000)):
            subprocess.run(["/bin/true"], env=env, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    plain, ours = batch(preloaded(library="")), batch(preloaded())
    demand(ours <= 1.6 * plain + 0.05, f"{ours:.3f} s of CPU time, {plain:.3f} without us")


def main():
    report = Report("process")
    report.case("plain, with threads and a child", with_threads)
    report.case("used before its constructor has run", before_its_constructor)
    report.case("used by an ifunc resolver", in_ifunc_resolver)
    report.case("behind a tool that wraps malloc", behind_a_wrapper)
    report.case("behind a tool whose hooks of system calls allocate", hooks_that_allocate)
    report.case("under libfaketime", under_a_false_clock)
    report.case("behind a tool with four names and headers", behind_a_tracer)
    report.case("under memusage", under_memusage)
    report.case("under memcheck, helgrind and drd", under_valgrind)
    report.case("a plugin opened with RTLD_DEEPBIND", deep_binding, OURS)
    report.case("the same, the flag kept by the option", deep_binding_kept, OURS)
    report.case("opened by dlopen in a normal program", opened_late, OURS)
    report.case("opened where all thread keys are taken", without_keys, (SEAM,))
    report.case("opened by dlopen where it is preloaded", opened_in_preloaded, OURS)
    report.case("preloaded twice", twice, OURS)
    report.case("ulimit -v 65536", address_space_limit)
    report.case("RLIMIT_DATA of 64 MiB", data_limit)
    report.case("limits too small to work in", tiny_limits)
    report.case("a sandbox that denies optional system calls", without_calls)
    report.case("a sandbox that kills for the newest system call", killed_for_new_calls, (SEAM,))
    report.case("a sandbox that denies to open files", without_files, (SEAM,))
    report.case("no clock, no processor, nothing known of the process", failing_calls)
    report.case("no /proc", without_proc)
    report.case("no standard descriptors", without_descriptors)
    report.case("an empty environment", without_environment)
    report.case("linked statically", lambda: linked_statically("-static"), (SEAM,))
    report.case("linked statically, position-independent", lambda: linked_statically("-static-pie"), (SEAM,))
    report.case("linked statically, with fork handlers that wait", handlers_of_a_static_program, (SEAM,))
    report.case("linked dynamically with the archive", linked_dynamically_with_archive, (SEAM,))
    report.case("a program replaces two operators of C++", operators_replaced)
    report.case("the same, linked with the archive", operators_replaced_statically, (SEAM,))
    report.case("a setuid program ignores the environment", setuid, (SEAM,))
    report.case("preloaded into a setuid program", preloaded_into_setuid)
    report.case("/bin/true: system calls at start", count_syscalls)
    report.case("/bin/true: CPU time", start_up_time)
    report.close()


if __name__ == "__main__":
    main()
