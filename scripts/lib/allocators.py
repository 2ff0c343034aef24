# SPDX-License-Identifier: MIT
"""allocators.py - the allocators to compare, and what to preload for each

glibc is the base line: nothing is preloaded, unless the program would use another
allocator: it is linked to one (Debian's redis-server is), or /etc/ld.so.preload or
the user's own LD_PRELOAD names one.  Then libc.so.6 comes first, so that its malloc
is the one found.
"""

import glob
import os
import re
import subprocess
from collections import namedtuple

import launcher
import paths
from errors import Refusal, Usage

# name: what the user calls it; library: path, or "" where nothing is preloaded.
Allocator = namedtuple("Allocator", "name library")

BASELINE = "glibc"
OURS = {"seamalloc": "seam", "seam": "seam", "freelist": "freelist", "watermark": "watermark"}

# The names each peer has had as a shared library, newest ABI first.
PEERS = {
    "jemalloc": ("libjemalloc.so.2", "libjemalloc.so.1"),
    "mimalloc": ("libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so"),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4"),
}
FOLDERS = ("/usr/local/lib", "/usr/local/lib64", "/usr/lib/*-linux-*", "/lib/*-linux-*",
           "/usr/lib64", "/lib64", "/usr/lib", "/lib")
ANY_ALLOCATOR = re.compile(r"lib(jemalloc|mimalloc|tcmalloc|seamalloc|hoard|snmalloc|rpmalloc)[^/]*\.so")


def chosen(names, binary, folder):
    """(allocators, names of peers that are not installed) to run `binary` under.

    `names` None means glibc, every installed peer and seamalloc; a name the user
    gave must exist.
    """
    if names is not None:
        return [named(name, binary, folder) for name in with_baseline(names)], []
    peers = {name: peer_library(name, binary) for name in PEERS}
    found = [Allocator(name, path) for name, path in peers.items() if path]
    absent = [name for name, path in peers.items() if not path]
    return [baseline(binary), *found, named("seamalloc", binary, folder)], absent


def with_baseline(names):
    """`names` without repetitions, the base line first."""
    return list(dict.fromkeys([BASELINE, *names]))


def named(name, binary, folder):
    """The allocator that the user calls `name`; a path names a library."""
    if name == BASELINE:
        return baseline(binary)
    if name in OURS:
        return Allocator(name, launcher.library(OURS[name], folder))
    if name in PEERS:
        path = peer_library(name, binary)
        if not path:
            raise Refusal(f"{name} is not installed for this program's architecture")
        return Allocator(name, path)
    if "/" in name:
        return from_path(name)
    known = ", ".join([BASELINE, *PEERS, *OURS])
    raise Usage(f"compare: no allocator is called {name!r}; there are {known}, or the path of a library")


def from_path(path):
    """A library that the user named by its path."""
    if not os.path.isfile(path):
        raise Refusal(f"{path}: there is no such library")
    return Allocator(os.path.basename(path), paths.safe_in_preload(os.path.abspath(path)))


def baseline(binary):
    """glibc's malloc, as it takes effect in `binary`."""
    program = launcher.about(binary)
    if program.malloc and program.libc and program.malloc != program.libc:
        return Allocator(BASELINE, program.libc)
    return Allocator(BASELINE, "")


def peer_library(name, binary):
    """Path of a peer's library for the architecture of `binary`, or None."""
    paths_of_it = (path for file_name in PEERS[name] for path in candidates(file_name))
    return next((path for path in paths_of_it if not launcher.verdict(binary, path).mismatch), None)


def candidates(file_name):
    """Existing files of that name: the loader's cache first, then the usual places."""
    cached = [path for name, path in loader_cache() if name == file_name]
    usual = [path for folder in FOLDERS for path in sorted(glob.glob(os.path.join(folder, file_name)))]
    return dict.fromkeys([*cached, *usual])


def loader_cache():
    """(name, path) of each line of `ldconfig -p`; none if it cannot be asked."""
    for command in ("ldconfig", "/sbin/ldconfig"):
        try:
            result = subprocess.run([command, "-p"], check=False, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError:
            continue
        return re.findall(r"^\s+(\S+) .*=> (\S+)$", result.stdout, re.MULTILINE)
    return []
