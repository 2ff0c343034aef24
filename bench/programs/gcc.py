# SPDX-License-Identifier: MIT
"""gcc.py - a C compiler on generated functions, without the headers and templates of g++.py

1.2 million calls of malloc and 77 000 of realloc, of 360 bytes on average.
"""

import random

import workloads

Compiler = workloads.kind("g++")


def source(functions):
    """Functions over a table of structs, each calling some of those before it."""
    chance = random.Random(1)
    head = "struct row { int key, count; double weight; struct row *next; };\nextern struct row table[];\n"
    return head + "".join(one_function(number, chance) for number in range(functions))


def one_function(number, chance):
    """A function of random statements."""
    body = "".join(statement(number, chance) for _ in range(chance.randint(3, 12)))
    return f"\nint f{number}(int a, int b)\n{{\n\tint c = a ^ {number};\n\n{body}\treturn a + b + c;\n}}\n"


def statement(number, chance):
    """One statement of function `number`."""
    one, two, call = chance.randrange(64), chance.randrange(2, 900), chance.randrange(max(number, 1))
    choices = [
        f"\ta += table[{one}].key * {two};\n",
        f"\tfor (int i = 0; i < b; i++)\n\t\ttable[i].count += c + table[{one}].key;\n",
        f"\tif (table[b & 63].weight > {two})\n\t\tc -= {one};\n\telse if (a == {two})\n\t\tb = c;\n",
        f"\tfor (struct row *r = table + {one}; r; r = r->next)\n\t\tc += r->count % {two};\n",
        "\tswitch (a & 7) {\n" + "".join(f"\tcase {i}: b += {one * i}; break;\n" for i in range(8)) + "\t}\n"]
    if number:
        choices.append(f"\tc += f{call}(b, {two});\n")
    return chance.choice(choices)


class CCompiler(Compiler):
    """gcc -O2: C functions with loops, lists and calls."""

    compiler = "gcc"
    needs = {"gcc": "gcc"}
    amount, quick_amount = 120, 40

    def argv(self):
        return [self.compiler, "-O2", "-c", "-o", self.path("object"),
                self.input("rows.c", lambda: source(self.amount))]
