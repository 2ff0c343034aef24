# SPDX-License-Identifier: MIT
"""launcher.py - asks the command `seamalloc` what would take effect in a program

Its sources in launcher/ decide; `seamalloc check` tells, a line for each fact:
a word, a tab and the rest.
"""

import functools
import os
import re
import subprocess
from collections import namedtuple

import paths
from errors import REFUSED, Refusal

# path: the file to execute; argv: its arguments, [0] as typed; binary: the ELF file
# that will hold the process, which differs from path for a script and for env(1);
# subject: the program as the subject of a sentence; never: why no preload takes effect
# in it, or None; malloc, libc: the files whose malloc it uses and of the C library.
Target = namedtuple("Target", "path argv binary subject never malloc libc")

# version: the allocator in the library, in words; mismatch: why the library is not for
# this program; heaps: why the program would use two heaps; reason: why it does not take
# effect, for these or other reasons.  None: unknown, or there is none.
Verdict = namedtuple("Verdict", "version mismatch heaps reason")


def ask(arguments, environment=None):
    """{word: rest} of `seamalloc check`; Refusal where it refuses."""
    done = subprocess.run([paths.launcher(), "check", *arguments], check=False, text=True, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, errors="surrogateescape")
    facts = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    if done.returncode not in (0, REFUSED) or (done.returncode == REFUSED and not facts):
        raise Refusal(done.stderr.strip().removeprefix("seamalloc: "), done.returncode)
    return facts


def target(argv, environment):
    """The Target of a command line; Refusal if there is nothing to execute."""
    facts = ask(["--library=none", "--", *argv], environment)
    if "shell" in facts:
        argv = [facts["program"], facts["shell"], *argv[1:]]
    return Target(facts["program"], argv, facts["binary"], facts["subject"],
                  *(facts.get(word) for word in ("never", "malloc", "libc")))


@functools.lru_cache(maxsize=None)
def about(binary):
    """The Target that is a file."""
    return target([os.path.abspath(binary)], original_environment())


@functools.lru_cache(maxsize=None)
def verdict(binary, library):
    """The Verdict on a library in a program."""
    facts = ask([f"--library={library}", "--", os.path.abspath(binary)])
    mismatch, heaps, other = (facts.get(word) for word in ("mismatch", "heaps", "verdict"))
    return Verdict(facts.get("version"), mismatch, heaps,
                   mismatch or heaps or (other if other != "takes effect" else None))


@functools.lru_cache(maxsize=None)
def library(engine, folder=None):
    """Path of an engine's library, fit for LD_PRELOAD."""
    chosen = [f"--libdir={folder}"] if folder else []
    return ask([f"--engine={engine}", *chosen])["library"]


@functools.lru_cache(maxsize=None)
def version_in(path):
    """The allocator in a library, in words; None if it is not known."""
    return ask([f"--library={path}"]).get("version") if path else None


def version():
    """Our version."""
    done = subprocess.run([paths.launcher(), "--version"], check=True, text=True, stdout=subprocess.PIPE)
    return done.stdout.split()[-1]


def original_environment():
    """The environment as the kernel passed it, before Python's own additions."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = os.fsdecode(file.read()).split("\0")
    except OSError:
        return dict(os.environ)
    pairs = (entry.partition("=") for entry in entries)
    return {name: value for name, equals, value in pairs if name and equals}


def preloaded_everywhere():
    """What /etc/ld.so.preload makes the loader map into every program."""
    try:
        with open("/etc/ld.so.preload", encoding="utf-8", errors="surrogateescape") as file:
            return re.sub(r"#.*", "", file.read()).replace(":", " ").split()
    except OSError:
        return []
