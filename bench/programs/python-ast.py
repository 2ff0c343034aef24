# SPDX-License-Identifier: MIT
"""python-ast.py - the Python interpreter as a compiler: source to tree to code

2.1 million calls of malloc, of 89 bytes on average; the tree grows as a whole, is
changed in place and dies as a whole.
"""

import random

import workloads

Python = workloads.kind("python")

SCRIPT = '''\
import ast, sys, zlib

class Fold(ast.NodeTransformer):
    """Replaces sums of constants by constants, and renames what is local."""
    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
            return ast.copy_location(ast.Constant(node.left.value + node.right.value), node)
        return node
    def visit_Name(self, node):
        return ast.copy_location(ast.Name(node.id + "_", node.ctx), node) if node.id[0] == "v" else node

with open(sys.argv[1], encoding="ascii") as file:
    tree = ast.parse(file.read())
text = ast.unparse(Fold().visit(tree))
code = compile(text, "folded", "exec")
print(len(text), zlib.crc32(text.encode()), len(code.co_consts))
'''


def source(functions):
    """A module of functions whose bodies are all different."""
    chance = random.Random(1)
    lines = []
    for number in range(functions):
        lines.append(f"def function_{number}(v0, v1):")
        for step in range(2, chance.randint(6, 18)):
            left, right = chance.randrange(step), chance.randrange(step)
            lines.append(f"    v{step} = (v{left} + {chance.randrange(99)} + {number}) * v{right} if v{left} > {step} "
                         f"else [v{left}, 'text {number} {step}', {{'key': v{right} + 1}}]")
        lines.append("    return v0, v1")
    return "\n".join(lines)


class PythonAst(Python):
    """Python: a module parsed, its tree rewritten, printed and compiled."""

    amount = 250

    def argv(self):
        return [workloads.PYTHON, self.input("fold.py", lambda: SCRIPT),
                self.input("source.txt", lambda: source(self.amount))]
