# SPDX-License-Identifier: MIT
"""sqlite.py - SQLite on examples/orders.sql, in memory

1.7 million calls of malloc, of 112 bytes on average, and a cache of pages.
"""

import os

import workloads


class Database(workloads.Command):
    """SQLite: a database in memory, filled, indexed, joined, changed, sorted."""

    needs = {"sqlite3": "sqlite3"}
    amount, quick_amount = 150000, 50000

    def argv(self):
        """The parameter is a temporary table, which a later change of temp_store would drop."""
        return ["sqlite3", "-cmd", "PRAGMA temp_store = MEMORY", "-cmd",
                f".parameter set :purchases {self.amount}", ":memory:",
                f".read {os.path.join(workloads.EXAMPLES, 'orders.sql')}"]
