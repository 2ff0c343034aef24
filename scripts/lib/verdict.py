# SPDX-License-Identifier: MIT
"""verdict.py - a comparison in one sentence: how much less or more, and whether that is sure

A difference is sure where zero lies outside of the 95 % confidence interval of the mean
of the logarithms of the ratios, round by round: the allocators of one round ran next to
each other, so that a slow minute is in both.
"""

import math

import figures
from allocators import BASELINE
from rounds import OK

# What is told of: name in the JSON, word in the sentence, field of a Sample.
TOLD = (("cpu", "CPU", "cpu_s"), ("memory", "memory", "peak_rss_kib"))
# Below this share two figures are called the same.
SAME = 0.005
# Two-sided 95 % quantile of Student's distribution for 1, 2, ... degrees of freedom, and
# that of the normal one for more.
QUANTILES = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14,
             2.13, 2.12, 2.11, 2.10, 2.09, 2.09)
MANY = 2.0


def judged(columns):
    """(the Column that the sentence is on, the base line's), or None: ours, else the last."""
    good = {column.allocator.name: column for column in columns if column.status == OK}
    base = good.pop(BASELINE, None)
    if not base or not good:
        return None
    return good.get("seamalloc") or good.get("seam") or list(good.values())[-1], base


def difference(column, base, field):
    """(ratio of the medians, whether it differs for sure) of one field."""
    ratio = figures.ratio(getattr(figures.medians(column.samples), field), getattr(figures.medians(base.samples), field))
    if ratio is None:
        return None
    pairs = [(getattr(ours, field), getattr(theirs, field)) for ours, theirs in zip(column.samples, base.samples)]
    logs = [math.log(ours / theirs) for ours, theirs in pairs if ours > 0 and theirs > 0]
    return ratio, is_sure(logs) and (sum(logs) > 0) == (ratio > 1)


def is_sure(logs):
    """Whether the mean differs from 0; one round is none to tell by."""
    if len(logs) < 2:
        return False
    mean = sum(logs) / len(logs)
    error = math.sqrt(sum((value - mean) ** 2 for value in logs) / (len(logs) - 1) / len(logs))
    freedom = len(logs) - 1
    return abs(mean) > error * (QUANTILES[freedom - 1] if freedom <= len(QUANTILES) else MANY)


def in_words(word, told):
    """`8 % less CPU (sure)`."""
    if told is None:
        return f"{word} unknown"
    ratio, sure = told
    if abs(ratio - 1) < SAME:
        return f"the same {word}"
    share = f"{abs(ratio - 1) * 100:.0f} % {'less' if ratio < 1 else 'more'} {word}"
    return f"{share} ({'sure' if sure else 'within noise'})"


def sentence(columns):
    """`seamalloc: 8 % less CPU (sure), 3 % more memory (within noise)`; None if nothing is to compare."""
    chosen = judged(columns)
    if not chosen:
        return None
    column, base = chosen
    parts = [in_words(word, difference(column, base, field)) for _, word, field in TOLD]
    return f"{column.allocator.name}: {', '.join(parts)}"


def as_json(columns):
    """The same as a dictionary, or None."""
    chosen = judged(columns)
    if not chosen:
        return None
    column, base = chosen
    told = {name: difference(column, base, field) for name, _, field in TOLD}
    return {"allocator": column.allocator.name, "text": sentence(columns),
            **{name: value and {"ratio": value[0], "sure": value[1]} for name, value in told.items()}}
