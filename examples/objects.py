# SPDX-License-Identifier: MIT
"""objects.py - a Python program that allocates much: documents, an index, text

Run it with PYTHONMALLOC=malloc, so that each object is a block of the C library's
malloc.  Prints a checksum that does not depend on the allocator.  An argument is
the number of documents.
"""

import json
import random
import re
import sys
import zlib

DOCUMENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
ROUNDS = 4
WORDS = [f"{a}{b}{c}" for a in ("ka", "lo", "mi", "ten", "sur") for b in ("ra", "ne", "vi", "ost")
         for c in ("", "s", "lin", "dor", "ham")]


def document(number, chance):
    """One record with strings, lists and a nested dictionary."""
    return {"id": number, "title": " ".join(chance.choices(WORDS, k=5)),
            "tags": chance.sample(WORDS, 4), "sizes": [chance.random() for _ in range(8)],
            "owner": {"name": chance.choice(WORDS).title(), "visits": number % 97}}


def index_of(documents):
    """Word -> ids of the documents whose title holds it."""
    index = {}
    for entry in documents:
        for word in re.findall(r"\w+", entry["title"]):
            index.setdefault(word, []).append(entry["id"])
    return index


def changed(documents, chance):
    """Drops a third of the documents and puts new ones in their place."""
    kept = [entry for entry in documents if chance.random() > 1 / 3]
    return kept + [document(len(kept) + i, chance) for i in range(DOCUMENTS - len(kept))]


def main():
    """Builds, writes, reads and indexes documents, changing some each round."""
    chance, checksum = random.Random(1), 0
    documents = [document(i, chance) for i in range(DOCUMENTS)]
    for _ in range(ROUNDS):
        text = json.dumps(documents)
        documents = changed(json.loads(text), chance)
        index = index_of(documents)
        lines = sorted(f"{word}:{','.join(map(str, ids[:50]))}" for word, ids in index.items())
        checksum = zlib.crc32("\n".join(lines).encode(), checksum)
    print(f"{checksum:08x}")


main()
