# SPDX-License-Identifier: MIT
"""cmake.py - CMake's language on strings and lists

11.8 million calls of malloc, of 133 bytes on average, nearly all freed at once: the
program here that spends most of its calls on the least memory.
"""

import workloads

SCRIPT = """
set(all)
foreach(i RANGE 1 ${COUNT})
    math(EXPR key "${i} * 7919 % 1009")
    list(APPEND names_${key} "file_${i}.cc")
    string(REPLACE "_" "/" path "src_dir_${key}_file_${i}")
    string(TOUPPER "${path}" upper)
    list(APPEND all "${upper}")
    string(REGEX MATCHALL "[0-9]+" numbers "${path}")
    list(LENGTH names_${key} length)
    if(length GREATER 3)
        list(JOIN names_${key} " " joined)
        list(REVERSE names_${key})
        unset(names_${key})
    endif()
    list(LENGTH all length)
    if(length GREATER 200)
        list(SORT all)
        string(MD5 sum "${sum}${all}${joined}")
        set(all)
    endif()
endforeach()
message(STATUS "${sum}")
"""


class Cmake(workloads.Command):
    """CMake: C++ strings, lists and maps of a script's variables."""

    needs = {"cmake": "cmake"}
    amount = 30000

    def argv(self):
        return ["cmake", f"-DCOUNT={self.amount}", "-P", self.input("lists.cmake", lambda: SCRIPT)]
