# SPDX-License-Identifier: MIT
"""xz.py - xz on generated text, in four threads

270 calls of malloc, of 1.5 MB on average.  It is here for its memory, and as the
program whose time must not depend on the allocator at all.
"""

import random

import workloads

WORDS = 4000


def text(size):
    """Text of words of which some are frequent."""
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 11))) for _ in range(WORDS)]
    weights = [1 / (rank + 1) for rank in range(WORDS)]
    return " ".join(chance.choices(words, weights, k=size // 7))[:size]


class Xz(workloads.Command):
    """xz -T4: each thread has a dictionary, match tables and output in large blocks."""

    needs = {"xz": "xz-utils"}
    amount = 4 << 20

    def argv(self):
        return ["xz", "-6", "--keep", "--force", "--stdout", "--threads=4", "--block-size=512KiB",
                self.input("text", lambda: text(self.amount))]
