#!/bin/sh
# SPDX-License-Identifier: MIT
# git.sh N - a repository of N commits, packed, checked, merged; in the current directory
set -e
export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='2001-02-03T04:05:06Z'
export GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.org GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
git init -q -b main .
i=0
while [ $i -lt "$1" ]; do
	i=$((i + 1))
	for f in a b c d; do seq $i 3 $((i * 40 + 50)) > "$f$((i % 7))"; done
	git add .
	git commit -q -m "commit $i"
done
git checkout -q -b side HEAD~3
seq 1 500 > side
git add side
git commit -q -m side
git checkout -q main
git merge -q -m merge side
git repack -q -a -d --threads=2
git gc -q
git fsck --strict 2>&1
git log --stat | cksum
git diff HEAD~2 HEAD~1 | cksum
git grep -c 7 | sort | head -20
git blame a1 | cksum
git rev-parse HEAD
