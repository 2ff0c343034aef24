# SPDX-License-Identifier: MIT
"""document.py - a finished benchmark as a dictionary, which is the JSON file, and
what is computed from it

Everything that is shown, as text or as a page, is made from this dictionary, so that a
file can be shown again later.  bench/README.md documents its members.
"""

import hashlib
import json
import os
import re
import time

import figures
import launcher
import machine
import paths
import rounds
from allocators import BASELINE
from errors import Refusal

# Changes when a reader of the JSON would have to change.
SCHEMA = "seamalloc-bench-1"
OURS = "seamalloc"
HASH_DIGITS = 12
# Where the best of the others is better by more than this, we lose.
LOSS = 1.10
# Fragmentation of less is that of a few pages.
LEAST_LIVE_BYTES = 1 << 20

# A figure: key, title, what one unit is called and how much it is, by suite.
NS, S, MIB = ("ns/op", 1), ("s", 1), ("MiB", 1 << 20)
METRICS = {
    "cost": "CPU time",
    "wall": "wall time",
    "peak_rss_bytes": "peak memory",
    "fragmentation": "fragmentation: (peak memory - memory at start) / peak of live bytes",
    "idle_rss_bytes": "memory kept when all is freed and the process idle",
    "minor_faults": "minor page faults",
}
SUITE_TITLES = {"micro": "micro benchmarks", "stress": "stress programs", "programs": "real programs"}


def unit(metric, workload):
    """(name, size) of the unit in which a metric of a workload is shown."""
    if metric in ("cost", "wall"):
        return NS if workload["unit"] == "ns/op" else S
    if metric in ("peak_rss_bytes", "idle_rss_bytes"):
        return MIB
    if metric == "minor_faults":
        return "thousand", 1000
    return "", 1


# --- from a session to the dictionary ----------------------------------------------------

def made(session, arguments, absent):
    """The dictionary of a finished session."""
    facts = machine.facts()
    return {
        "schema": SCHEMA,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "arguments": arguments,
        "seconds": round(session.elapsed_s(), 1),
        "quick": session.plan.quick,
        "idle_s": session.plan.idle_s,
        "machine": {**facts, **machine.details(), "load": session.load_at_start},
        "build": build(),
        "baseline": BASELINE,
        "allocators": described(session.entries),
        "absent": absent,
        "workloads": [one_workload(entry) for entry in session.entries],
    }


def build():
    """Which state of the source tree the engines are of."""
    text = machine.first_line(["git", "-C", paths.PREFIX, "describe", "--always", "--dirty", "--tags"])
    return {"version": launcher.version(), "git": text}


def described(entries):
    """Name, library and version of each allocator, in the order of the first workload
    that has most of them."""
    if not entries:
        return []
    widest = max(entries, key=lambda entry: len(entry.cells))
    return [{"name": name, "library": cell.allocator.library or None, "version": version(cell.allocator),
             "textbook": name in widest.textbook}
            for name, cell in widest.cells.items()]


def version(allocator):
    """The version of the package that has a library, or else a digest of the file."""
    if not allocator.library:
        return os.confstr("CS_GNU_LIBC_VERSION").rpartition(" ")[2]
    return package_version(allocator.library) or f"sha256 {digest(allocator.library)}"


def digest(path):
    """The beginning of a file's SHA-256."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:HASH_DIGITS]


def package_version(path):
    """The version of the Debian package that a file is from, or None."""
    for name in dict.fromkeys([path, os.path.realpath(path), f"/usr{path}"]):
        owner = machine.first_line(["dpkg-query", "-S", name])
        if owner:
            package = owner.rpartition(": ")[0]
            return machine.first_line(["dpkg-query", "-W", "-f", "${Version}\n", package])
    return None


def one_workload(entry):
    """One workload of the dictionary."""
    case = entry.case
    return {
        "name": case.name, "suite": case.suite, "unit": case.unit, "about": case.about,
        "growth": case.growth, "threads": case.threads, "rounds": entry.rounds,
        "results": {name: one_result(cell) for name, cell in entry.cells.items()},
    }


def one_result(cell):
    """One allocator's samples on one workload; of its timelines only the last is kept."""
    timelines = [sample.pop("timeline") for sample in cell.samples if "timeline" in sample]
    return {
        "status": cell.status, "reason": cell.reason, "samples": cell.samples,
        "timeline": timelines[-1] if timelines else None,
        "idle": cell.idle,
    }


def read(path):
    """The dictionary in a file; Refusal if it is none."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Refusal(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise Refusal(f"{path} is not a report of scripts/bench (no schema {SCHEMA!r})")
    return document


# --- what is computed from the dictionary --------------------------------------------------

def names(document):
    """The names of all allocators, in their order."""
    return [allocator["name"] for allocator in document["allocators"]]


def competitors(document):
    """Those that ran as often as the others."""
    return [allocator["name"] for allocator in document["allocators"] if not allocator["textbook"]]


def ok(workload, name):
    """The result of an allocator, or None where it has no figures."""
    result = workload["results"].get(name)
    return result if result and result["status"] == rounds.OK and result["samples"] else None


def fragmentation_of(sample):
    """What a sample tells of it, or None."""
    live = sample.get("peak_live_bytes", 0)
    if live < LEAST_LIVE_BYTES:
        return None
    return max(sample["peak_rss_bytes"] - sample.get("base_rss_bytes", 0), 0) / live


def timed(samples):
    """The samples that tell of time: those that were taken in turns of milliseconds, if
    there are any."""
    return [sample for sample in samples if sample.get("shared")] or samples


def values(workload, name, metric):
    """An allocator's {round: value} of a metric that is measured in every round."""
    result = ok(workload, name)
    if result is None or (metric == "minor_faults" and workload["suite"] == "micro"):
        return {}
    pairs = [(sample["round"], fragmentation_of(sample) if metric == "fragmentation" else sample.get(metric))
             for sample in (timed(result["samples"]) if metric in ("cost", "wall") else result["samples"])]
    return {number: value for number, value in pairs if value is not None}


def value(workload, name, metric):
    """The figure to show: the median of the rounds; None where there is none."""
    result = workload["results"].get(name) or {}
    if metric == "idle_rss_bytes":
        return (result.get("idle") or {}).get("idle_rss_bytes")
    found = values(workload, name, metric)
    return figures.median(found.values()) if found else None


def ratio(workload, name, metric, base=BASELINE):
    """The ratio to show: of times by the estimator that repeats best, where there are
    rounds that both have, else that of the figures shown; None where one is missing."""
    if metric in ("cost", "wall"):
        found = figures.best_ratio(values(workload, name, metric), values(workload, base, metric))
        if found:
            return found
    return figures.ratio(value(workload, name, metric), value(workload, base, metric))


def uncertainty(document, workload):
    """The greatest standard error among the competitors' ratios of CPU time."""
    base = values(workload, BASELINE, "cost")
    errors = [figures.standard_error(values(workload, name, "cost"), base) for name in competitors(document)]
    return max((error for error in errors if error is not None), default=0.0)


def spread(workload, name, metric):
    """(max - min) / median of an allocator's rounds, or None."""
    found = values(workload, name, metric)
    return figures.spread(found.values()) if len(found) > 1 else None


def in_means(document, suites):
    """The workloads of these suites that count in a geometric mean."""
    return [workload for workload in document["workloads"]
            if workload["suite"] in suites and not workload["growth"]]


def mean(document, suites, name, metric):
    """(geometric mean of the ratios, how many there are, how many the base line has)."""
    candidates = [workload for workload in in_means(document, suites)
                  if value(workload, BASELINE, metric)]
    ratios = [found for workload in candidates if (found := ratio(workload, name, metric))]
    return figures.geometric_mean(ratios), len(ratios), len(candidates)


def groups(document, metric):
    """[(title, suites)] of the means to show of a metric: each suite that has it, and
    micro + stress where both do."""
    present = [suite for suite in SUITE_TITLES if mean(document, (suite,), BASELINE, metric)[1]]
    result = [(suite, (suite,)) for suite in present]
    if present[:2] == ["micro", "stress"]:
        result.insert(2, ("micro + stress", ("micro", "stress")))
    return result


def best(document, workload, metric):
    """The competitor with the lowest figure, or None."""
    found = [(figure, name) for name in competitors(document)
             if (figure := value(workload, name, metric)) is not None]
    return min(found)[1] if found else None


def losses(document, metric):
    """[(factor, workload, best peer)] where ours is more than LOSS times the best peer,
    the worst first."""
    peers = [name for name in competitors(document) if name not in (OURS, "freelist", "watermark")]
    found = []
    for workload in in_means(document, SUITE_TITLES):
        ours = ratio(workload, OURS, metric)
        theirs = [(figure, name) for name in peers if (figure := ratio(workload, name, metric))]
        if ours and theirs and ours / min(theirs)[0] > LOSS:
            found.append((ours / min(theirs)[0], workload, min(theirs)[1]))
    return sorted(found, key=lambda loss: -loss[0])


def failures(document):
    """[(workload name, allocator name, status, reason)] of all that did not work."""
    found = []
    for workload in document["workloads"]:
        for name, result in workload["results"].items():
            if result["status"] != rounds.OK:
                found.append((workload["name"], name, result["status"], result["reason"]))
            if (result.get("idle") or {}).get("failure"):
                found.append((workload["name"], name, rounds.FAILED, f"idle: {result['idle']['failure']}"))
    return found


def proofs(document):
    """{allocator name: (workload, process)} of one process each that was seen with the
    library mapped, or under glibc without any other allocator."""
    found = {}
    for workload in document["workloads"]:
        for name, result in workload["results"].items():
            for sample in result["samples"]:
                if sample.get("mapped_in_process") and name not in found:
                    found[name] = workload["name"], sample["mapped_in_process"]
    return found


def series(document, kind):
    """Curves: {family: {allocator: [(x, workload)]}} over "threads" or "size"; of each
    curve at least three points."""
    found = {}
    for workload in document["workloads"]:
        family, place = family_of(workload, kind)
        if family is not None:
            found.setdefault(family, []).append((place, workload))
    return {family: sorted(points, key=lambda point: point[0]) for family, points in found.items()
            if len({place for place, _ in points}) >= 3 and is_wide(points, kind)}


def is_wide(points, kind):
    """Whether the curve is worth drawing: sizes count if the live set grows with them."""
    if kind == "threads":
        return True
    live = [max(told(workload, "peak_live_bytes"), default=0) for _, workload in points]
    return max(live) >= LEAST_LIVE_BYTES and max(live) >= 10 * max(min(live), 1)


def told(workload, member):
    """A member of the base line's samples, as far as they have it."""
    result = ok(workload, BASELINE)
    return [sample[member] for sample in result["samples"] if member in sample] if result else []


def family_of(workload, kind):
    """(name without the number that varies, the number), or (None, None)."""
    name, threads = re.subn(r"/threads:\d+$", "", workload["name"])
    if kind == "threads":
        return (name, workload["threads"]) if workload["threads"] and workload["suite"] != "programs" else (None, None)
    found = re.fullmatch(r"(micro/.*)/(\d+)", name)
    return (f"{found.group(1)}/N", int(found.group(2))) if found and not threads else (None, None)
