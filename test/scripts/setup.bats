# SPDX-License-Identifier: MIT
# setup.bats - scripts/setup on a machine made of stand-ins
#
# `installed` lists the packages that dpkg-query shall know, `available` those of
# apt; `calls` records what apt-get was asked, and `policy` what it could see.

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir bin
	PATH=$PWD/bin:$PATH
	export SETUP_POLICY_FILE=$PWD/policy-rc.d
	touch installed calls
	"$ROOT/scripts/setup" --for demo --list | cut -d'|' -f1 >available
	stand_ins
	user_is 0
}

# The package tools, which know what the lists say.
stand_ins() {
	script_file bin/dpkg-query <<-'EOF'
		#!/bin/sh
		for name; do :; done
		grep -qx "$name" installed && printf installed
	EOF
	script_file bin/apt-cache <<-'EOF'
		#!/bin/sh
		if [ "$2" = show ]; then
			printf 'Size: 1500000\nInstalled-Size: 3000\n'
		elif grep -qx "$2" available; then echo "  Candidate: 1.0"; else echo "  Candidate: (none)"; fi
	EOF
	script_file bin/apt-get <<-'EOF'
		#!/bin/sh
		case " $* " in *" -s "*) for name; do echo "Inst $name (1.0)"; done | sed '1,/Inst install /d'; exit 0 ;; esac
		echo "$* [$DEBIAN_FRONTEND]" >>calls
		case " $* " in *" install "*) ;; *) exit 0 ;; esac
		cat "$SETUP_POLICY_FILE" >policy
		if [ -e broken ]; then exit 100; fi
		for name; do echo "$name" >>installed; done
	EOF
	for tool in systemctl update-rc.d; do
		script_file bin/$tool <<-EOF
			#!/bin/sh
			echo "$tool \$*" >>calls
		EOF
	done
}

# The user's number is $1; sudo works if $2 says so.
user_is() {
	script_file bin/id <<<"#!/bin/sh
echo $1"
	if [ "${2-}" = with-sudo ]; then
		script_file bin/sudo <<-'EOF'
			#!/bin/sh
			[ "$1" = -n ] && shift && exec "$@"
		EOF
	else
		script_file bin/sudo <<<'#!/bin/sh
exit 1'
	fi
}

@test "nothing is done where nothing is missing" {
	cp available installed
	run "$ROOT/scripts/setup" --for demo
	[ "$status" -eq 0 ]
	equal "$output" "setup: all packages for demo are installed"
	equal "$(cat calls)" ""
}

@test "only what is missing is named and installed, without questions" {
	grep -vx -e g++ -e perl available >installed
	run "$ROOT/scripts/setup" --for demo
	[ "$status" -eq 0 ]
	contains "$output" "setup: missing for demo: g++ perl"
	contains "$output" "setup: installing g++ perl: 2 packages, 1 MB to fetch, 3 MB on disk"
	equal "$(cat calls)" "-q -o Dpkg::Use-Pty=0 update [noninteractive]
-q -o Dpkg::Use-Pty=0 install -y --no-install-recommends g++ perl [noninteractive]"
}

@test "services are kept from starting while apt works, and redis afterwards" {
	run "$ROOT/scripts/setup" --for demo
	[ "$status" -eq 0 ]
	contains "$(cat policy)" "exit 101"
	[ ! -e policy-rc.d ]
	grep -Eq '^(systemctl .*disable --now|update-rc.d) redis-server' calls
}

@test "a policy that is there already stays" {
	echo mine >policy-rc.d
	run "$ROOT/scripts/setup" --for demo
	[ "$status" -eq 0 ]
	equal "$(cat policy-rc.d)" mine
}

@test "the policy goes away when apt fails, and that is no error unless strict" {
	touch broken
	run "$ROOT/scripts/setup" --for demo
	[ "$status" -eq 0 ]
	contains "$output" "apt-get failed"
	contains "$output" "still missing for demo"
	[ ! -e policy-rc.d ]
	run "$ROOT/scripts/setup" --for demo --strict
	[ "$status" -eq 1 ]
}

@test "who may not install is told so and goes on" {
	user_is 1000
	run "$ROOT/scripts/setup" --for demo
	[ "$status" -eq 0 ]
	contains "$output" "nothing installed"
	equal "$(cat calls)" ""
	run "$ROOT/scripts/setup" --for demo --strict
	[ "$status" -eq 1 ]
}

@test "SETUP=no installs nothing and goes on" {
	SETUP=no run "$ROOT/scripts/setup" --for demo
	[ "$status" -eq 0 ]
	contains "$output" "SETUP=no: nothing installed"
	equal "$(cat calls)" ""
}

@test "sudo without a password is used" {
	user_is 1000 with-sudo
	run "$ROOT/scripts/setup" --for demo --strict
	[ "$status" -eq 0 ]
	contains "$(cat calls)" "install -y"
}

@test "either name of a package will do" {
	sed -e 's/libmimalloc2.0/libmimalloc3/' available >installed
	run "$ROOT/scripts/setup" --for demo
	contains "$output" "all packages for demo are installed"
	sed -i 's/libmimalloc2.0/libmimalloc3/' available
	grep -v mimalloc available >installed
	run "$ROOT/scripts/setup" --for demo --strict
	[ "$status" -eq 0 ]
	contains "$(cat calls)" "libmimalloc3"
}

@test "a package that apt does not know does not hold up the others" {
	sed -i '/perl/d' available
	grep -v g++ available >installed
	run "$ROOT/scripts/setup" --for demo
	[ "$status" -eq 0 ]
	contains "$(cat calls)" "--no-install-recommends g++ ["
	contains "$output" "still missing for demo: perl"
}

@test "each purpose has a list, other words are refused" {
	for purpose in demo check check-full bench deb; do
		run "$ROOT/scripts/setup" --for=$purpose --list
		[ "$status" -eq 0 ]
		[ "${#lines[@]}" -ge 3 ]
	done
	run "$ROOT/scripts/setup" --for dinner
	[ "$status" -eq 2 ]
	run "$ROOT/scripts/setup" --dinner
	[ "$status" -eq 2 ]
}
