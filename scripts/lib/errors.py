# SPDX-License-Identifier: MIT
"""errors.py - the ways in which a command ends without doing its work

Exit statuses follow env(1) and timeout(1), so that a caller can tell this
program's refusal from the status of the program it was to run.
"""

USAGE, REFUSED, NOT_EXECUTABLE, NOT_FOUND = 2, 125, 126, 127


class Refusal(Exception):
    """One sentence for the user, and the exit status that goes with it."""

    def __init__(self, message, status=REFUSED):
        super().__init__(message)
        self.status = status


class Usage(Refusal):
    """A command line that makes no sense."""

    def __init__(self, message):
        super().__init__(message, USAGE)
