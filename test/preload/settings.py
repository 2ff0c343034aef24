#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""settings.py - options in the environment, in a file and in the program, and files that are none."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (LIBRARY, OURS, SEAM, Report, Skipped, demand, describe,  # noqa: E402
                     preloaded, program, run, silent)

NOBODY = 65534
HERE = os.path.dirname(os.path.abspath(__file__))


# --- the environment ------------------------------------------------------------------------------

def configured(value, **options):
    return run([program("preload/exercise")], env=dict(preloaded(), SEAMALLOC_CONF=value), **options)


def unknown_option():
    done = configured("no_such_option=1")
    lines = done.stderr.splitlines()
    demand(len(lines) == 1 and lines[0].startswith("seamalloc:") and "no_such_option" in lines[0],
           f"one warning that names the option expected, got\n{done.stderr}")


def unknown_word():
    done = configured("thp=sometimes")
    demand(done.stderr == "seamalloc: SEAMALLOC_CONF: thp=sometimes: the value is one of never|auto|always; thp=auto is used\n",
           f"one warning that says what would be good expected, got\n{done.stderr}")


def unknown_option_strict():
    done = configured("strict=1,no_such_option=1", expect=None)
    demand(done.returncode == -6, f"SIGABRT expected, ended with {describe(done.returncode)}\n{done.stderr}")
    demand(done.stderr == "seamalloc: SEAMALLOC_CONF: no_such_option=1: there is no such option; strict=1 ends the process\n",
           f"one line that says why it ends expected, got\n{done.stderr}")


def malformed_options():
    for value in (",", "=", ",,,", "=1", "arena", "arena=", "arena=,", "arena=-1", "arena=1x", "arena=K",
                  "arena=999999999999999999999999G", "arena=0x10", "cache=18446744073709551615", "shards=256,",
                  "arena=1M,arena=2M", " arena=1M", "arena=1M ", "\t\n", "\xff\xfe", "a" * 100000, "arena=1," * 500):
        done = configured(value, expect=None)
        demand(done.returncode == 0, f"{value[:40]!r}: {describe(done.returncode)}\n{done.stderr[:500]}")
        demand(all(line.startswith("seamalloc: ") for line in done.stderr.splitlines()),
               f"{value[:40]!r}: {done.stderr[:500]}")


def every_setting():
    for value in ("arena=1M", "arena=1G", "cache=0", "cache=64K", "cache=1G", "dirty_max=0", "dirty_max=1G",
                  "shards=1", "shards=256", "thp=never", "thp=auto", "thp=always", "arena=1M,cache=0,dirty_max=0,shards=1"):
        done = run([program("preload/exercise"), "threads"], env=dict(preloaded(), SEAMALLOC_CONF=value))
        silent(done)


# --- the file -----------------------------------------------------------------------------------------

class Folder:
    """A folder that all can read and that goes away."""

    def __enter__(self):
        self.path = tempfile.mkdtemp()
        os.chmod(self.path, 0o755)
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.path)

    def file(self, content, name="conf"):
        path = os.path.join(self.path, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path


def with_file(path, conf="verbose=1", command=None, **options):
    env = dict(preloaded(), SEAMALLOC_CONF_FILE=path, SEAMALLOC_CONF=conf)
    return run(command or [program("preload/exercise")], env=env, **options)


def settings(done):
    """What the line of verbose=1 says."""
    lines = done.stderr.splitlines()
    demand(len(lines) == 1 and lines[0].startswith("seamalloc: in use: version "), f"one line expected:\n{done.stderr}")
    return set(lines[0].split(", ")[1].split(",")) - {"verbose=1"}


def expect_settings(path, *wanted, **options):
    found = settings(with_file(path, **options))
    demand(found == set(wanted), f"{wanted} expected, found {found}")


def file_of_settings():
    with Folder() as folder:
        text = "# all\ncache = 2M # two\n[exercise]\ndirty_max=3M\n[other]\ndirty_max=4M\nno_such_option\n[exercise]\nthp=never"
        path = folder.file(text)
        expect_settings(path, "cache=2M", "dirty_max=3M", "thp=never")
        expect_settings(folder.file(text.replace("\n", "\r\n")), "cache=2M", "dirty_max=3M", "thp=never")
        found = settings(with_file(path, conf="verbose=1,cache=5M"))
        demand("cache=5M" in found, f"the environment does not win: {found}")
        expect_settings(path, "cache=2M", command=["/bin/true"])


def script_by_its_name():
    """A script counts by its own name."""
    with Folder() as folder:
        script = folder.file("#!/bin/sh\n:\n", "a_script")
        os.chmod(script, 0o755)
        path = folder.file("[a_script]\ncache=2M\n[sh]\ncache=3M\n")
        expect_settings(path, "cache=2M", command=[script])
        expect_settings(path, "cache=3M", command=["/bin/sh", script])


def mistakes_in_a_file():
    with Folder() as folder:
        path = folder.file("cache=1M\n\ncache: 2M\ndirty_max = much\n[exercise\nshards=x\n")
        done = with_file(path, conf="")
        wanted = (f"seamalloc: {path}:3: cache: 2M: did you mean cache=2M? cache=1M is used\n"
                  f"seamalloc: {path}:4: dirty_max=much: the value is a number from 0 to 1024G; dirty_max=4M is used\n"
                  f"seamalloc: {path}:5: [exercise: a section begins with [name]; "
                  "what follows is ignored up to the next section\n")
        demand(done.stderr == wanted, f"expected\n{wanted}got\n{done.stderr}")


def expect_one_line(path, ending, **options):
    done = with_file(path, conf="", seconds=10, **options)
    demand(done.stderr.endswith(ending + "\n") and done.stderr.startswith("seamalloc: ") and done.stderr.count("\n") == 1,
           f"{path}: {ending!r} expected, got\n{done.stderr}")


def files_that_are_none():
    """No hang, no harm, and one line that says what it is."""
    with Folder() as folder:
        fifo = os.path.join(folder.path, "fifo")
        os.mkfifo(fifo)
        loop = os.path.join(folder.path, "loop")
        os.symlink(loop, loop)
        for path in (folder.path, fifo, "/dev/null", "/dev/zero", "/dev/tty0"):
            if os.path.exists(path):
                expect_one_line(path, "; it is not used")
        expect_one_line(fifo, f"{fifo}: it is not a regular file; it is not used")
        expect_one_line(os.path.join(folder.path, "none"), "none: there is no such file; it is not used")
        expect_one_line(loop, "loop: it cannot be opened; it is not used")
        expect_one_line("/" * 5000, "it cannot be opened; it is not used")
        silent(with_file("", conf=""))
        silent(with_file(folder.file(""), conf=""))
        silent(with_file(folder.file("#" * 3000), conf=""))


def strange_files():
    with Folder() as folder:
        sparse = folder.file("", "sparse")
        os.truncate(sparse, 1 << 40)
        expect_one_line(sparse, "the file is longer than 64K; the rest is ignored")
        expect_one_line(folder.file(b"cache=1M\0,shards=3"), "cache=1M?: the value is a number from 0 to 1024G; cache=1M is used")
        done = with_file("/bin/sh", conf="", expect=None, seconds=10)
        demand(done.returncode == 0, describe(done.returncode))
        demand(done.stderr.count("\n") <= 10 and all(line.startswith("seamalloc: /bin/sh") for line in done.stderr.splitlines()),
               done.stderr[:3000])


def file_without_permission():
    with Folder() as folder:
        path = folder.file("cache=1M\n")
        os.chmod(path, 0)
        command = [program("preload/exercise")]
        if os.geteuid() == 0:
            if shutil.which("setpriv") is None:
                raise Skipped("no setpriv")
            command = ["setpriv", "--reuid", str(NOBODY), "--clear-groups", *command]
            copy = shutil.copy(program("preload/exercise"), folder.path)
            library = shutil.copy(LIBRARY, folder.path)
            command[-1] = copy
            env = dict(preloaded(library=""), SEAMALLOC_CONF_FILE=path)
            command = [*command[:-1], "env", f"LD_PRELOAD={library}", copy]
            done = run(command, env=env)
        else:
            done = with_file(path, conf="")
        demand(done.stderr == f"seamalloc: {path}: there is no permission to read it; it is not used\n", done.stderr)


def in_a_system_with(content, command, **env):
    """Runs the command where /etc has this file and no other."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise Skipped("needs root and unshare")
    with Folder() as folder:
        path = folder.file(content)
        script = 'mount --bind "$1" /etc && shift && LD_PRELOAD="$1" && export LD_PRELOAD && shift && exec "$@"'
        os.rename(path, os.path.join(folder.path, "seamalloc.conf"))
        done = run(["unshare", "-m", "sh", "-c", script, "sh", folder.path, LIBRARY, *command],
                   env=dict(preloaded(library=""), **env), expect=None)
        if done.returncode != 0 and ("unshare" in done.stderr or "mount" in done.stderr):
            raise Skipped("no mount namespace to be had")
        demand(done.returncode == 0, f"{describe(done.returncode)}\n{done.stderr}")
        return done


def file_in_etc():
    exercise = [program("preload/exercise")]
    text = "verbose=1\nthp=never\n[exercise]\ncache=2M\n"
    found = settings(in_a_system_with(text, exercise))
    demand(found == {"thp=never", "cache=2M"}, f"found {found}")
    found = settings(in_a_system_with(text, exercise, SEAMALLOC_CONF="cache=3M"))
    demand(found == {"thp=never", "cache=3M"}, f"found {found}")
    silent(in_a_system_with(text, exercise, SEAMALLOC_CONF_FILE=""))


# --- statistics at the end -----------------------------------------------------------------------------

def end_report(*command, expect=0):
    return run(command, env=dict(preloaded(), SEAMALLOC_CONF="stats=1"), expect=expect)


def titles(text):
    return re.findall(r"^seamalloc \S+ \(\w+\) at the end of (.*), process \d+, bytes:$", text, re.M)


def statistics_at_the_end():
    done = end_report(program("preload/exercise"))
    demand(titles(done.stderr) == ["exercise"] and "\n  mapped " in done.stderr, done.stderr)
    done = end_report(sys.executable, "-c", "import os, sys\nif os.fork() == 0: sys.exit(3)\nos.wait()")
    demand(len(titles(done.stderr)) == 2, f"a child's and a parent's expected:\n{done.stderr}")
    done = end_report(sys.executable, "-c", "import os\nos._exit(0)")
    silent(done)
    done = end_report("sh", "-c", "kill -9 $$", expect=-9)
    silent(done)


def statistics_do_no_harm():
    """Standard error was closed, and its number is a file of the program's, a log, or nothing."""
    with Folder() as folder:
        data, log = folder.file("", "data"), folder.file("", "log")
        python = [sys.executable, "-c"]
        silent(end_report(*python, f"import os\nos.close(2)\nos.write(os.open({data!r}, os.O_WRONLY), b'mine')"))
        with open(data, encoding="utf-8") as file:
            demand(file.read() == "mine", "it writes into a file of the program's")
        silent(end_report(*python, f"import os\nos.close(2)\nos.open({log!r}, os.O_WRONLY | os.O_APPEND)"))
        with open(log, encoding="utf-8") as file:
            demand(titles(file.read()), "it does not write into the program's log")
        silent(end_report(*python, "import os\nos.close(2)"))
        silent(end_report("sh", "-c", 'exec "$0" 2>&-', program("preload/exercise")))


# --- the program ----------------------------------------------------------------------------------------

def string_of_the_program():
    done = run([program("preload/configured")], env=dict(preloaded(), SEAMALLOC_CONF="verbose=1,shards=5"))
    demand(settings(done) == {"dirty_max=7M", "shards=5"}, done.stderr)
    with Folder() as folder:
        path = folder.file("cache=2M\nshards=1\ndirty_max=1M\n")
        expect_settings(path, "cache=2M", "dirty_max=7M", "shards=3", command=[program("preload/configured")])


def string_of_a_linked_program():
    """Linked with the library it needs no flag, and with the archive neither."""
    source = os.path.join(HERE, "configured.c")
    build = os.path.dirname(LIBRARY)
    include = os.path.join(HERE, "..", "..", "include")
    compiler = [os.environ.get("SEA_TEST_CC", "gcc"), "-I", include, "-pthread", source]
    with Folder() as folder:
        path = os.path.join(folder.path, "configured")
        soname = os.path.join(folder.path, os.path.basename(LIBRARY) + ".0")
        os.symlink(LIBRARY, soname)
        ways = (["-fvisibility=hidden", soname, f"-Wl,-rpath,{folder.path}"], ["-no-pie", soname, f"-Wl,-rpath,{folder.path}"],
                [os.path.join(build, "libseamalloc.a")], ["-static", os.path.join(build, "libseamalloc.a")],
                ["-static-pie", os.path.join(build, "libseamalloc.a")])
        for way in ways:
            done = subprocess.run([*compiler, *way, "-o", path], capture_output=True, text=True, check=False)
            demand(done.returncode == 0, done.stderr)
            done = run([path], env=dict(preloaded(library=""), SEAMALLOC_CONF="verbose=1"))
            demand(settings(done) == {"dirty_max=7M", "shards=3"}, f"{way}: {done.stderr}")


def main():
    report = Report("settings")
    report.case("an unknown option gives one warning", unknown_option, OURS)
    report.case("an unknown word gives one warning", unknown_word, OURS)
    report.case("an unknown option aborts if strict", unknown_option_strict, OURS)
    report.case("malformed options do no harm", malformed_options, OURS)
    report.case("every option at its ends", every_setting, OURS)
    report.case("a file sets options, by program", file_of_settings, OURS)
    report.case("a script goes by its own name", script_by_its_name, OURS)
    report.case("a mistake in a file is told by its line", mistakes_in_a_file, OURS)
    report.case("files that cannot be read", files_that_are_none, OURS)
    report.case("files of something else", strange_files, OURS)
    report.case("a file without permission", file_without_permission, OURS)
    report.case("/etc/seamalloc.conf", file_in_etc, OURS)
    report.case("statistics at the end", statistics_at_the_end, OURS)
    report.case("the same, where standard error is gone", statistics_do_no_harm, OURS)
    report.case("a program's own settings", string_of_the_program, OURS)
    report.case("the same, linked", string_of_a_linked_program, (SEAM,))
    report.close()


if __name__ == "__main__":
    main()
