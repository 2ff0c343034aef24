# SPDX-License-Identifier: MIT
"""machine.py - what a figure was measured on"""

import glob
import os
import re
import subprocess


def facts():
    """Processor, CPUs this process may use, memory, kernel and its huge-page mode."""
    system = os.uname()
    return {
        "cpu": found(r"^model name\s*: (.*)$", "/proc/cpuinfo") or system.machine,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_kib": int(found(r"^MemTotal:\s*(\d+)", "/proc/meminfo") or 0),
        "architecture": system.machine,
        "kernel": f"{system.sysname} {system.release}",
        "transparent_hugepages": found(r"\[(\w+)\]", "/sys/kernel/mm/transparent_hugepage/enabled"),
    }


def details():
    """What else may matter to a figure: load now, clock governor, compiler, swap."""
    governors = {contents(path) for path in glob.glob("/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")}
    return {
        "load": list(os.getloadavg()),
        "governor": ", ".join(sorted(governors)) or None,
        "compiler": first_line([os.environ.get("CC") or "cc", "--version"]),
        "libc": os.confstr("CS_GNU_LIBC_VERSION"),
        "overcommit": contents("/proc/sys/vm/overcommit_memory"),
        "distribution": found(r'^PRETTY_NAME="?([^"\n]*)', "/etc/os-release"),
    }


def available_bytes():
    """Memory that can be had without swapping."""
    return int(found(r"^MemAvailable:\s*(\d+)", "/proc/meminfo") or 0) * 1024


def contents(path):
    """A small file's text without its end of line; None if it cannot be read."""
    return found(r"\A(.*)$", path)


def first_line(command):
    """The first line that a command writes; None if it does not work."""
    try:
        result = subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.partition("\n")[0] or None


def found(pattern, path):
    """The group of the first match in a file, or None."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return None
    return match.group(1) if match else None


def in_words(machine):
    """The facts on one line."""
    return (f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['memory_kib'] / 2**20:.1f} GiB, "
            f"{machine['kernel']} {machine['architecture']}, "
            f"huge pages {machine['transparent_hugepages'] or 'unknown'}")
