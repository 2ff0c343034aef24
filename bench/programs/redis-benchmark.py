# SPDX-License-Identifier: MIT
"""redis-benchmark.py - a Redis server under the load of its own benchmark

6.9 million calls of malloc and 200 000 of realloc, of 90 bytes on average; requests
and replies die young, the data set stays small.
"""

import workloads
from workloads import Trouble

Redis = workloads.kind("redis")

# The commands that change something; one MSET is ten keys.
TESTS = "set,incr,lpush,rpop,sadd,hset,zadd,mset"
# The benchmark's random numbers cannot be seeded.  So few keys that each is hit.
KEYS = 4000


class Benchmark(Redis):
    """Redis: the commands of redis-benchmark on random keys, pipelined."""

    needs = {**Redis.needs, "redis-benchmark": "redis-tools"}
    amount = 100000

    def prepare(self):
        """The client makes its requests itself."""

    def load(self):
        """A fixed number of requests of each kind."""
        reply = self.client("-q", "-n", str(self.amount), "-r", str(KEYS), "-P", "16", "-d", "300",
                            "-t", TESTS, program="redis-benchmark")
        if "requests per second" not in reply:
            raise Trouble(f"redis-benchmark: {reply.strip()}")

    def result(self):
        """How many there are of everything, which does not depend on chance."""
        questions = ("DBSIZE",), ("LLEN", "mylist"), ("HLEN", "myhash"), ("SCARD", "myset"), ("ZCARD", "myzset")
        return [self.client(*question) for question in questions]
