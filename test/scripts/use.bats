# SPDX-License-Identifier: MIT
# use.bats - what docs/use.md says of other programs, where they are installed

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	LIBRARY=$(realpath "$BUILD/libseamalloc.so")
	PAGE=$ROOT/docs/use.md
	export LIBRARY
}

needs() {
	command -v "$1" >/dev/null || skip "needs $1"
}

# The first block of language $1 on the page.
block() {
	awk -v start="\`\`\`$1" '$0 == start { inside = 1; next } /^```$/ { if (inside) exit } inside' "$PAGE"
}

# Fails unless the program, started with the variable, has the library and no complaint:
# it prints the mapped files of its own process.
maps_it() {
	LD_PRELOAD=$LIBRARY run "$@"
	[ "$status" -eq 0 ]
	contains "$output" "$LIBRARY"
	lacks "$output" "seamalloc:"
}

@test "the drop-in for systemd is sound" {
	needs systemd-analyze
	mkdir app.service.d
	printf '[Unit]\nDescription=app\n[Service]\nExecStart=/bin/cat\n' >app.service
	block ini >app.service.d/override.conf
	contains "$(cat app.service.d/override.conf)" "Environment=LD_PRELOAD=/"
	run systemd-analyze verify ./app.service
	[ "$status" -eq 0 ]
	lacks "$output" "override.conf"
}

@test "what the Dockerfile copies is what make install gives, and works" {
	make -C "$ROOT" --no-print-directory -s install BUILD="$BUILD" PREFIX=/usr/local DESTDIR="$PWD/root" >/dev/null
	for file in $(block dockerfile | sed -n 's/^COPY --from=[a-z]* \([^ ]*\) .*/\1/p'); do
		[ -e "root$file" ]
	done
	run root/usr/local/bin/seamalloc run cat /proc/self/maps
	[ "$status" -eq 0 ]
	contains "$output" "root/usr/local/lib/libseamalloc.so"
}

@test "musl's loader does not take the library, with the message on the page" {
	needs musl-gcc
	CC=musl-gcc compile ./musl <<<"$NOTHING"
	LD_PRELOAD=$LIBRARY run -127 ./musl
	contains "$output" "__register_atfork: symbol not found"
}

@test "a file that is gone: one line from the loader, and the program runs" {
	LD_PRELOAD=/nowhere/libseamalloc.so run /bin/true
	[ "$status" -eq 0 ]
	contains "$output" "from LD_PRELOAD cannot be preloaded"
	equal "${#lines[@]}" 1
}

@test "Python, with its own allocator and without" {
	for own in pymalloc malloc; do
		PYTHONMALLOC=$own maps_it /usr/bin/python3 -c 'print(open("/proc/self/maps").read())'
	done
}

# Prints the memory that stays when 99 % of 400,000 strings are freed at random, in MiB.
kept_by_python() {
	/usr/bin/python3 - <<-'EOF_PYTHON'
		import random
		random.seed(1)
		kept = [str(i) * 3 for i in range(400000)]
		keep = set(random.sample(range(len(kept)), 4000))
		kept = [text for i, text in enumerate(kept) if i in keep]
		[str(i) for i in range(1000)]
		print(int(open("/proc/self/statm").read().split()[1]) * 4 // 1024)
	EOF_PYTHON
}

@test "Python gives memory back with PYTHONMALLOC=malloc" {
	own=$(LD_PRELOAD=$LIBRARY kept_by_python)
	all=$(LD_PRELOAD=$LIBRARY PYTHONMALLOC=malloc kept_by_python)
	echo "Python's own: $own MiB, malloc: $all MiB"
	[ "$all" -lt "$own" ]
}

@test "Ruby, Node, PHP, Java" {
	ran=
	if command -v ruby >/dev/null; then
		maps_it ruby -e 'puts File.read("/proc/self/maps")'
		ran=yes
	fi
	if command -v node >/dev/null; then
		maps_it node -e 'console.log(require("fs").readFileSync("/proc/self/maps", "utf8"))'
		ran=yes
	fi
	if command -v php >/dev/null; then
		maps_it php -r 'echo file_get_contents("/proc/self/maps");'
		USE_ZEND_ALLOC=0 maps_it php -r 'echo file_get_contents("/proc/self/maps");'
		ran=yes
	fi
	if command -v java >/dev/null; then
		LD_PRELOAD=$LIBRARY run java -version
		[ "$status" -eq 0 ]
		lacks "$output" "seamalloc:"
		ran=yes
	fi
	[ -n "$ran" ] || skip "needs one of them"
}

@test "Redis runs wholly on it" {
	needs redis-server
	run "$SEAMALLOC" run --libdir="$BUILD" redis-server --version
	[ "$status" -eq 0 ]
	lacks "$output" "warning"
}

@test "gdb sees whose malloc it is" {
	needs gdb
	run gdb -nx -batch -ex 'break exit' -ex run -ex 'info symbol malloc' --args "$SEAMALLOC" run --libdir="$BUILD" /bin/true
	contains "$output" "malloc in section .text of $LIBRARY"
	run gdb -nx -batch -ex "set exec-wrapper env LD_PRELOAD=$LIBRARY" -ex 'break exit' -ex run \
		-ex 'info symbol malloc' /bin/true
	contains "$output" "malloc in section .text of $LIBRARY"
}

# A program that writes behind a block and forgets it.
faulty() {
	compile "$@" -g <<-'EOF'
		#include <stdlib.h>
		int main(void)
		{
			volatile char *block = malloc(10);

			block[10] = 1;
			block = malloc(20);
			return block == NULL;
		}
	EOF
}

@test "valgrind finds what it always finds, or leaves our malloc in place" {
	needs valgrind
	faulty ./faulty
	LD_PRELOAD=$LIBRARY run valgrind --leak-check=full ./faulty
	contains "$output" "Invalid write of size 1"
	contains "$output" "definitely lost: 30 bytes"
	LD_PRELOAD=$LIBRARY run valgrind --soname-synonyms=somalloc=nouserintercepts ./faulty
	[ "$status" -eq 0 ]
	contains "$output" "total heap usage: 0 allocs"
}

@test "with AddressSanitizer: refused by it, or ignored by it" {
	faulty ./shared -fsanitize=address || skip "needs AddressSanitizer"
	LD_PRELOAD=$LIBRARY run ./shared
	[ "$status" -ne 0 ]
	contains "$output" "ASan runtime does not come first"
	faulty ./inside -fsanitize=address -static-libasan || skip "needs AddressSanitizer's archive"
	LD_PRELOAD=$LIBRARY run ./inside
	contains "$output" "heap-buffer-overflow"
}
