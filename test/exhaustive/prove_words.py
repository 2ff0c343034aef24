#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""prove_words.py - the merge arithmetic for all words of 64 bits, by z3

Reads the functions of src/heap/word.h, whose expressions mean the same in Python, and asks the
solver for a word for which they do not do what a loop over granules does.  There is none if it
answers "unsat"."""
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BITS = 64


class Word:
    """A term of 64 bits; operators make larger terms."""

    def __init__(self, text):
        self.text = text

    def __and__(self, other):
        return Word(f"(bvand {self.text} {other.text})")

    def __or__(self, other):
        return Word(f"(bvor {self.text} {other.text})")

    def __xor__(self, other):
        return Word(f"(bvxor {self.text} {other.text})")

    def __add__(self, other):
        return Word(f"(bvadd {self.text} {other.text})")

    def __lshift__(self, by):
        return Word(f"(bvshl {self.text} #x{by:016x})")

    def __invert__(self):
        return Word(f"(bvnot {self.text})")


def function(name):
    """The parameters of a function of word.h, its definitions and its result, as Python."""
    with open(os.path.join(TOP, "src", "heap", "word.h"), encoding="utf-8") as file:
        text = file.read()
    found = re.search(rf"uint64_t {name}\(([^)]*)\)\n{{\n(.*?)\n}}", text, re.S)
    parameters = re.findall(r"uint64_t (\w+)", found[1])
    definitions = re.findall(r"uint64_t (\w+) = ([^;]+);", found[2])
    return parameters, definitions, re.search(r"return ([^;]+);", found[2])[1]


def term_of(name, lines):
    """Defines the parameters as unknowns, the definitions, and RESULT."""
    parameters, definitions, result = function(name)
    names = {parameter: Word(parameter) for parameter in parameters}
    lines += [f"(declare-const {parameter} (_ BitVec {BITS}))" for parameter in parameters]
    for defined, expression in definitions:
        value = eval(expression, {"__builtins__": {}}, names)  # pylint: disable=eval-used
        lines.append(f"(define-fun {defined} () (_ BitVec {BITS}) {value.text})")
        names[defined] = Word(defined)
    value = eval(result, {"__builtins__": {}}, names)  # pylint: disable=eval-used
    lines.append(f"(define-fun RESULT () (_ BitVec {BITS}) {value.text})")


def bit(word, g):
    return f"(= ((_ extract {g} {g}) {word}) #b1)"


def is_bit(word):
    return f"(= (bvand {word} #xfffffffffffffffe) #x0000000000000000)"


def fill():
    lines = []
    term_of("sea_word_fill", lines)
    lines += ["(assert (= (bvand pending (bvnot seams)) #x0000000000000000))", f"(assert {is_bit('carry')})"]
    before, wrong = bit("carry", 0), []
    for g in range(BITS):  # at a seam it goes on if the chunk is pending
        lines.append(f"(define-fun n{g} () Bool (ite {bit('seams', g)} {bit('pending', g)} {before}))")
        before = f"n{g}"
        wrong.append(f"(not (= {before} {bit('RESULT', g)}))")
    return lines + [f"(assert (or {' '.join(wrong)}))", "(check-sat)"]


def join():
    lines = []
    term_of("sea_word_join", lines)
    lines.append(f"(assert {is_bit('before')})")
    wrong = []
    for g in range(BITS):
        front = bit("holes", g - 1) if g else bit("before", 0)
        wrong.append(f"(not (= {bit('RESULT', g)} (and {bit('seams', g)} (not (and {bit('holes', g)} {front})))))")
    return lines + [f"(assert (or {' '.join(wrong)}))", "(check-sat)"]


def solve(lines):
    done = subprocess.run(["z3", "-in", "-T:120"], input="\n".join(lines), capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main():
    if shutil.which("z3") is None:
        print("skip  prove_words: there is no z3 here")
        return
    for name, lines in (("fill", fill()), ("join", join())):
        answer = solve(lines)
        if answer != "unsat":
            sys.exit(f"{name}: the solver says: {answer}")
    # What is not so has a counterexample: the proof can fail.
    broken = [line.replace("bvadd", "bvor") for line in fill()]
    if solve(broken) != "sat":
        sys.exit("the solver finds no fault in a broken formula")
    print("words of 64 bits: all, proved by z3")


main()
