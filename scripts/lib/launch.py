# SPDX-License-Identifier: MIT
"""launch.py - `seamalloc run`: becomes the program, with the library preloaded

Nothing but LD_PRELOAD changes between what this command was given and what the
program gets.  Python itself disturbs two things at its start: it may add
LC_CTYPE to the environment, so the environment is read from the kernel; and it
ignores two signals, which commands.py has set back to their default action
(Python does not tell whether they were ignored before).
"""

import getopt
import os
import sys

import allocators
import elf
import paths
import program
from errors import NOT_EXECUTABLE, NOT_FOUND, Refusal, Usage

HELP = """\
usage: seamalloc run [--engine=NAME] [--libdir=DIR] [--] PROGRAM [ARG ...]

Runs PROGRAM with seamalloc as its malloc, by LD_PRELOAD.

  --engine=NAME   seam (the default), freelist or watermark
  --libdir=DIR    directory of the libraries (default: $SEAMALLOC_LIBDIR, else
                  the build directory or the installed one)
  --help          this text

Exit status: the program's own; 125 if seamalloc could not take effect in it or
is not built, 126 if PROGRAM cannot be executed, 127 if it is not found, 2 for a
command line that makes no sense.
"""


def main(arguments):
    """Replaces this process by the program; raises Refusal if it may not."""
    engine, folder, argv = parse(arguments)
    if not argv:
        print(HELP, end="")
        return 0
    environment = original_environment()
    target = program.resolve(argv, environment)
    library = paths.library(engine, folder)
    reason = program.why_not(target.binary, library)
    if reason:
        raise Refusal(f"{subject(target)} {reason}")
    warn_of_two_heaps(target, library)
    add_preload(environment, library)
    return become(target, environment)


def parse(arguments):
    """(engine, library folder, program's argv); no argv means help."""
    engine, folder = "seam", None
    try:
        options, argv = getopt.getopt(arguments, "h", ["engine=", "libdir=", "help"])
    except getopt.GetoptError as error:
        raise Usage(f"run: {error}") from error
    for name, value in options:
        if name in ("-h", "--help"):
            return engine, folder, []
        if name == "--engine":
            engine = value
        else:
            folder = value
    if engine not in paths.ENGINES:
        raise Usage(f"run: no engine is called {engine!r}; there are {', '.join(paths.ENGINES)}")
    if not argv:
        raise Usage("run: which program?")
    return engine, folder, argv


def warn_of_two_heaps(target, library):
    """One line where the program is linked to an allocator that it would go on to use."""
    if os.access(target.binary, os.R_OK) and any(allocators.ANY_ALLOCATOR.search(name)
                                                 for name in elf.read(target.binary).needed()):
        reason = allocators.two_heaps(target.binary, library)
        if reason:
            print(f"seamalloc: warning: {subject(target)} {reason}", file=sys.stderr)


def subject(target):
    """The subject of a sentence on a program, which for a script is its interpreter."""
    if target.binary == target.path:
        return target.path
    return f"{target.path} runs {target.binary}, which"


def original_environment():
    """The environment as the kernel passed it, before Python's own additions."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = os.fsdecode(file.read()).split("\0")
    except OSError:
        return dict(os.environ)
    pairs = (entry.partition("=") for entry in entries)
    return {name: value for name, equals, value in pairs if name and equals}


def add_preload(environment, library):
    """Puts `library` in front of what the environment preloads already."""
    present = environment.get("LD_PRELOAD", "")
    environment["LD_PRELOAD"] = f"{library}:{present}" if present else library


def become(target, environment):
    """Executes the program in this process; returns only by an exception."""
    try:
        os.execve(target.path, target.argv, environment)
    except OSError as error:
        status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        raise Refusal(f"{target.path}: {error.strerror}", status) from error
