# SPDX-License-Identifier: MIT
# install.bats - `make install` and `make uninstall`, and programs built on what they leave

bats_require_minimum_version 1.5.0
load common

# A folder for each architecture, where the compiler knows of such.
LIBDIR=lib/$("${CC:-gcc}" -print-multiarch 2>/dev/null)

setup_file() {
	make_in "$BATS_FILE_TMPDIR/prefix" install
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	PREFIX=$BATS_FILE_TMPDIR/prefix
	export SEAMALLOC_CONF=verbose=1
	write_programs
}

# make with prefix $1.  Other arguments follow.
make_in() {
	local prefix=$1
	shift
	make -s -C "$ROOT" BUILD="$BUILD" PREFIX="$prefix" LIBDIR=$LIBDIR DESTDIR= "$@"
}

write_programs() {
	cat >app.c <<-'EOF'
		#include <seamalloc.h>
		int main(void)
		{
			void *block = sea_malloc(100);
			int good = block && sea_good_size(100) >= 100 && sea_expand(block, 100);
			sea_free(block);
			return !good;
		}
	EOF
	cat >app.cc <<-'EOF'
		#include <seamalloc.h>
		#include <string>
		#include <vector>
		int main()
		{
			std::vector<std::string> words(1000, std::string(100, 'x'));
			return sea_malloc_usable_size(words.data()) < 1000 * sizeof words[0];
		}
	EOF
	echo "$NOTHING" >nothing.c
}

version_in_header() {
	sed -n 's/.*SEAMALLOC_VERSION "\(.*\)"/\1/p' "$ROOT/include/seamalloc.h"
}

# Runs the command: the library must be in use.
is_on_seamalloc() {
	run -0 "$@"
	contains "$output" "seamalloc: in use"
}

# Everything below $1, with what tells one file from another.
listing() {
	(cd "$1" && find . -printf '%p %y %m %l\n' | sort)
}

# --- what is installed ------------------------------------------------------------

@test "the library has its version in its name, and the usual links" {
	local version
	version=$(version_in_header)
	equal "$(readlink "$PREFIX/$LIBDIR/libseamalloc.so")" libseamalloc.so.0
	equal "$(readlink "$PREFIX/$LIBDIR/libseamalloc.so.0")" "libseamalloc.so.$version"
	[ -f "$PREFIX/$LIBDIR/libseamalloc.so.$version" ]
	contains "$(readelf -d "$PREFIX/$LIBDIR/libseamalloc.so")" "soname: [libseamalloc.so.0]"
}

@test "the command finds its libraries wherever LIBDIR is, and tells its version" {
	run -0 "$PREFIX/bin/seamalloc" --version
	equal "$output" "$("$SEAMALLOC" --version)"
	is_on_seamalloc "$PREFIX/bin/seamalloc" run true
	for engine in freelist watermark; do
		run -0 "$PREFIX/bin/seamalloc" run --engine=$engine cat /proc/self/maps
		contains "$output" "$PREFIX/lib/seamalloc/libseamalloc-$engine.so"
	done
	run -0 "$PREFIX/bin/seamalloc" compare --runs=1 --allocators=seamalloc true
}

@test "uninstall removes what install put there, and nothing else" {
	mkdir -p own/lib own/share/man
	touch own/lib/libother.so own/share/man/whatis
	listing own >before
	run -0 make_in "$PWD/own" install
	contains "$output" "the loader does not search $PWD/own/$LIBDIR"
	run -0 make_in "$PWD/own" uninstall
	equal "$output" ""
	equal "$(listing own)" "$(cat before)"
	make_in "$PWD/new" install
	make_in "$PWD/new" install
	make_in "$PWD/new" uninstall
	[ ! -e new ]
}

@test "DESTDIR stands before every path, and in none of the files" {
	make_in /usr install DESTDIR="$PWD/stage of a package"
	equal "$(listing "stage of a package/usr")" "$(listing "$PREFIX" | sed "s,$PREFIX,/usr,")"
	run ! grep -rI "stage of" "stage of a package"
	make_in /usr uninstall DESTDIR="$PWD/stage of a package"
	[ ! -e "stage of a package" ]
}

@test "LIBDIR may be absolute" {
	make_in "$PWD/new" install LIBDIR="$PWD/elsewhere/lib64"
	[ -f elsewhere/lib64/pkgconfig/seamalloc.pc ]
	is_on_seamalloc "$PWD/new/bin/seamalloc" run true
	make_in "$PWD/new" uninstall LIBDIR="$PWD/elsewhere/lib64"
	[ ! -e new ]
	[ ! -e elsewhere ]
}

@test "make deb without its tools says so" {
	PATH=/nowhere run -1 "$ROOT/scripts/packaging/build-deb" out 0.1.0
	contains "$output" "there is no dpkg-buildpackage here"
}

@test "the packages have the library's version" {
	contains "$(head -n 1 "$ROOT/scripts/packaging/debian/changelog")" "($(version_in_header))"
}

# --- programs outside the tree ------------------------------------------------------

@test "the header, in C and C++, without a warning" {
	local strict="-Wall -Wextra -pedantic -Werror -I$PREFIX/include -fsyntax-only"
	for standard in c99 gnu99 c11 c17; do
		"${CC:-cc}" $strict -std=$standard app.c
	done
	for standard in c++11 c++17 c++20; do
		"${CXX:-g++}" $strict -std=$standard app.cc
	done
}

@test "pkg-config: shared and static, C and C++" {
	command -v pkg-config >/dev/null || skip "needs pkg-config"
	export PKG_CONFIG_PATH=$PREFIX/$LIBDIR/pkgconfig
	local flags
	flags="-Wl,--as-needed -Wl,-rpath,$PREFIX/$LIBDIR $(pkg-config --cflags --libs seamalloc)"
	"${CC:-cc}" -o shared app.c $flags
	"${CXX:-g++}" -o shared++ app.cc $flags
	"${CC:-cc}" -o shared-nothing nothing.c $flags
	flags="-static $(pkg-config --static --cflags --libs seamalloc)"
	"${CC:-cc}" -o static app.c $flags
	"${CXX:-g++}" -o static++ app.cc $flags
	"${CC:-cc}" -o static-nothing nothing.c $flags
	for program in shared shared++ shared-nothing static static++ static-nothing; do
		is_on_seamalloc ./$program
	done
}

@test "CMake: shared and static, C and C++" {
	command -v cmake >/dev/null || skip "needs cmake"
	cat >CMakeLists.txt <<-'EOF'
		cmake_minimum_required(VERSION 3.13)
		project(app C CXX)
		find_package(seamalloc 0.1 REQUIRED)
		foreach(target shared static nothing nothing-static)
		  add_executable(${target})
		endforeach()
		target_sources(shared PRIVATE app.c)
		target_sources(static PRIVATE app.cc)
		target_sources(nothing PRIVATE nothing.c)
		target_sources(nothing-static PRIVATE nothing.c)
		target_link_libraries(shared seamalloc::seamalloc)
		target_link_libraries(nothing seamalloc::seamalloc)
		target_link_libraries(static seamalloc::static -static)
		target_link_libraries(nothing-static seamalloc::static)
	EOF
	cmake -S . -B out -DCMAKE_PREFIX_PATH="$PREFIX" -DCMAKE_EXE_LINKER_FLAGS=-Wl,--as-needed >log
	cmake --build out >>log
	for program in shared static nothing nothing-static; do
		is_on_seamalloc out/$program
	done
}
