# SPDX-License-Identifier: MIT
"""ruby.py - the Ruby interpreter on objects, hashes and strings

850 000 calls of malloc, of 74 bytes on average, for what does not fit into the
interpreter's slots of 40 bytes; freed in sweeps.
"""

import workloads

SCRIPT = """
Entry = Struct.new(:key, :text, :parts)
chance = Random.new(1)
entries = {}
sum = 0
5.times do |round|
  ARGV[0].to_i.times do |number|
    text = "entry #{number} of #{round}: " + "word " * chance.rand(12)
    entries[chance.rand(30_000)] = Entry.new("key-#{number}", text, text.split(" ").map(&:upcase))
  end
  entries.delete_if { |key, _| (key + round) % 3 == 0 }
  groups = entries.values.group_by { |entry| entry.parts.length }
  sum += groups.sum { |length, all| length * all.map { |entry| entry.text.sub("word", "x").length }.sum }
  lines = entries.sort.map { |key, entry| [key, entry.key, *entry.parts].join(",") }
  sum += lines.join("\\n").scan(/E\\w+/).length
end
puts sum
"""


class Ruby(workloads.Command):
    """Ruby: structs, hashes and strings under a mark-and-sweep collector."""

    needs = {"ruby": "ruby"}
    amount = 30000

    def argv(self):
        return ["ruby", "--disable=gems", self.input("entries.rb", lambda: SCRIPT), str(self.amount)]
