# SPDX-License-Identifier: MIT
"""progress.py - what a waiting person sees, and nobody else: a line that
rewrites itself, on standard error, only if that is a terminal
"""

import shutil
import sys
import time

ERASE_LINE = "\r\033[K"
BAR_WIDTH = 24


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


class Bar(Progress):
    """A bar for work whose finished part is told as a fraction."""

    def __init__(self):
        super().__init__(1)

    def show(self, text, fraction):
        """What runs now, and how much of all is over."""
        self.done = min(max(fraction, 0), 1)
        if self.visible:
            full = round(self.done * BAR_WIDTH)
            line = f"[{'#' * full:<{BAR_WIDTH}}] {self.done * 100:3.0f} %{self.remaining()}  {text}"
            columns = shutil.get_terminal_size().columns
            print(f"{ERASE_LINE}{line[:columns - 1]}", end="", file=sys.stderr, flush=True)

    def remaining(self):
        """The time left, in minutes and seconds."""
        if self.done < 0.005:
            return ""
        seconds = (time.monotonic() - self.start) / self.done * (1 - self.done)
        return f"  {seconds // 60:.0f}:{seconds % 60:02.0f} left"
