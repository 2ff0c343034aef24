# SPDX-License-Identifier: MIT
# deb.bats - the Debian packages: what they have, and that they go away whole

bats_require_minimum_version 1.5.0

setup_file() {
	load common
	local tool
	for tool in dpkg-buildpackage dh lintian; do
		command -v $tool >/dev/null || skip "needs $tool"
	done
	dpkg-checkbuilddeps "$ROOT/scripts/packaging/debian/control" || skip "needs more packages"
	export DEBS=$BATS_FILE_TMPDIR/deb
	"$ROOT/scripts/packaging/build-deb" "$DEBS" "$(sed -n 's/.*SEAMALLOC_VERSION "\(.*\)"/\1/p' \
		"$ROOT/include/seamalloc.h")" >"$BATS_FILE_TMPDIR/log" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/log" >&2
		return 1
	}
}

setup() {
	load common
	cd "$BATS_TEST_TMPDIR" || return
	export SEAMALLOC_CONF=verbose=1
	LIBDIR=usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)
}

# Runs the command: the library must be in use.
is_on_seamalloc() {
	run -0 "$@"
	contains "$output" "seamalloc: in use"
}

# dpkg on the system in folder `root`, which has nothing else.
dpkg_in_root() {
	mkdir -p root/var/lib/dpkg/updates root/var/lib/dpkg/info root/var/lib/dpkg/triggers
	touch root/var/lib/dpkg/status
	dpkg --root="$PWD/root" --log=/dev/null --force-depends --force-not-root "$@" >log 2>&1 || {
		cat log >&2
		return 1
	}
}

@test "three packages, and lintian says nothing of errors and warnings" {
	equal "$(cd "$DEBS" && ls ./*.deb | grep -v dbgsym | cut -d_ -f1 | paste -sd ' ')" \
		"./libseamalloc-dev ./libseamalloc0 ./seamalloc"
	lacks "$(cat "$BATS_FILE_TMPDIR/log")" "E: "
	lacks "$(cat "$BATS_FILE_TMPDIR/log")" "W: "
}

@test "a program runs on what they have, preloaded, by the command, and linked" {
	for package in "$DEBS"/*seamalloc*.deb; do
		dpkg-deb -x "$package" root
	done
	is_on_seamalloc env LD_PRELOAD="$PWD/root/$LIBDIR/libseamalloc.so.0" true
	is_on_seamalloc root/usr/bin/seamalloc run true
	echo '#include <seamalloc.h>
int main(void) { sea_free(sea_malloc(1)); return 0; }' >app.c
	cc -Iroot/usr/include -o shared app.c -Lroot/$LIBDIR -lseamalloc -Wl,-rpath,"$PWD/root/$LIBDIR"
	is_on_seamalloc ./shared
	cc -static -Iroot/usr/include -o static app.c -Lroot/$LIBDIR -lseamalloc
	is_on_seamalloc ./static
}

@test "a purge leaves nothing" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	dpkg_in_root --install "$DEBS"/libseamalloc0_*.deb "$DEBS"/libseamalloc-dev_*.deb "$DEBS"/seamalloc_*.deb
	[ -e root/usr/bin/seamalloc ]
	dpkg_in_root --purge seamalloc libseamalloc-dev libseamalloc0
	equal "$(find root -mindepth 1 ! -path 'root/var*')" ""
	run ! grep -r seamalloc root/var/lib/dpkg/info root/var/lib/dpkg/status
}
