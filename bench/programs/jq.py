# SPDX-License-Identifier: MIT
"""jq.py - jq on a generated document

1.5 million calls of malloc, of 117 bytes on average, and all values alive together.
"""

import json
import random

import workloads

FILTER = ("map(select(.active) | .total = (.items | map(.price * .count) | add)) | group_by(.city) "
          "| map({city: .[0].city, people: length, total: (map(.total) | add | floor), "
          "names: (map(.name | ascii_upcase) | sort | .[:3])}) | sort_by(.total) | .[-3:] | tojson")


def document(people):
    """Nested records."""
    chance = random.Random(1)
    return json.dumps([{
        "id": number, "name": f"person {chance.randrange(10**6)}", "active": chance.random() < 0.8,
        "city": f"city {chance.randrange(200)}", "note": "text " * chance.randrange(20),
        "items": [{"item": f"item {chance.randrange(900)}", "price": chance.randrange(1, 99),
                   "count": chance.randrange(1, 9)} for _ in range(chance.randrange(1, 9))],
    } for number in range(people)])


class Jq(workloads.Command):
    """jq: a JSON document read into values, filtered, grouped, sorted."""

    needs = {"jq": "jq"}
    amount, quick_amount = 32000, 12000

    def argv(self):
        return ["jq", FILTER, self.input("people.json", lambda: document(self.amount))]
