# SPDX-License-Identifier: MIT
"""progress.py - what a waiting person sees, and nobody else: a line that
rewrites itself, on standard error, only if that is a terminal
"""

import sys
import time

ERASE_LINE = "\r\033[K"


class Progress:
    """Counts steps and guesses how long the rest takes."""

    def __init__(self, steps):
        self.steps = steps
        self.done = 0
        self.start = time.monotonic()
        self.visible = sys.stderr.isatty()

    def show(self, text):
        """Announces the step that now begins."""
        if self.visible:
            print(f"{ERASE_LINE}{text}{self.remaining()}", end="", file=sys.stderr, flush=True)

    def remaining(self):
        """The guess in words; empty before the first step is over."""
        if not self.done:
            return ""
        seconds = (time.monotonic() - self.start) / self.done * (self.steps - self.done)
        return f"  ETA {seconds:.0f} s"

    def step(self):
        """One step is over."""
        self.done += 1

    def clear(self):
        """Takes the line away."""
        if self.visible:
            print(ERASE_LINE, end="", file=sys.stderr, flush=True)
