# SPDX-License-Identifier: MIT
"""commands.py - the command line of `seamalloc`: finds the command, reports refusals"""

import signal
import sys

import paths
from errors import Refusal, Usage

HELP = """\
usage: seamalloc run [OPTION ...] [--] PROGRAM [ARG ...]
       seamalloc compare [OPTION ...] [--] PROGRAM [ARG ...]
       seamalloc --help | --version

  run       runs PROGRAM with seamalloc as its malloc
  compare   runs PROGRAM in turn with each installed allocator, and shows time,
            memory and page faults of each beside glibc's

`seamalloc run --help` and `seamalloc compare --help` tell the options; the
manual page seamalloc(1) tells the rest.
"""


def main(arguments):
    """Exit status of one command line."""
    return guarded(dispatch, arguments)


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


def dispatch(arguments):
    """Runs the command that the first argument names."""
    if not arguments:
        raise Usage("which command?")
    name, rest = arguments[0], arguments[1:]
    if name in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if name in ("-V", "--version"):
        print(f"seamalloc {paths.version()}")
        return 0
    # Each command's modules are loaded when it is asked for: `run` starts faster.
    if name == "run":
        import launch
        return launch.main(rest)
    if name == "compare":
        import compare
        return compare.main(rest)
    kind = "option" if name.startswith("-") else "command"
    raise Usage(f"no {kind} is called {name!r}")
