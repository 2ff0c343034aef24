# SPDX-License-Identifier: MIT
# check-all.bats - scripts/check-all adds up, and closes with what failed

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	printf '%s\n' 'all: ;' \
		'good: ; @echo "pass  a/b"; echo "3 passed, 0 failed, 1 skipped"' \
		'bad: ; @echo "FAIL  a/c: left 12 %"; echo "2 passed, 1 failed, 0 skipped"; false' \
		'bats: ; @echo "ok 1 - one"; echo "not ok 2 - two"; false' \
		'lost: ; @echo "no compiler"; false' >Makefile
}

@test "the totals of targets that pass" {
	run -0 "$ROOT/scripts/check-all" make good
	equal "${lines[-1]}" "3 passed, 0 failed, 1 skipped"
	lacks "$output" FAIL
}

@test "the lines that failed stand below the table, each with its target" {
	run -1 "$ROOT/scripts/check-all" make bad good bats lost
	equal "${lines[-1]}" "6 passed, 3 failed, 1 skipped"
	equal "${lines[-4]}" "bad: FAIL  a/c: left 12 %"
	equal "${lines[-3]}" "bats: not ok 2 - two"
	contains "${lines[-2]}" ": *** "
}
