# SPDX-License-Identifier: MIT
# link.bats - the lines of README.md that link a program to the library
#
# Each links three programs: one that calls malloc, one of which only a library does, one
# of which only the C library does.  The compiler drops libraries that the program itself
# does not call, as those of some distributions do.

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export SEAMALLOC_CONF=verbose=1
	ln -s "$BUILD" build
	mkdir bin
	script_file bin/cc <<<"#!/bin/sh
exec $(command -v "${CC:-cc}") -Wl,--as-needed \"\$@\""
	PATH=$PWD/bin:$PATH
	write_programs
}

# The size of a block is a multiple of 16 here, and 8 more in the C library.
write_programs() {
	cat >user.c <<-'EOF'
		#include <malloc.h>
		#include <stdlib.h>
		int user(void)
		{
			void *block = malloc(100);
			int ours = malloc_usable_size(block) % 16 == 0;
			free(block);
			return ours;
		}
	EOF
	echo 'int user(void); int main(void) { return !user(); }' >libraries.c
	cat >direct.c <<-'EOF'
		#include <stdlib.h>
		int main(int count, char **words) { free(malloc(count)); return !words; }
	EOF
	cat >libc.c <<-'EOF'
		#include <stdio.h>
		int main(void) { return printf("text\n") < 0; }
	EOF
}

# The README's line for a $1 (dynamic, static) program.
line_for() {
	local lines
	lines=$(sed -n 's/^    \(cc .*app\.c .*build.*[^ ]\) *#.*/\1/p' "$ROOT/README.md")
	case $1 in
	static) grep -e ' -static ' <<<"$lines" ;;
	dynamic) grep -v -e ' -static ' <<<"$lines" ;;
	esac
}

# Links a copy of program $1 by line $2 and runs it: the library must be in use.
is_taken() {
	cp "$1" app.c
	rm -f a.out
	eval "$2"
	run -0 ./a.out
	contains "$output" "seamalloc: in use"
}

# All three programs, and the library in front of ours and behind it.
all_are_taken() {
	is_taken direct.c "$1"
	is_taken libc.c "$1"
	is_taken libraries.c "${1/app.c/app.c -L. -luser}"
	is_taken libraries.c "$1 -L. -luser"
}

@test "the README has one line for each way" {
	equal "$(line_for dynamic | wc -l)" 1
	equal "$(line_for static | wc -l)" 1
}

@test "the shared library" {
	cc -shared -fPIC -o libuser.so user.c
	all_are_taken "$(line_for dynamic) -Wl,-rpath,$PWD"
}

@test "the archive in a static program" {
	cc -c user.c
	ar rc libuser.a user.o
	for kind in -static -static-pie; do
		echo "$NOTHING" >nothing.c
		cc $kind -o nothing nothing.c 2>/dev/null || skip "no $kind here"
		all_are_taken "$(line_for static | sed "s/ -static / $kind /")"
	done
}

@test "the archive in a dynamic program" {
	cc -shared -fPIC -o libuser.so user.c
	all_are_taken "$(line_for static | sed "s/ -static / /") -Wl,-rpath,$PWD"
}
