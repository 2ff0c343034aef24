# SPDX-License-Identifier: MIT
"""z3.py - the Z3 solver on a generated problem

650 000 calls of malloc and 57 000 of realloc, of 277 bytes on average.
"""

import random

import workloads


def problem(variables):
    """Sums and differences of integers that have to fit, and bit vectors."""
    chance = random.Random(1)
    values = [chance.randrange(1000) for _ in range(variables)]
    lines = ["(set-option :smt.random_seed 1)", "(set-logic ALL)"]
    lines += [f"(declare-const x{i} Int)\n(declare-const b{i} (_ BitVec 16))" for i in range(variables)]
    for _ in range(variables * 3):
        one, two, three = (chance.randrange(variables) for _ in range(3))
        total = values[one] + values[two] - values[three]
        lines.append(f"(assert (or (< (- (+ x{one} x{two}) x{three}) {total - chance.randrange(50)}) "
                     f"(and (>= x{one} {values[one] - 9}) (<= (+ x{two} x{three}) "
                     f"{values[two] + values[three] + chance.randrange(20)}))))")
        lines.append(f"(assert (= (bvand b{one} #x{values[one] & 15:04x}) "
                     f"(bvand (bvadd b{one} #x{chance.randrange(8) * 16:04x}) #x{values[one] & 15:04x})))")
    return "\n".join([*lines, "(check-sat)", ""])


class Z3(workloads.Command):
    """Z3: terms, clauses and bit vectors of a satisfiability problem."""

    needs = {"z3": "z3"}
    amount = 900

    def argv(self):
        return ["z3", self.input("problem.smt2", lambda: problem(self.amount))]
