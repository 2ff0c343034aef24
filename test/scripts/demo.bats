# SPDX-License-Identifier: MIT
# demo.bats - scripts/demo: the proof, the table, what is missing
#
# One program and one run; `make demo` is the whole.

bats_require_minimum_version 1.5.0
load common

# The demonstration, small.
demo() {
	"$ROOT/scripts/demo" --libdir="$BUILD" --runs=1 --allocators=seamalloc "$@"
}

@test "it proves that the library is mapped, and shows both blocks of the table" {
	run --separate-stderr demo --programs=sqlite
	[ "$status" -eq 0 ]
	grep -Eq "^proof: .*/proc/[0-9]+/maps has [0-9a-f]+-[0-9a-f]+ r-xp $(realpath "$BUILD/libseamalloc.so")$" <<<"$output"
	equal "$(grep -Ec '^sqlite +[0-9.]+ \(1\.00\) +[0-9.]+ \([0-9.]+\)$' <<<"$output")" 2
	equal "$(grep -Ec '^geometric mean +1\.00 +[0-9.]+$' <<<"$output")" 2
}

@test "a server is loaded, measured and gone afterwards" {
	command -v redis-server >/dev/null || skip "needs redis-server"
	TMPDIR=$BATS_TEST_TMPDIR run --separate-stderr demo --programs=redis
	[ "$status" -eq 0 ]
	# A server that takes more from libjemalloc than glibc has cannot run on glibc.
	if grep -q '^redis: glibc is left out: redis-server takes .*mallocx' <<<"$output"; then
		equal "$(grep -Ec '^redis +[0-9.]+$' <<<"$output")" 2
		contains "$output" "geometric means are over 0 of 1 programs"
	else
		equal "$(grep -Ec '^redis +[0-9.]+ \(1\.00\) +[0-9.]+ \([0-9.]+\)$' <<<"$output")" 2
		contains "$output" "geometric means are over 1 of 1 programs: redis"
	fi
	run pgrep -f "$BATS_TEST_TMPDIR/seamalloc-.*/redis-socket"
	[ "$status" -ne 0 ]
}

@test "an allocator under which a program fails is shown, and the status says so" {
	echo 'not a library' >"$BATS_TEST_TMPDIR/libbroken.so"
	run demo --programs=sqlite --allocators="seamalloc,$BATS_TEST_TMPDIR/libbroken.so"
	[ "$status" -eq 1 ]
	grep -Eq '^sqlite .*FAIL' <<<"$output"
	grep -Eq '^FAIL: sqlite under libbroken.so: ' <<<"$output"
}

@test "a program that is not installed is left out" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	for tool in cat cc as ld sqlite3; do
		ln -s "$(command -v $tool)" "$BATS_TEST_TMPDIR/bin/"
	done
	PATH=$BATS_TEST_TMPDIR/bin run demo --programs=sqlite,redis
	[ "$status" -eq 0 ]
	contains "$output" "redis is left out: redis-server, redis-cli not installed"
	grep -Eq '^sqlite ' <<<"$output"
}

@test "without the library it says what to do" {
	mkdir "$BATS_TEST_TMPDIR/empty"
	run "$ROOT/scripts/demo" --libdir="$BATS_TEST_TMPDIR/empty"
	[ "$status" -eq 125 ]
	contains "$output" "run make first"
}

@test "a command line that makes no sense" {
	for option in --nonsense --runs=0 --programs=nonsense nonsense; do
		run "$ROOT/scripts/demo" $option
		[ "$status" -eq 2 ]
	done
	run demo --help
	contains "$output" "usage: demo"
}
