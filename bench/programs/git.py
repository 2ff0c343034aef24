# SPDX-License-Identifier: MIT
"""git.py - git on a generated history

650 000 calls of malloc and 80 000 of realloc in a dozen processes.  The blocks are
large, 1 to 23 KiB on average: objects, and what they are compressed in.
"""

import random
import shutil

import workloads

FILES = 1500
# A repository that the environment names is not to be touched.  One thread, nothing in
# the background.
SCRIPT = """
set -eu
unset $(git rev-parse --local-env-vars)
git init --quiet --initial-branch=main "$1"
cd "$1"
git config pack.threads 1
git config index.threads 1
git config core.fsync none
git config gc.auto 0
git fast-import --quiet <"$2"
git reset --quiet --hard
git rm -r --quiet --cached .
git add --all
git repack -a -d -f --quiet
git log --stat | cksum
git fsck --no-progress
git status --short
"""


def history(commits):
    """A stream for `git fast-import`: each commit writes many files anew, a little changed."""
    chance = random.Random(1)
    lines = {number: [f"line {chance.randrange(10**9)} of file {number}" for _ in range(chance.randrange(5, 60))]
             for number in range(FILES)}
    parts = []
    for number in range(commits):
        parts.append(f"commit refs/heads/main\ncommitter A <a@example.org> {10**9 + number} +0000\ndata 6\nchange\n")
        for changed in lines if number == 0 else chance.sample(range(FILES), FILES // 10):
            lines[changed].insert(chance.randrange(len(lines[changed])), f"commit {number} was here")
            text = "\n".join(lines[changed])
            parts.append(f"M 644 inline folder{changed % 40}/file{changed}\ndata {len(text)}\n{text}\n")
    return "".join(parts)


class Git(workloads.Command):
    """git: a history imported, checked out, added, packed anew, shown and verified."""

    needs = {"git": "git"}
    variables = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    amount = 30

    def argv(self):
        return ["sh", "-c", SCRIPT, "sh", self.path("repository"),
                self.input("history", lambda: history(self.amount))]

    def clear(self):
        """A run starts with no repository."""
        shutil.rmtree(self.path("repository"), ignore_errors=True)
