# SPDX-License-Identifier: MIT
"""python.py - the Python interpreter on examples/objects.py

4.3 million calls of malloc and 460 000 of realloc, of 58 bytes on average, as Python
is told not to use its own allocator.
"""

import os

import workloads


class Python(workloads.Command):
    """Python: documents, an index and text, each object one malloc."""

    needs = {workloads.PYTHON: "python3"}
    variables = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
    amount, quick_amount = 9000, 3000

    def argv(self):
        return [workloads.PYTHON, os.path.join(workloads.EXAMPLES, "objects.py"), str(self.amount)]
