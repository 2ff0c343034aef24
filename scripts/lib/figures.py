# SPDX-License-Identifier: MIT
"""figures.py - what is computed from samples: median, spread, ratio

The median resists the one slow run that a busy machine gives; the spread,
(max - min) / median, tells whether there was one.
"""

import math

from measure import Sample

# Above this spread of CPU time a difference between two allocators means little.
WIDE_SPREAD = 0.10


def median(values):
    """The middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def spread(values):
    """(max - min) / median; 0 where the median is 0."""
    centre = median(values)
    return (max(values) - min(values)) / centre if centre else 0.0


def ratio(value, base):
    """value / base; None where there is no base to compare with."""
    return value / base if value is not None and base else None


def geometric_mean(ratios):
    """The mean of ratios; None if there are none."""
    if not ratios:
        return None
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def of_each_field(function, samples):
    """A Sample whose every field is function(that field of all samples)."""
    return Sample(*map(function, zip(*samples)))


def medians(samples):
    """A Sample of medians, or None without samples."""
    return of_each_field(median, samples) if samples else None


def spreads(samples):
    """A Sample of spreads, or None without samples."""
    return of_each_field(spread, samples) if samples else None


def by_round(samples, field="cost"):
    """{round: value} of samples that are dictionaries."""
    return {sample["round"]: sample[field] for sample in samples}


def log_ratios(values, base):
    """Logarithms of the ratios of those rounds that both have."""
    return [math.log(values[number] / base[number]) for number in values
            if number in base and values[number] > 0 and base[number] > 0]


def standard_error(values, base):
    """The relative standard error of the mean ratio of two {round: value}; infinite
    where a single round does not tell; None where there is no round."""
    logs = log_ratios(values, base)
    if len(logs) < 2:
        return math.inf if logs else None
    mean = sum(logs) / len(logs)
    variance = sum((value - mean) ** 2 for value in logs) / (len(logs) - 1)
    return math.sqrt(variance / len(logs))


def best_ratio(values, base):
    """The ratio of two {round: value} that repeats best: the geometric mean of the
    ratios round by round; None where no round has both."""
    logs = log_ratios(values, base)
    return math.exp(sum(logs) / len(logs)) if logs else None
