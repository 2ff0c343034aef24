# SPDX-License-Identifier: MIT
"""gawk.py - GNU awk on a generated log

3.6 million calls of malloc, of 80 bytes on average: fields, keys and elements.
"""

import random

import workloads

SCRIPT = """
{
    hits[$2]++
    bytes[$2, $3] += $4
    path[$2] = path[$2] substr($5, 1, 3)
    n = split($5, part, "/")
    for (i = 2; i <= n; i++)
        seen[part[i]] = seen[part[i]] < NR ? NR : seen[part[i]]
    if (length(path[$2]) > 400) {
        gsub(/[aeiou]/, "", path[$2])
        delete hits[$2]
    }
}
END {
    for (key in bytes)
        sum += bytes[key] % 97
    n = asorti(seen, sorted)
    for (i = 1; i <= n; i++)
        text = length(text) < 5000 ? text sorted[i] : ""
    print length(hits), length(bytes), sum, n, length(text)
}
"""


def log(lines):
    """Lines of time, client, status, size and path."""
    chance = random.Random(1)
    return "".join(f"{number} client{chance.randrange(5000)} {chance.choice((200, 304, 404))} "
                   f"{chance.randrange(90000)} /{chance.choice(('about', 'shop', 'img'))}/page{chance.randrange(20000)}"
                   f"/part{chance.randrange(300)}\n" for number in range(lines))


class Gawk(workloads.Command):
    """GNU awk: associative arrays, fields and strings of a log."""

    needs = {"gawk": "gawk"}
    variables = {"LC_ALL": "C"}
    amount = 250000

    def argv(self):
        return ["gawk", "-f", self.input("log.awk", lambda: SCRIPT),
                self.input("log", lambda: log(self.amount))]
