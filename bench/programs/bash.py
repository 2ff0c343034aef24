# SPDX-License-Identifier: MIT
"""bash.py - the shell on arrays, strings and functions

15.7 million calls of malloc, of 27 bytes on average; next to nothing stays alive, so
this is the time of malloc and free of a block that was just freed.
"""

import workloads

SCRIPT = """
declare -A count
declare -a lines
sum=0
remember() {
    local name=$1 text=$2
    count[$name]=$((${count[$name]:-0} + 1))
    lines+=("$name: ${text//o/0} ${text^^}")
}
for ((i = 0; i < $1; i++)); do
    remember "name$((i * 7919 % 2003))" "some words of line $i"
    case ${lines[i]} in
    *9*) sum=$((sum + ${#lines[i]})) ;;
    esac
    if ((i % 50 == 49)); then unset "lines[i / 2]"; fi
done
printf '%s %s %s\\n' "${#count[@]}" "${#lines[@]}" "$sum"
"""


class Bash(workloads.Command):
    """bash: arrays and strings, expanded and substituted; blocks that live for a word."""

    needs = {"bash": "bash"}
    amount = 45000

    def argv(self):
        return ["bash", "--norc", self.input("lines.sh", lambda: SCRIPT), str(self.amount)]
