# SPDX-License-Identifier: MIT
"""commands.py - what a command's refusals and interruptions become: a line, and an exit status"""

import signal
import sys

from errors import Refusal, Usage

def guarded(command, arguments):
    """Runs a command; turns its refusals and interruptions into an exit status.

    Python ignores SIGPIPE and SIGXFSZ from its start, and a program executed would
    inherit that: both get their default action back.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, end)
    try:
        return command(arguments)
    except Usage as error:
        complain(f"{error} (seamalloc --help tells more)")
        return error.status
    except Refusal as error:
        complain(error)
        return error.status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def end(number, _frame):
    """Signal handler: leaves in good order, so that nothing started stays behind."""
    sys.exit(128 + number)


def complain(text):
    """One line on standard error."""
    print(f"seamalloc: {text}", file=sys.stderr)
