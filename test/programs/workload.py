# SPDX-License-Identifier: MIT
"""workload.py N - objects of many sizes, in threads and in children; prints digests."""
import collections
import hashlib
import json
import re
import subprocess
import sys
import threading
import zlib

n = int(sys.argv[1])


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


class Node:
    def __init__(self, key, left=None, right=None):
        self.key, self.left, self.right = key, left, right


def tree(depth):
    return Node(depth, tree(depth - 1), tree(depth - 1)) if depth else None


def count(node):
    return 1 + count(node.left) + count(node.right) if node else 0


words = [f"word{i * 7919 % n}" * (i % 9 + 1) for i in range(n)]
print(digest(sorted(words)[:100]), digest(collections.Counter(words).most_common(20)))
print(count(tree(12)))
text = " ".join(words)
print(len(re.findall(r"word\d*7", text)), digest(re.sub(r"(\d+)", r"<\1>", text)))
document = {f"k{i}": [i, str(i) * (i % 30), {"n": i * 1.5}] for i in range(n)}
print(digest(json.loads(json.dumps(document))))
packed = zlib.compress(text.encode() * 5, 6)
print(hashlib.sha256(zlib.decompress(packed)).hexdigest()[:16], sum(2**k % (k + 1) for k in range(min(n, 2000))))

results = {}


def work(k):
    lists = [[k, i, "x" * (i % 200)] for i in range(n // 4)]
    lists.sort(key=lambda entry: (len(entry[2]), -entry[1]))
    results[k] = digest(lists[: len(lists) // 2])


threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(results.items()))
child = subprocess.run([sys.executable, "-c", "print(sum(len(str(i)) for i in range(20000)))"], capture_output=True,
                       text=True, check=True)
print(child.stdout.strip())
