# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# common.bash - what the tests of the scripts share
#
# SEAMALLOC_BUILD names the directory of the libraries (default: build).

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=$(cd "$ROOT" && realpath "${SEAMALLOC_BUILD:-build}")
SEAMALLOC=$BUILD/seamalloc

# The command under test, with the libraries under test.
sea() {
	local command=$1
	shift
	"$SEAMALLOC" "$command" --libdir="$BUILD" "$@"
}

# Fails with a message unless text $1 contains $2.
contains() {
	case $1 in
	*"$2"*) ;;
	*)
		printf 'expected to find: %s\nin: %s\n' "$2" "$1" >&2
		return 1
		;;
	esac
}

# Fails with a message if text $1 contains $2.
lacks() {
	case $1 in
	*"$2"*)
		printf 'expected not to find: %s\nin: %s\n' "$2" "$1" >&2
		return 1
		;;
	esac
}

# Fails with both values unless they are equal.
equal() {
	if [ "$1" != "$2" ]; then
		printf 'got:      %s\nexpected: %s\n' "$1" "$2" >&2
		return 1
	fi
}

# Compiles standard input as C into executable $1, with the flags that follow.
compile() {
	local out=$1
	shift
	"${CC:-cc}" -o "$out" -xc - -xnone "$@"
}

# Writes an executable script $1 from standard input.
script_file() {
	cat >"$1"
	chmod +x "$1"
}

# The program that does nothing.
# shellcheck disable=SC2034  # the tests use it
NOTHING='int main(void) { return 0; }'
