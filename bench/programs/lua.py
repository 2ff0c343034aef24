# SPDX-License-Identifier: MIT
"""lua.py - the Lua interpreter on tables, strings and closures

1.4 million calls of realloc, by which Lua allocates; as many of free, which come in
sweeps over the heap, in the order of allocation.
"""

import workloads

SCRIPT = """
local nodes, seed = tonumber(arg[1]), 1
local function chance(n)
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return (seed >> 8) % n + 1
end
local function insert(tree, key)
    if not tree then
        return { key = key, text = "node " .. key, size = 1 }
    end
    local side = key < tree.key and "left" or "right"
    tree[side] = insert(tree[side], key)
    tree.size = tree.size + 1
    return tree
end
local function walk(tree, visit)
    if tree then
        walk(tree.left, visit)
        visit(tree)
        walk(tree.right, visit)
    end
end
local sum = 0
for round = 1, 4 do
    local tree, lines, waiting = nil, {}, {}
    for i = 1, nodes do
        tree = insert(tree, chance(1000000))
        waiting[i % 1000] = function() return i * round end
    end
    walk(tree, function(node)
        lines[#lines + 1] = string.format("%s/%d/%s", node.text, node.size, node.text:rep(node.key % 4))
    end)
    local text = table.concat(lines, "\\n")
    for word in text:gmatch("%d+") do
        sum = (sum + #word * round) % 1000003
    end
    for i, f in pairs(waiting) do
        sum = (sum + f()) % 1000003
    end
end
print(sum)
"""


class Lua(workloads.Command):
    """Lua: trees of tables, strings, closures, and a collector that frees in sweeps."""

    needs = {"lua5.4": "lua5.4"}
    amount, quick_amount = 40000, 10000

    def argv(self):
        return ["lua5.4", self.input("trees.lua", lambda: SCRIPT), str(self.amount)]
