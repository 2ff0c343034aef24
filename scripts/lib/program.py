# SPDX-License-Identifier: MIT
"""program.py - which file a command line runs, and whether a preload reaches it

A preloaded library takes effect in a program when the program is dynamically
linked, for the library's machine and C library, does not start with raised
privileges (AT_SECURE), and does not define malloc itself.  A script counts as
the interpreter that its first line names.
"""

import os
import shlex
import stat
import struct
from collections import namedtuple

import elf
from errors import NOT_EXECUTABLE, NOT_FOUND, Refusal

# The kernel gives up at the fifth script that is interpreted by a script.
MAX_INTERPRETERS = 5
# BINPRM_BUF_SIZE: what the kernel reads of a first line.
FIRST_LINE_BYTES = 256
# VFS_CAP_FLAGS_EFFECTIVE of <linux/capability.h>.
CAP_EFFECTIVE = 1

# path: the file to execute; argv: its arguments, [0] as typed; binary: the ELF file
# that will hold the process, which differs from path for a script and for env(1).
Target = namedtuple("Target", "path argv binary")


def resolve(argv, environment):
    """The Target of a command line; Refusal if there is nothing to execute."""
    search = environment.get("PATH", os.defpath)
    path = find(argv[0], search)
    if is_shell_text(path):
        argv = ["/bin/sh", path, *argv[1:]]
        path = argv[0]
    return Target(path, argv, binary_of(behind_env(path, argv, search), search))


def behind_env(path, argv, search):
    """The program that env(1) starts, where the command line begins with env."""
    if os.path.basename(path) != "env":
        return path
    try:
        return find(program_in(argv[1:]) or path, search)
    except Refusal:
        return path


def find(name, search):
    """The file that execvp(3) would execute for `name`."""
    if "/" in name:
        return checked(name, name)
    refusal = Refusal(f"{name}: no such program in PATH", NOT_FOUND)
    for folder in search.split(":"):
        try:
            return checked(os.path.join(folder or ".", name), name)
        except Refusal as error:
            if error.status == NOT_EXECUTABLE:
                refusal = error
    raise refusal


def checked(path, name):
    """`path` if it is a file that may be executed; Refusal speaks of `name`."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        raise Refusal(f"{name}: {error.strerror}", NOT_FOUND if missing else NOT_EXECUTABLE) from error
    if not stat.S_ISREG(mode):
        raise Refusal(f"{name}: is not a file that can be executed", NOT_EXECUTABLE)
    if not os.access(path, os.X_OK):
        raise Refusal(f"{name}: Permission denied", NOT_EXECUTABLE)
    return path


def first_bytes(path):
    """The beginning of a file as the kernel sees it; empty if it may not be read."""
    try:
        with open(path, "rb") as file:
            return file.read(FIRST_LINE_BYTES)
    except OSError:
        return b""


def is_shell_text(path):
    """Neither ELF nor #!: execvp(3) hands such a file to the shell."""
    start = first_bytes(path)
    return bool(start) and not start.startswith((b"\x7fELF", b"#!"))


def binary_of(path, search):
    """Follows #! lines from `path` to the file that is no script."""
    for _ in range(MAX_INTERPRETERS):
        start = first_bytes(path)
        if not start.startswith(b"#!"):
            return path
        path = interpreter_of(path, os.fsdecode(start[2:].split(b"\n")[0]), search)
    raise Refusal(f"{path}: too many scripts interpret each other", NOT_EXECUTABLE)


def interpreter_of(script, line, search):
    """The file that interprets a script whose #! line says `line`."""
    words = line.split(None, 1)
    if not words:
        raise Refusal(f"{script}: its first line names no interpreter", NOT_EXECUTABLE)
    name = words[0]
    if os.path.basename(name) == "env":
        name = program_of_env(words[1] if len(words) > 1 else "") or name
    try:
        return find(name, search)
    except Refusal as error:
        raise Refusal(f"{script}: its interpreter {error}", error.status) from error


def program_of_env(argument):
    """The program in what follows `#!/usr/bin/env`; None if there is none.

    The kernel passes one argument; env(1) cuts it into words after -S only.
    """
    argument = argument.strip()
    for flag in ("-S", "--split-string=", "-vS"):
        if argument.startswith(flag):
            return program_in(shlex.split(argument[len(flag):]))
    return program_in([argument])


def program_in(words):
    """The program among the arguments of env(1): behind options and assignments."""
    while words and (words[0].startswith("-") or "=" in words[0]):
        takes_value = words[0] in ("-u", "-C")
        words = words[2 if takes_value else 1:]
    return words[0] if words and words[0] else None


def why_not(binary, library):
    """Why preloading `library` cannot take effect in `binary`; None if it can.

    A binary that may be executed but not read passes: nothing is known about it.
    """
    if not os.access(binary, os.R_OK):
        return None
    return reason_in_file(binary, lambda program: mismatch(program, elf.read(library), library)
                          or why_never(program, binary))


def why_no_library(binary):
    """Why no preloaded library at all can take effect in `binary`; None if one can."""
    return reason_in_file(binary, lambda program: why_never(program, binary))


def reason_in_file(binary, reason_of):
    """reason_of(the ELF file), or what is wrong with the file itself."""
    try:
        program = elf.read(binary)
        return "is neither an ELF program nor a script" if program is None else reason_of(program)
    except (ValueError, struct.error, IndexError):
        return "has a damaged ELF header"


def why_never(program, binary):
    """The reason in the program, whatever the library; or None."""
    if program.interpreter is None:
        return "is statically linked, so the loader that reads LD_PRELOAD never runs"
    return privilege(binary) or own_malloc(program)


def mismatch(program, preload, library):
    """The reason in the two files' headers, or None."""
    name = os.path.basename(library)
    if preload is None:
        return f"cannot be given {library}, which is no ELF library"
    if program.architecture != preload.architecture:
        return f"is a {program.machine_name} program and {name} is for {preload.machine_name}"
    if is_musl_program(program) and not is_musl_library(preload):
        return f"is linked to musl and {name} to glibc"
    if is_musl_library(preload) and not is_musl_program(program):
        return f"is linked to glibc and {name} to musl"
    return None


def is_musl_program(program):
    """Whether a program's loader is musl's."""
    return os.path.basename(program.interpreter or "").startswith("ld-musl")


def is_musl_library(library):
    """Whether a library asks for musl: glibc is always libc.so.6."""
    return any(name == "libc.so" or name.startswith("libc.musl") for name in library.needed())


def own_malloc(program):
    """A malloc in the program comes before that of any library."""
    if program.defines("malloc"):
        return "defines malloc itself, which comes before any preloaded one"
    return None


def privilege(binary):
    """Why the kernel would set AT_SECURE for `binary`, so that the loader
    ignores LD_PRELOAD; None if it would not (execve(2), getauxval(3))."""
    uid, gid = ids_after_exec(binary)
    if uid != os.getuid():
        return "is set-user-ID, so the loader ignores LD_PRELOAD"
    if gid != os.getgid():
        return "is set-group-ID, so the loader ignores LD_PRELOAD"
    if os.getuid() != 0 and has_capabilities(binary):
        return "has file capabilities, so the loader ignores LD_PRELOAD"
    return None


def ids_after_exec(binary):
    """Effective user and group that executing `binary` gives."""
    uid, gid, status = os.geteuid(), os.getegid(), os.stat(binary)
    if os.statvfs(binary).f_flag & os.ST_NOSUID or no_new_privileges():
        return uid, gid
    if status.st_mode & stat.S_ISUID:
        uid = status.st_uid
    if status.st_mode & stat.S_ISGID and status.st_mode & stat.S_IXGRP:
        gid = status.st_gid
    return uid, gid


def no_new_privileges():
    """Whether this process and its children can gain none (prctl(2))."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            return any(line.split() == ["NoNewPrivs:", "1"] for line in file)
    except OSError:
        return False


def has_capabilities(binary):
    """Whether executing `binary` grants capabilities to an ordinary user."""
    try:
        value = os.getxattr(binary, "security.capability")
        flags, permitted_low = struct.unpack_from("<II", value)
    except (OSError, struct.error):
        return False
    permitted_high = struct.unpack_from("<I", value, 12)[0] if len(value) >= 20 else 0
    return bool(flags & CAP_EFFECTIVE or permitted_low or permitted_high)
