# SPDX-License-Identifier: MIT
"""paths.py - where the libraries, the helper and the version are

    source tree                     installed under PREFIX
    scripts/seamalloc               bin/seamalloc
    scripts/lib/*.py                lib/seamalloc/*.py
    build/libseamalloc*.so          lib/seamalloc/libseamalloc*.so, or else lib/..., lib/<triplet>/...
    build/measure                   lib/seamalloc/measure
    include/seamalloc.h             include/seamalloc.h
"""

import glob
import os
import re

from errors import Refusal

MODULES = os.path.dirname(os.path.realpath(__file__))
IN_SOURCE_TREE = os.path.basename(os.path.dirname(MODULES)) == "scripts"
PREFIX = os.path.dirname(os.path.dirname(MODULES))

ENGINES = {"seam": "libseamalloc.so",
           "freelist": "libseamalloc-freelist.so",
           "watermark": "libseamalloc-watermark.so"}

# What the loader would read as an end of name or as a variable in LD_PRELOAD (ld.so(8)).
UNSAFE_IN_PRELOAD = " :$"


def library_folders(chosen):
    """Where to look for the libraries: `chosen` alone if the user chose one."""
    chosen = chosen or os.environ.get("SEAMALLOC_LIBDIR")
    if chosen:
        return [os.path.abspath(chosen)]
    if IN_SOURCE_TREE:
        return [os.path.join(PREFIX, "build")]
    lib = os.path.join(PREFIX, "lib")
    return [MODULES, lib, os.path.join(PREFIX, "lib64"), *sorted(glob.glob(os.path.join(lib, "*-linux-*")))]


def library(engine, chosen=None):
    """Path of an engine's library, fit for LD_PRELOAD."""
    folders = library_folders(chosen)
    for folder in folders:
        path = os.path.join(folder, ENGINES[engine])
        if os.path.exists(path):
            return safe_in_preload(path)
    advice = "run make first" if IN_SOURCE_TREE else "name its directory with --libdir=DIR"
    raise Refusal(f"{ENGINES[engine]} is not in {' or '.join(folders)}: {advice}")


def safe_in_preload(path):
    """`path`, if LD_PRELOAD can express it."""
    if any(character in path for character in UNSAFE_IN_PRELOAD):
        raise Refusal(f"{path}: LD_PRELOAD cannot name a path with a space, a colon or a dollar sign")
    return path


def helper_folders(chosen):
    """Where the measuring helper may be, best first."""
    return [MODULES, *library_folders(chosen)]


def version():
    """The version in the public header."""
    header = os.path.join(PREFIX, "include", "seamalloc.h")
    try:
        with open(header, encoding="utf-8") as file:
            found = re.search(r'^#define SEAMALLOC_VERSION "([^"]*)"', file.read(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else version_in_name()


def version_in_name():
    """The version that an installed library's file name ends in."""
    for folder in library_folders(None):
        real = os.path.realpath(os.path.join(folder, ENGINES["seam"]))
        suffix = real.partition(".so.")[2]
        if suffix:
            return suffix
    return "unknown"
