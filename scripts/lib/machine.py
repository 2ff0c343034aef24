# SPDX-License-Identifier: MIT
"""machine.py - what a figure was measured on"""

import os
import re


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
