# SPDX-License-Identifier: MIT
"""keyspace.py - commands that fill, change and thin out a Redis data set

Writes them in the server's protocol, for `redis-cli --pipe`.  The sizes change
between the phases, so that blocks freed by one phase do not fit the next.  An
argument is the number of keys.
"""

import random
import sys

KEYS = int(sys.argv[1]) if len(sys.argv) > 1 else 90000
HASHES = KEYS // 10


def command(*words):
    """One command: an array of bulk strings."""
    coded = [str(word).encode() for word in words]
    parts = [b"*%d\r\n" % len(coded)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in coded]
    return b"".join(parts)


def text(chance, shortest, longest):
    """A string whose length is random."""
    return "x" * chance.randint(shortest, longest)


def fill(chance):
    """Short strings, small hashes, lists and sorted sets."""
    for i in range(KEYS):
        yield command("SET", f"key:{i}", text(chance, 10, 200))
    for i in range(HASHES):
        yield command("HSET", f"hash:{i}", *(word for f in range(10)
                                             for word in (f"field{f}", text(chance, 5, 90))))
        yield command("RPUSH", f"list:{i % 300}", *(text(chance, 5, 40) for _ in range(6)))
        yield command("ZADD", f"rank:{i % 50}", chance.randint(1, 10**6), f"member:{i}")


def change(chance):
    """Longer strings under two thirds of the keys, appended to others."""
    for i in chance.sample(range(KEYS), KEYS * 2 // 3):
        yield command("SET", f"key:{i}", text(chance, 100, 500))
    for i in chance.sample(range(KEYS), KEYS // 3):
        yield command("APPEND", f"key:{i}", text(chance, 10, 100))


def thin_out(chance):
    """Deletes half of the keys and puts long strings where they were."""
    gone = chance.sample(range(KEYS), KEYS // 2)
    for i in gone:
        yield command("DEL", f"key:{i}")
    for i in gone[:KEYS // 6]:
        yield command("SET", f"key:{i}", text(chance, 400, 1200))


def main():
    """Writes the phases, the last two twice, to standard output."""
    chance = random.Random(1)
    for phase in (fill, change, thin_out, change, thin_out):
        sys.stdout.buffer.writelines(phase(chance))


main()
