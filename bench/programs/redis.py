# SPDX-License-Identifier: MIT
"""redis.py - a Redis server with a data set that is filled, changed and thinned out

3.2 million calls of malloc and 110 000 of realloc, of 52 bytes on average; 570 000
blocks are alive at the end.  Debian's server is linked to jemalloc, which
allocators.baseline() takes into account.
"""

import os
import subprocess

import workloads
from workloads import LOAD_TIMEOUT_S, Trouble


class Redis(workloads.Server):
    """Redis: strings, hashes, lists and sorted sets, filled, changed, thinned out."""

    needs = {"redis-server": "redis-server", "redis-cli": "redis-tools"}
    amount, quick_amount = 90000, 30000

    def argv(self):
        """Without persistence, which would fork."""
        return ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
                "--enable-debug-command", "yes", "--dir", self.folder]

    def prepare(self):
        self.input("commands", self.commands)

    def load(self):
        """Sends all commands through a pipe."""
        with open(self.input("commands", self.commands), "rb") as file:
            reply = self.client("--pipe", stdin=file)
        if "errors: 0" not in reply:
            raise Trouble(f"redis-cli: {reply.strip()}")

    def commands(self):
        """The commands, in the server's protocol."""
        keyspace = os.path.join(workloads.EXAMPLES, "keyspace.py")
        return subprocess.run([workloads.PYTHON, keyspace, str(self.amount)],
                              stdout=subprocess.PIPE, check=True).stdout

    def result(self):
        return self.client("DEBUG", "DIGEST")

    def empty(self):
        """Synchronously: a thread of the server would free in the background."""
        self.client("FLUSHALL", "SYNC")

    def end(self):
        self.client("SHUTDOWN", "NOSAVE")

    def client(self, *words, program="redis-cli", stdin=subprocess.DEVNULL):
        """What a client of the server writes."""
        result = subprocess.run([program, "-s", self.socket, *words], stdin=stdin, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=LOAD_TIMEOUT_S, check=False)
        if result.returncode:
            raise Trouble(f"{program}: {result.stdout.strip()}")
        return result.stdout
