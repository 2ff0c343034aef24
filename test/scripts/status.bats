# SPDX-License-Identifier: MIT
# status.bats - `seamalloc status`: whose malloc a process has, and why it is not ours

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	LIBRARY=$(realpath "$BUILD/libseamalloc.so")
	started=()
	# A folder that other users can reach, where a test asks for one.
	public=
}

teardown() {
	for pid in "${started[@]}"; do
		kill -KILL "$pid" 2>/dev/null || :
	done
	if [ -n "$public" ]; then
		rm -r "$public"
	fi
}

# Starts a command that ends up in a program which waits, and sets `pid` to its process.
start() {
	launch "$@"
	settle "$pid"
}

# The same without waiting until it is that program.
launch() {
	mkfifo "fifo${#started[@]}"
	"$@" <>"fifo${#started[@]}" >/dev/null 2>&1 3>&- &
	pid=$!
	started+=("$pid")
}

# Waits until process $1 sleeps and is no shell, or other program that becomes one, any more.
settle() {
	for _ in $(seq 400); do
		case $(cat "/proc/$1/comm" 2>/dev/null) in
		bash | sh | env | setpriv | unshare | seamalloc) ;;
		*)
			if grep -q '^State:.S' "/proc/$1/status"; then
				return 0
			fi
			;;
		esac
		sleep 0.05
	done
}

# The status of process $1 has the lines that follow, and ends with status $2.
tells() {
	local pid=$1 expected=$2
	shift 2
	run "$SEAMALLOC" status "$pid"
	equal "$status" "$expected"
	for line; do
		contains "$output" "$line"
	done
}

# A program that waits, with the flags and files that follow, as $1.
waiter() {
	compile "$@" <<-'EOF'
		#include <stdlib.h>
		#include <unistd.h>
		void *kept;
		int main(void)
		{
			char byte;

			kept = malloc(100);
			return read(0, &byte, 1) < 0;
		}
	EOF
}

needs_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

# --- ours -------------------------------------------------------------------------

@test "a process on seamalloc: version, engine, file, memory" {
	start "$SEAMALLOC" run --libdir="$BUILD" cat
	version=$("$SEAMALLOC" --version)
	tells "$pid" 0 "$pid cat: $version (engine seam)" "file     $LIBRARY" " MiB resident (" "at the peak"
	lacks "$output" "why"
	equal "$(grep -c . <<<"$output")" 3
}

@test "each engine is told" {
	for engine in freelist watermark; do
		start "$SEAMALLOC" run --engine=$engine --libdir="$BUILD" cat
		tells "$pid" 0 "(engine $engine)"
	done
}

@test "a program that is linked to it, statically and not" {
	waiter ./shared -L"$BUILD" -l:libseamalloc.so
	waiter ./archive "$BUILD/libseamalloc.a"
	waiter ./static -static "$BUILD/libseamalloc.a"
	ln -s "$LIBRARY" libseamalloc.so.0
	start env LD_LIBRARY_PATH="$PWD" ./shared
	tells "$pid" 0 "shared: seamalloc" "file     $LIBRARY"
	for program in archive static; do
		start ./$program
		tells "$pid" 0 "$program: seamalloc" "$PWD/$program, the program itself"
	done
	strip -o ./stripped ./static
	start ./stripped
	tells "$pid" 0 "stripped: seamalloc"
}

@test "a program that writes its title over its environment is still told" {
	compile ./titled <<-'EOF'
		#include <string.h>
		#include <unistd.h>
		extern char **environ;
		int main(int argc, char **argv)
		{
			char byte, *end = environ[0];

			for (char **entry = environ; *entry; entry++)
				end = *entry + strlen(*entry);
			(void)argc;
			memset(argv[0], 'x', (size_t)(end - argv[0]));
			return read(0, &byte, 1) < 0;
		}
	EOF
	start env LD_PRELOAD="$LIBRARY" ./titled
	tells "$pid" 0 "titled: seamalloc"
	start ./titled
	tells "$pid" 1 "titled: glibc" "its title has been written over its first environment"
}

@test "a server that writes its title and is linked to another allocator" {
	command -v redis-server >/dev/null || skip "needs redis-server"
	for preload in "$LIBRARY" ""; do
		start env LD_PRELOAD="$preload" redis-server --port 0 --unixsocket "$PWD/socket" --save ''
		tells "$pid" "$([ -n "$preload" ]; echo $?)" "$pid redis-server: "
	done
}

@test "a library that was removed or replaced since says so" {
	cp "$LIBRARY" ./libseamalloc.so
	start env LD_PRELOAD="$PWD/libseamalloc.so" cat
	rm ./libseamalloc.so
	tells "$pid" 0 "cat: seamalloc" "$PWD/libseamalloc.so (removed or replaced since"
	cp "$LIBRARY" ./libseamalloc.so
	tells "$pid" 0 "cat: seamalloc" "(removed or replaced since"
}

@test "all processes of a name" {
	cp "$(command -v cat)" ./felis
	start ./felis
	start env LD_PRELOAD="$LIBRARY" ./felis
	run "$SEAMALLOC" status felis
	[ "$status" -eq 1 ]
	contains "$output" "felis: glibc"
	contains "$output" "felis: seamalloc"
	run "$SEAMALLOC" status "$pid" "$pid"
	[ "$status" -eq 0 ]
	equal "$(grep -c 'felis: seamalloc' <<<"$output")" 2
}

@test "another allocator in the program, under names of its own, is told beside" {
	compile ./inside <<-'EOF'
		#include <stdlib.h>
		#include <unistd.h>
		/* What a program with jemalloc linked into it has among its texts. */
		const char *texts[] = { "<jemalloc>", "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c" };
		void *kept;
		int main(void) { char byte; kept = malloc(9); return read(0, &byte, 1) < 0; }
	EOF
	start env LD_PRELOAD="$LIBRARY" ./inside
	tells "$pid" 0 "inside: seamalloc" "beside   jemalloc 5.3.0, in the program itself under names of its own"
}

# --- others', and why -----------------------------------------------------------------

@test "LD_PRELOAD is not there, or names something else" {
	start cat
	tells "$pid" 1 "cat: glibc 2." "/libc.so.6" "why      LD_PRELOAD is not in the environment"
	start env LD_PRELOAD=libm.so.6 cat
	tells "$pid" 1 "cat: glibc" "why      LD_PRELOAD in its environment names only libm.so.6"
}

@test "a file that is not there, a relative path, a bare name" {
	start env LD_PRELOAD=/nowhere/libseamalloc.so cat
	tells "$pid" 1 "why      LD_PRELOAD names /nowhere/libseamalloc.so, which does not exist"
	start env LD_PRELOAD=./libseamalloc.so cat
	tells "$pid" 1 "why      LD_PRELOAD names ./libseamalloc.so, which is no absolute path"
	start env LD_PRELOAD=libseamalloc.so.9 cat
	tells "$pid" 1 "why      LD_PRELOAD names libseamalloc.so.9 without a folder"
}

@test "a file that is no library, one that came later" {
	echo text >./libseamalloc.so
	start env LD_PRELOAD="$PWD/libseamalloc.so" cat
	tells "$pid" 1 "why      LD_PRELOAD names $PWD/libseamalloc.so, which is no ELF library"
	cp "$LIBRARY" ./libseamalloc.so
	tells "$pid" 1 "which is not mapped: was it there when the process started?"
}

@test "a file that the process may not read" {
	needs_root
	command -v setpriv >/dev/null || skip "needs setpriv"
	mkdir secret
	cp "$LIBRARY" secret/
	chmod 700 secret
	start setpriv --reuid=nobody --regid=nogroup --clear-groups env LD_PRELOAD="$PWD/secret/libseamalloc.so" cat
	tells "$pid" 1 "why      LD_PRELOAD names $PWD/secret/libseamalloc.so, which it may not read: Permission denied"
}

@test "a program with raised privileges" {
	needs_root
	waiter ./setuid
	chown nobody ./setuid
	chmod 4755 ./setuid
	start env LD_PRELOAD="$LIBRARY" ./setuid
	tells "$pid" 1 "setuid: glibc" "why      LD_PRELOAD is in its environment, but ignored: it was started with raised privileges"
}

@test "a static program, one with its own malloc" {
	waiter ./static -static
	start env LD_PRELOAD="$LIBRARY" ./static
	tells "$pid" 1 "static: glibc" "why      the program is statically linked"
	compile ./own <<-'EOF'
		#include <stddef.h>
		#include <unistd.h>
		void *malloc(size_t size) { (void)size; return NULL; }
		void free(void *block) { (void)block; }
		int main(void) { char byte; return read(0, &byte, 1) < 0; }
	EOF
	start env LD_PRELOAD="$LIBRARY" ./own
	tells "$pid" 1 "own: an allocator that is not known here" "why      the program defines malloc itself"
}

@test "a program linked to musl" {
	command -v musl-gcc >/dev/null || skip "needs musl-gcc"
	CC=musl-gcc waiter ./musl
	# musl's loader ends a program whose LD_PRELOAD it cannot load; a glibc library it may.
	start ./musl
	tells "$pid" 1 "musl: musl" "why      LD_PRELOAD is not in the environment"
}

@test "another allocator that comes first, that the program is linked to, that has no preload" {
	for name in libjemalloc.so.2 libmimalloc.so.2 libtcmalloc_minimal.so.4; do
		other=$(/sbin/ldconfig -p | awk -v name=$name '$1 == name { print $NF; exit }')
		[ -n "$other" ] || continue
		found=${name%%.*}
		found=${found#lib}
		start env LD_PRELOAD="$other:$LIBRARY" cat
		tells "$pid" 1 "cat: ${found%_minimal} " "why      $LIBRARY is mapped, but $(realpath "$other") comes before it"
		waiter ./linked -Wl,--no-as-needed "$other"
		start ./linked
		tells "$pid" 1 "linked: ${found%_minimal} " "why      LD_PRELOAD is not in the environment"
		start env LD_PRELOAD="$LIBRARY" ./linked
		tells "$pid" 0 "linked: seamalloc"
	done
	[ -n "$found" ] || skip "needs another allocator"
}

@test "a library that dlopen brought is too late" {
	compile ./opener <<-'EOF'
		#include <dlfcn.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			char byte;

			return argc != 2 || !dlopen(argv[1], RTLD_NOW) || read(0, &byte, 1) < 0;
		}
	EOF
	start ./opener "$LIBRARY"
	tells "$pid" 1 "opener: glibc" "why      $LIBRARY is mapped, but by dlopen(), which is too late"
}

# --- file systems and namespaces of its own ------------------------------------------------

# Runs a command in namespaces of its own, the options of unshare(1) first, up to --.
apart() {
	needs_root
	command -v unshare >/dev/null || skip "needs unshare"
	unshare "$@" true 2>/dev/null || skip "unshare does not work here"
}

@test "a container without the file" {
	apart --mount
	mkdir lib
	cp "$LIBRARY" lib/
	start env LD_PRELOAD="$PWD/lib/libseamalloc.so" unshare --mount sh -c "mount -t tmpfs none '$PWD/lib'; exec cat"
	tells "$pid" 1 "why      LD_PRELOAD names $PWD/lib/libseamalloc.so, which does not exist in its own file system"
}

@test "a file system mounted noexec" {
	apart --mount
	mkdir lib
	start env LD_PRELOAD="$PWD/lib/libseamalloc.so" unshare --mount sh -c \
		"mount -t tmpfs -o noexec none '$PWD/lib'; cp '$LIBRARY' '$PWD/lib/'; exec cat"
	tells "$pid" 1 "why      LD_PRELOAD names $PWD/lib/libseamalloc.so, which is in a file system mounted noexec"
}

@test "/etc/ld.so.preload counts, and is read where the process sees it" {
	apart --mount
	cp -a /etc ./etc
	echo "$LIBRARY" >etc/ld.so.preload
	start unshare --mount sh -c "mount --bind '$PWD/etc' /etc; exec cat"
	tells "$pid" 0 "cat: seamalloc" "file     $LIBRARY"
}

@test "a process in a PID namespace is told, with its number there" {
	apart --pid --fork --mount-proc
	launch unshare --pid --fork --kill-child --mount-proc env LD_PRELOAD="$LIBRARY" cat
	for _ in $(seq 100); do
		inner=$(pgrep -P "$pid" cat || :)
		[ -z "$inner" ] || break
		sleep 0.05
	done
	tells "$inner" 0 "cat: seamalloc" "where    in a container, as process 1"
}

# --- nothing can be told -----------------------------------------------------------------------

@test "no such process, no such name" {
	run "$SEAMALLOC" status 4194305
	[ "$status" -eq 125 ]
	contains "$output" "seamalloc: there is no process 4194305"
	run "$SEAMALLOC" status no-such-program-here
	[ "$status" -eq 125 ]
	contains "$output" "seamalloc: no process is called no-such-program-here"
	run "$SEAMALLOC" status 99999999999999
	[ "$status" -eq 125 ]
	contains "$output" "99999999999999"
}

@test "a process of another user" {
	needs_root
	command -v setpriv >/dev/null || skip "needs setpriv"
	public=$(mktemp -d /tmp/seamalloc-test.XXXXXX)
	chmod 755 "$public"
	cp "$SEAMALLOC" "$public/"
	start cat
	run setpriv --reuid=nobody --regid=nogroup --clear-groups "$public/seamalloc" status "$pid"
	[ "$status" -eq 125 ]
	contains "$output" "seamalloc: process $pid belongs to user 0, or is protected"
}

@test "a thread of the kernel, a process that has ended" {
	kernel=$(awk '$9 >= 0 && /kthreadd/ { print $1; exit }' /proc/[0-9]*/stat 2>/dev/null || :)
	if [ -n "$kernel" ]; then
		tells "$kernel" 125 "is a thread of the kernel"
	fi
	# The sleeper that replaces the shell never asks for its child's status.
	start sh -c 'sleep 0.1 & exec cat'
	sleep 0.5
	zombie=$(pgrep -P "$pid" sleep)
	tells "$zombie" 125 "process $zombie (sleep) has ended"
}

@test "2 for a command line that makes no sense" {
	for arguments in "" "--nonsense"; do
		# shellcheck disable=SC2086  # a list of arguments
		run "$SEAMALLOC" status $arguments
		[ "$status" -eq 2 ]
		equal "${#lines[@]}" 1
	done
	run "$SEAMALLOC" status ""
	[ "$status" -eq 2 ]
	contains "$output" "seamalloc: status: a name is empty"
	run "$SEAMALLOC" status --help
	[ "$status" -eq 0 ]
	contains "$output" "usage: seamalloc status"
}
