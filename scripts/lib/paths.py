# SPDX-License-Identifier: MIT
"""paths.py - where the command, the helper and these modules are

    source tree                     installed under PREFIX
    build/seamalloc                 bin/seamalloc
    scripts/lib/*.py                lib/seamalloc/*.py
    build/measure                   lib/seamalloc/measure

Where the libraries are, the command knows (launcher.py).
"""

import os

from errors import Refusal

MODULES = os.path.dirname(os.path.realpath(__file__))
PREFIX = os.path.dirname(os.path.dirname(MODULES))

# What the loader would read as an end of name or as a variable in LD_PRELOAD (ld.so(8)).
UNSAFE_IN_PRELOAD = " :$"


class Launcher:
    """Where the command is, if it is the one that has started us."""

    path = None


def launcher():
    """Path of the command `seamalloc`."""
    build = os.environ.get("BUILD") or "build"
    usual = [os.path.join(PREFIX, build, "seamalloc"), os.path.join(PREFIX, "bin", "seamalloc")]
    for path in [Launcher.path, *usual]:
        if path and os.access(path, os.X_OK):
            return path
    raise Refusal(f"{usual[0]} is not built: run make first")


def safe_in_preload(path):
    """`path`, if LD_PRELOAD can express it."""
    if any(character in path for character in UNSAFE_IN_PRELOAD):
        raise Refusal(f"{path}: LD_PRELOAD cannot name a path with a space, a colon or a dollar sign")
    return path


def library_folder(chosen=None):
    """The folder that the user chose for the libraries, else the command's own."""
    return os.path.abspath(chosen or os.environ.get("SEAMALLOC_LIBDIR") or os.path.dirname(launcher()))


def helper_folders(chosen):
    """Where the measuring helper may be, best first."""
    return [MODULES, library_folder(chosen)]
