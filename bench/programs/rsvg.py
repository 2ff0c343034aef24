# SPDX-License-Identifier: MIT
"""rsvg.py - librsvg, a Rust library, on a generated drawing

400 000 calls of malloc, of 16.6 KB on average: next to Rust's small boxes there are
images of a megabyte that live for one shape.
"""

import random

import workloads


def drawing(shapes):
    """Groups of styled shapes, gradients and text."""
    chance = random.Random(1)
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="600" height="600">']
    for number in range(shapes):
        x, y = chance.randrange(600), chance.randrange(600)
        parts.append(
            f'<g transform="rotate({chance.randrange(360)} {x} {y})" style="stroke:#{chance.randrange(4096):03x};'
            f'fill:#{chance.randrange(4096):03x};opacity:.{chance.randrange(1, 9)}">'
            f'<path d="M{x} {y} l10 20 q5 {chance.randrange(30)} 20 -10 z"/><circle cx="{x}" cy="{y}" r="4"/></g>')
    return "\n".join([*parts, "</svg>", ""])


class Rsvg(workloads.Command):
    """librsvg: a drawing parsed, styled and rendered by Rust code."""

    needs = {"rsvg-convert": "librsvg2-bin"}
    amount = 4500

    def argv(self):
        return ["rsvg-convert", "-o", self.path("image.png"), self.input("drawing.svg", lambda: drawing(self.amount))]

    def result(self):
        return workloads.checksum(self.path("image.png"))
