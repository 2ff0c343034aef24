# SPDX-License-Identifier: MIT
# programs.bats - bench/programs: each is found, says what it is, and runs
#
# Two cheap ones run under glibc and seamalloc; `make bench` is the whole.

bats_require_minimum_version 1.5.0
load common

# The Python script on standard input, with what the scripts have: the modules, the
# measuring helper, an allocator by its name for a workload, and one run of it.
api() {
	{
		cat <<-EOF
		import os, sys
		sys.path.insert(0, "$ROOT/scripts/lib")
		import allocators, measure, rounds, workloads
		FOLDER, LIBRARIES = "$BATS_TEST_TMPDIR", "$BUILD"
		measure.prepare("$BUILD")
		def given_up(workload, name, run=None):
		    allocator = allocators.named(name, workload.binary, "$BUILD")
		    try:
		        return print((run or workload.run)(allocator, True))
		    except rounds.GivenUp as end:
		        return print(f"{name}: {end.status}: {end.reason}")
		EOF
		cat
	} >"$BATS_TEST_TMPDIR/script.py"
	/usr/bin/python3 -ISB "$BATS_TEST_TMPDIR/script.py"
}

# Compiles a library that writes a word to standard output of every program.
intruder() {
	compile "$BATS_TEST_TMPDIR/libintruder.so" -shared -fPIC <<-'EOF'
	#include <unistd.h>
	__attribute__((constructor)) static void intrude(void)
	{
		if (write(STDOUT_FILENO, "here\n", 5) != 5)
			_exit(1);
	}
	EOF
}

@test "every file holds one workload, which says what it is and what it needs" {
	run --separate-stderr api <<-'EOF'
	for kind in workloads.kinds():
	    assert kind.amount > 0 and kind.needs, kind
	    assert not kind.quick or kind.quick_amount < kind.amount, kind
	    print(f"{kind.name}: {kind.about()}")
	EOF
	[ "$status" -eq 0 ]
	equal "$(grep -Ec '^[a-z0-9+-]+: .{20,90}[^.]$' <<<"$output")" "$(ls "$ROOT"/bench/programs/*.py | wc -l)"
}

@test "the quick set is small and has a server" {
	run --separate-stderr api <<-'EOF'
	quick = [kind for kind in workloads.kinds() if kind.quick]
	print(3 <= len(quick) <= 8, any(issubclass(kind, workloads.Server) for kind in quick))
	EOF
	equal "$output" "True True"
}

@test "setup knows the packages of all programs" {
	run --separate-stderr api <<-'EOF'
	print("\n".join({package for kind in workloads.kinds() for package in kind.needs.values()}))
	EOF
	for package in $output; do
		"$ROOT/scripts/setup" --for bench --list | tr '|' '\n' | grep -qxF -- "$package"
	done
}

@test "a program runs under glibc and seamalloc" {
	command -v lua5.4 >/dev/null || skip "needs lua5.4"
	run --separate-stderr api <<-'EOF'
	lua = workloads.kind("lua")(FOLDER, workloads.QUICK)
	for name in ("glibc", "seamalloc"):
	    given_up(lua, name)
	EOF
	equal "$(grep -Ec '^Sample\(wall_s=0\.[0-9]+, cpu_s=' <<<"$output")" 2
}

# A server that takes jemalloc's own functions from its library would have two heaps with glibc.
@test "a server's memory is told at its peak and after it was idle" {
	command -v redis-server >/dev/null || skip "needs redis-server"
	run --separate-stderr api <<-'EOF'
	import launcher
	redis = workloads.kind("redis")(FOLDER, workloads.QUICK)
	for name in ("glibc", "seamalloc"):
	    heaps = launcher.verdict(redis.binary, allocators.named(name, redis.binary, LIBRARIES).library or "none").heaps
	    print("two heaps") if heaps else given_up(redis, name, lambda allocator, _: redis.idle_rss(allocator, 1))
	EOF
	equal "$(grep -Ec '^Resident\(peak_kib=[0-9]+, idle_kib=[0-9]+\)$|^two heaps$' <<<"$output")" 2
	contains "${lines[-1]}" "Resident"
	run pgrep -f "$BATS_TEST_TMPDIR/redis-socket"
	[ "$status" -ne 0 ]
}

@test "an allocator under which the output differs is given up" {
	command -v sqlite3 >/dev/null || skip "needs sqlite3"
	intruder
	run --separate-stderr api <<-'EOF'
	sqlite = workloads.kind("sqlite")(FOLDER, workloads.QUICK)
	for name in ("glibc", "seamalloc", f"{FOLDER}/libintruder.so"):
	    given_up(sqlite, name)
	EOF
	equal "$(grep -c '^Sample' <<<"$output")" 2
	contains "$output" "libintruder.so: failed: its result differs from the base line's"
}

@test "a library that a server did not load, a server that crashes" {
	command -v redis-server >/dev/null || skip "needs redis-server"
	echo 'not a library' >"$BATS_TEST_TMPDIR/libbroken.so"
	run --separate-stderr api <<-'EOF'
	redis = workloads.kind("redis")(FOLDER, workloads.QUICK)
	given_up(redis, f"{FOLDER}/libbroken.so")
	redis.load = lambda: redis.client("DEBUG", "SEGFAULT")
	given_up(redis, "seamalloc")
	EOF
	contains "$output" "libbroken.so: not-loaded: the server did not load "
	contains "$output" "seamalloc: failed: signal 11 (SIGSEGV)"
}

@test "a program that is not installed is left out, by a sentence that names its package" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	for tool in cat cc as ld; do
		ln -s "$(command -v $tool)" "$BATS_TEST_TMPDIR/bin/"
	done
	PATH=$BATS_TEST_TMPDIR/bin run api <<-'EOF'
	print(workloads.made(("lua", "redis-benchmark"), FOLDER))
	EOF
	[ "$status" -eq 0 ]
	contains "$output" "lua is left out: lua5.4 not installed (apt install lua5.4)"
	contains "$output" "redis-server, redis-cli, redis-benchmark not installed (apt install redis-server redis-tools)"
	contains "$output" "[]"
}

@test "a file in the folder is a workload; its input is made once, and anew if the file changes" {
	mkdir "$BATS_TEST_TMPDIR/programs"
	cat >"$BATS_TEST_TMPDIR/programs/shout.py" <<-'EOF'
	"""shout.py - a test"""
	import workloads
	class Shout(workloads.Command):
	    """cat: what it was given."""
	    needs = {"cat": "coreutils"}
	    amount = 3
	    def argv(self):
	        return ["cat", self.input("word", lambda: "hey" * self.amount)]
	EOF
	for change in "" 's/hey/hoy/'; do
		sed -i "$change" "$BATS_TEST_TMPDIR/programs/shout.py"
		run --separate-stderr api <<-'EOF'
		workloads.PROGRAMS = f"{FOLDER}/programs"
		for _ in range(2):
		    for shout in workloads.made(None, FOLDER):
		        given_up(shout, "glibc")
		        inputs = [entry for entry in os.listdir(FOLDER) if entry.startswith("shout-full-")]
		        print(shout.name, shout.expected, len(inputs), os.stat(f"{FOLDER}/{inputs[0]}").st_mtime_ns)
		EOF
		equal "$(grep -Ec "^shout \['h[eo]yh[eo]yh[eo]y'\] 1 " <<<"$output")" 2
		equal "$(grep '^shout' <<<"$output" | sort -u | wc -l)" 1
		echo "$output" >>"$BATS_TEST_TMPDIR/outputs"
	done
	equal "$(grep '^shout' "$BATS_TEST_TMPDIR/outputs" | sort -u | wc -l)" 2
}

@test "input is the same each time" {
	mkdir "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
	for folder in one two; do
		PYTHONHASHSEED=random api <<-EOF
		workloads.made(None, "$BATS_TEST_TMPDIR/$folder", workloads.QUICK)
		EOF
	done
	diff -r "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
}
