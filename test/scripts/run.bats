# SPDX-License-Identifier: MIT
# run.bats - `seamalloc run`: what the program gets, and when it is refused

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	# A directory that other users can reach, where a test asks for one.
	public=
}

teardown() {
	if [ -n "$public" ]; then
		rm -r "$public"
	fi
}

# --- what the program gets ---------------------------------------------------

@test "the production library is mapped in the program" {
	run sea run cat /proc/self/maps
	[ "$status" -eq 0 ]
	contains "$output" "$(realpath "$BUILD/libseamalloc.so")"
}

@test "each engine maps its own library" {
	for engine in freelist watermark; do
		run sea run --engine=$engine -- cat /proc/self/maps
		[ "$status" -eq 0 ]
		contains "$output" "$(realpath "$BUILD/libseamalloc-$engine.so")"
		lacks "$output" "$(realpath "$BUILD/libseamalloc.so")"
	done
	run sea run --engine=seam -- printenv LD_PRELOAD
	equal "$output" "$BUILD/libseamalloc.so"
}

@test "the exit status is the program's" {
	run sea run -- sh -c 'exit 7'
	[ "$status" -eq 7 ]
	run sea run true
	[ "$status" -eq 0 ]
}

@test "a signal ends the process itself, not a child of it" {
	run sea run -- sh -c 'kill -SEGV $$'
	[ "$status" -eq 139 ]
	run bash -c "echo \$\$; exec '$SEAMALLOC' run --libdir='$BUILD' -- sh -c 'echo \$\$'"
	equal "${lines[0]}" "${lines[1]}"
}

@test "arguments arrive as they are, options of the program too" {
	run sea run printf '[%s]' 'a b' '' --engine=x '*'
	equal "$output" "[a b][][--engine=x][*]"
}

@test "standard input and output are the program's" {
	run bash -c "printf 'one\ntwo\n' | '$SEAMALLOC' run --libdir='$BUILD' tail -n 1"
	equal "$output" "two"
}

@test "the environment changes by LD_PRELOAD alone" {
	before=$(env -i 'A=x y' B= PATH="$PATH" env | sort)
	after=$(env -i 'A=x y' B= PATH="$PATH" "$SEAMALLOC" run --libdir="$BUILD" env | sort)
	equal "$after" "$(printf '%s\nLD_PRELOAD=%s' "$before" "$BUILD/libseamalloc.so" | sort)"
}

@test "what was preloaded before stays, behind" {
	run env LD_PRELOAD=libm.so.6 "$SEAMALLOC" run --libdir="$BUILD" printenv LD_PRELOAD
	equal "$output" "$BUILD/libseamalloc.so:libm.so.6"
}

@test "signals stay ignored, or not, as they were" {
	for ignored in CHLD PIPE "PIPE XFSZ INT"; do
		run sh -c "trap '' $ignored; exec '$SEAMALLOC' run --libdir='$BUILD' grep SigIgn: /proc/self/status"
		equal "$output" "$(sh -c "trap '' $ignored; exec grep SigIgn: /proc/self/status")"
	done
}

@test "SEAMALLOC_LIBDIR names the directory as --libdir does" {
	run env SEAMALLOC_LIBDIR="$BUILD" "$SEAMALLOC" run printenv LD_PRELOAD
	equal "$output" "$BUILD/libseamalloc.so"
}

# --- scripts -----------------------------------------------------------------

@test "a script runs in its interpreter, with the library" {
	script_file ./direct <<-'EOF'
		#!/bin/sh
		echo "$LD_PRELOAD $1"
	EOF
	script_file ./through-env <<-'EOF'
		#!/usr/bin/env python3
		import os, sys
		print(os.environ["LD_PRELOAD"], sys.argv[1])
	EOF
	script_file ./without-line <<-'EOF'
		echo "$LD_PRELOAD $1"
	EOF
	for script in ./direct ./through-env ./without-line; do
		run sea run "$script" 'a b'
		[ "$status" -eq 0 ]
		equal "$output" "$BUILD/libseamalloc.so a b"
	done
}

@test "a script is refused if its interpreter is" {
	compile ./static -static <<<"$NOTHING"
	script_file ./outer <<<"#!$PWD/static"
	script_file ./outermost <<<"#!$PWD/outer -x"
	script_file ./through-env <<<"#!/usr/bin/env -S A=1 $PWD/static -x"
	for script in ./outer ./outermost ./through-env; do
		run sea run "$script"
		[ "$status" -eq 125 ]
		contains "$output" "$script runs $PWD/static, which is statically linked"
	done
}

@test "env on the command line is looked through" {
	compile ./static -static <<<"$NOTHING"
	run sea run env -u NAME A=1 ./static
	[ "$status" -eq 125 ]
	contains "$output" "/env runs ./static, which is statically linked"
	run sea run env A=1 printenv A
	equal "$output" "1"
	run -127 sea run env no-such-program-here
}

# A program $1 with its own malloc.
with_own_malloc() {
	compile "$1" <<-'EOF'
		#include <stddef.h>
		void *malloc(size_t size) { (void)size; return NULL; }
		void free(void *block) { (void)block; }
		int main(void) { return 0; }
	EOF
}

@test "a script around a program with its own malloc runs, with a warning" {
	mkdir lib
	with_own_malloc lib/own
	script_file ./by-exec <<-EOF
		#!/bin/sh
		# exec is not here
		set -e
		NAME=own
		DIR="$PWD/lib"
		export OPTIONS=1
		exec "\$DIR/\${NAME}" \$OPTIONS "\$@"
	EOF
	script_file ./by-arguments <<-EOF
		#!/bin/bash
		if true; then LANG=C '$PWD/lib/own' "\$@"; fi
	EOF
	script_file ./by-script <<-EOF
		#!/bin/sh
		exec env A=1 $PWD/by-exec "\$@"
	EOF
	for script in ./by-exec ./by-arguments ./by-script; do
		run sea run "$script"
		[ "$status" -eq 0 ]
		equal "$output" "seamalloc: warning: $script starts $PWD/lib/own, which defines malloc itself, which comes before any preloaded one"
	done
}

@test "nothing is said of a script that starts an ordinary program, or does not tell which" {
	with_own_malloc ./own
	script_file ./ordinary <<-'EOF'
		#!/bin/sh
		exec /bin/true "$@"
	EOF
	script_file ./unknown <<-'EOF'
		#!/bin/sh
		# exec ./own "$@"
		test -z "$NOWHERE" || exec "$NOWHERE/own" "$@"
		echo ./own "$@" >/dev/null
	EOF
	for script in ./ordinary ./unknown; do
		run sea run "$script"
		[ "$status" -eq 0 ]
		equal "$output" ""
	done
}

@test "a script whose interpreter does not exist is not found" {
	script_file ./orphan <<<"#!/nowhere/sh"
	run -127 sea run ./orphan
	contains "$output" "/nowhere/sh"
}

# --- programs that cannot be had ---------------------------------------------

@test "127 for what does not exist" {
	run -127 sea run no-such-program-here
	run -127 sea run ./no-such-file
	run -127 sea run ""
	contains "$output" "the program's name is empty"
}

@test "126 for what may not be executed" {
	echo text >./text
	for name in ./text /; do
		run sea run "$name"
		[ "$status" -eq 126 ]
		equal "${#lines[@]}" 1
	done
}

@test "the search goes on behind a file that may not be executed" {
	mkdir first second
	echo text >first/tool
	script_file second/tool <<<"#!/bin/sh
echo second"
	PATH="$PWD/first:$PWD/second:$PATH" run sea run tool
	equal "$output" "second"
	PATH="$PWD/first:$PATH" run sea run tool
	[ "$status" -eq 126 ]
}

# --- programs in which the library could not take effect ----------------------

@test "a static program is refused, position-independent or not" {
	compile ./static -static <<<"$NOTHING"
	compile ./static-pie -static-pie <<<"$NOTHING"
	for program in ./static ./static-pie; do
		run sea run $program
		[ "$status" -eq 125 ]
		contains "$output" "$program is statically linked"
		equal "${#lines[@]}" 1
	done
}

@test "another machine is refused" {
	# A file header alone: 64 bits, ET_EXEC; 183 is aarch64, 243 riscv.
	local machine=183
	[ "$(uname -m)" != aarch64 ] || machine=243
	/usr/bin/python3 - ./foreign "$machine" <<-'EOF'
		import struct, sys
		ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
		fields = struct.pack("<HHIQQQIHHHHHH", 2, int(sys.argv[2]), 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)
		open(sys.argv[1], "wb").write(ident + fields)
	EOF
	chmod +x ./foreign
	run sea run ./foreign
	[ "$status" -eq 125 ]
	contains "$output" "./foreign is a 64-bit "
	contains "$output" "libseamalloc.so is for"
}

@test "another word size is refused" {
	/usr/bin/python3 - ./narrow <<-'EOF'
		import struct, sys
		ident = b"\x7fELF\1\1\1".ljust(16, b"\0")
		open(sys.argv[1], "wb").write(ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, 0, 0, 0, 52, 32, 0, 40, 0, 0))
	EOF
	chmod +x ./narrow
	run sea run ./narrow
	[ "$status" -eq 125 ]
	contains "$output" "is a 32-bit i386 program"
}

@test "a damaged header is refused" {
	printf '\177ELF\2\1\1' >./damaged
	head -c 100 /bin/true >./cut
	chmod +x ./damaged ./cut
	for program in ./damaged ./cut; do
		run sea run $program
		[ "$status" -eq 125 ]
		contains "$output" "damaged ELF header"
	done
}

@test "a program linked to musl is refused" {
	compile ./musl -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 <<<"$NOTHING"
	run sea run ./musl
	[ "$status" -eq 125 ]
	contains "$output" "./musl is linked to musl"
}

@test "a program that defines malloc is refused" {
	with_own_malloc ./own
	run sea run ./own
	[ "$status" -eq 125 ]
	contains "$output" "defines malloc itself"
}

@test "a program built with a sanitizer is refused" {
	for sanitizer in address thread; do
		compile ./checked -fsanitize=$sanitizer <<<"$NOTHING" || skip "needs the runtimes of the sanitizers"
		run sea run ./checked
		[ "$status" -eq 125 ]
		contains "$output" "./checked is built with a sanitizer, whose malloc (lib"
	done
}

@test "a program that would use two heaps is run with a warning" {
	compile ./libjemalloc.so.2 -shared -fPIC <<-'EOF'
		#include <stdlib.h>
		void *mallocx(size_t size, int flags) { (void)flags; return malloc(size); }
		void *xyzallocx(size_t size) { return malloc(size); }
	EOF
	compile ./linked -L. -l:libjemalloc.so.2 -Wl,-rpath,"$PWD" <<-'EOF'
		#include <stddef.h>
		void *mallocx(size_t size, int flags), *xyzallocx(size_t size);
		int main(void) { return !(mallocx(1, 0) && xyzallocx(1)); }
	EOF
	run sea run ./linked
	[ "$status" -eq 0 ]
	equal "$output" "seamalloc: warning: ./linked takes xyzallocx from libjemalloc.so.2, which libseamalloc.so does not have: two heaps"
	run sea compare --runs=1 --allocators=seamalloc ./linked
	contains "$output" "two heaps"
}

# A program that says whether the loader saw LD_PRELOAD; the bits of $2 on copy $1.
secure_copy() {
	compile "$1" <<-'EOF'
		#include <stdio.h>
		#include <sys/auxv.h>
		int main(void) { return printf("secure=%lu\n", getauxval(AT_SECURE)) < 0; }
	EOF
	chown nobody:nogroup "$1"
	chmod "$2" "$1"
}

@test "set-user-ID and set-group-ID programs are refused where they change the user" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	secure_copy ./setuid 4755
	secure_copy ./setgid 2755
	run ./setuid
	equal "$output" "secure=1"
	run sea run ./setuid
	[ "$status" -eq 125 ]
	contains "$output" "set-user-ID"
	run sea run ./setgid
	[ "$status" -eq 125 ]
	contains "$output" "set-group-ID"
}

@test "a set-user-ID program of the same user runs" {
	cp /bin/cat ./own-setuid
	chmod 4755 ./own-setuid
	run sea run ./own-setuid /proc/self/maps
	[ "$status" -eq 0 ]
	contains "$output" "$(realpath "$BUILD/libseamalloc.so")"
}

@test "a program with file capabilities is refused to an ordinary user" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	for tool in setcap setpriv; do
		command -v $tool >/dev/null || skip "needs $tool"
	done
	public=$(mktemp -d /tmp/seamalloc-test.XXXXXX)
	chmod 755 "$public"
	cp "$SEAMALLOC" "$BUILD/libseamalloc.so" "$public/"
	secure_copy "$public/capable" 755
	setcap cap_net_raw+ep "$public/capable" || skip "no file capabilities here"
	as_nobody="setpriv --reuid=nobody --regid=nogroup --clear-groups"
	run $as_nobody "$public/capable"
	equal "$output" "secure=1"
	run $as_nobody "$public/seamalloc" run "$public/capable"
	[ "$status" -eq 125 ]
	contains "$output" "file capabilities"
}

# --- the library itself -------------------------------------------------------

@test "a library that is not built is named, with what to do" {
	mkdir empty
	run "$SEAMALLOC" run --libdir=empty true
	[ "$status" -eq 125 ]
	contains "$output" "libseamalloc.so is not in $PWD/empty"
	mkdir -p alone/bin
	cp "$SEAMALLOC" alone/bin/
	run alone/bin/seamalloc run true
	[ "$status" -eq 125 ]
	contains "$output" "neither in $PWD/alone/bin nor in $PWD/alone/lib: name its folder with --libdir=DIR"
}

@test "a directory that LD_PRELOAD cannot express is refused" {
	mkdir 'a b'
	cp "$BUILD/libseamalloc.so" 'a b/'
	run "$SEAMALLOC" run --libdir='a b' true
	[ "$status" -eq 125 ]
	contains "$output" "LD_PRELOAD cannot name"
}

# An installation in folder $1, whose libraries are in its folder $2.
installed() {
	mkdir -p "$1/bin" "$1/lib/seamalloc" "$1/$2"
	cp "$SEAMALLOC" "$1/bin/"
	cp "$ROOT"/scripts/lib/*.py "$BUILD/measure" "$1/lib/seamalloc/"
	cp "$BUILD/libseamalloc.so" "$1/$2/"
}

@test "an installed copy finds its modules and its library" {
	installed prefix lib
	run prefix/bin/seamalloc run printenv LD_PRELOAD
	equal "$output" "$PWD/prefix/lib/libseamalloc.so"
	run prefix/bin/seamalloc compare --runs=1 --allocators=seamalloc --json=- true
	equal "$(jq -r '.allocators[1].library' <<<"$output")" "$PWD/prefix/lib/libseamalloc.so"
	run prefix/bin/seamalloc --version
	equal "$output" "$("$SEAMALLOC" --version)"
}

@test "the library is found by its name with the version, in the folder of an architecture" {
	installed prefix lib/x86_64-linux-gnu
	mv prefix/lib/x86_64-linux-gnu/libseamalloc.so{,.0}
	run prefix/bin/seamalloc run printenv LD_PRELOAD
	equal "$output" "$PWD/prefix/lib/x86_64-linux-gnu/libseamalloc.so.0"
}

@test "the command of the source tree is the one that make built" {
	ln -s "$ROOT/scripts/seamalloc" ./link
	for command in "$ROOT/scripts/seamalloc" ./link; do
		run "$command" --version
		equal "$output" "$("$SEAMALLOC" --version)"
	done
	mkdir -p tree/scripts
	cp "$ROOT/scripts/seamalloc" tree/scripts/
	run tree/scripts/seamalloc run true
	[ "$status" -eq 125 ]
	contains "$output" "run make first"
}

# --- what it needs --------------------------------------------------------------

@test "run and check need no other program; compare says that it needs python3" {
	mkdir empty
	PATH=$PWD/empty run "$SEAMALLOC" run --libdir="$BUILD" /bin/true
	[ "$status" -eq 0 ]
	PATH=$PWD/empty run "$SEAMALLOC" check --libdir="$BUILD" /bin/true
	[ "$status" -eq 0 ]
	PATH=$PWD/empty run "$SEAMALLOC" compare /bin/true
	[ "$status" -eq 125 ]
	contains "$output" "compare needs python3"
	equal "${#lines[@]}" 1
}

@test "a start costs less than 250 thousand instructions, however large the program" {
	command -v valgrind >/dev/null || skip "needs valgrind"
	for program in /bin/true /usr/bin/python3; do
		valgrind --tool=callgrind --dump-before=execve --callgrind-out-file=counts \
			"$SEAMALLOC" run --libdir="$BUILD" "$program" --version >/dev/null 2>&1
		count=$(sed -n 's/^totals: //p' counts.1)
		echo "$program: $count"
		[ "$count" -gt 0 ] && [ "$count" -lt 250000 ]
	done
}

# --- the command line ----------------------------------------------------------

@test "help and version" {
	for option in --help -h help; do
		run "$SEAMALLOC" $option
		[ "$status" -eq 0 ]
		contains "$output" "usage: seamalloc run"
	done
	for command in run compare; do
		run "$SEAMALLOC" $command --help
		[ "$status" -eq 0 ]
		contains "$output" "usage: seamalloc $command"
	done
	run "$SEAMALLOC" --version
	contains "$(cat "$ROOT/include/seamalloc.h")" "\"${output#seamalloc }\""
}

@test "output that cannot be written is an error" {
	for arguments in --version "check true" "status $$"; do
		# shellcheck disable=SC2086,SC2016  # a list of arguments; the inner shell expands
		run -125 bash -c '"$0" "$@" 2>&1 >/dev/full' "$SEAMALLOC" $arguments
		equal "$output" "seamalloc: standard output: No space left on device"
	done
}

@test "2 and one line for a command line that makes no sense" {
	for arguments in "" "--nonsense" "nonsense" "run" "run --nonsense" "run --engine=x true" \
		"compare" "compare --nonsense true"; do
		# shellcheck disable=SC2086  # a list of arguments
		run "$SEAMALLOC" $arguments
		[ "$status" -eq 2 ]
		equal "${#lines[@]}" 1
		contains "$output" "seamalloc: "
	done
}
