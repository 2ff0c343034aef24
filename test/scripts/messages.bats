# SPDX-License-Identifier: MIT
# messages.bats - `seamalloc messages`, and the examples of message heaps

bats_require_minimum_version 1.5.0
load common

setup() {
	NAME=bats-$BATS_TEST_NUMBER-$$
	FILE=/dev/shm/seamalloc-msg.$NAME
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	rm -f "$FILE"
}

# Compiles standard input against the library under test.
compile_client() {
	compile "$1" -O1 -I"$ROOT/include" -L"$BUILD" -Wl,--no-as-needed -lseamalloc -Wl,-rpath,"$BUILD"
}

# A program that makes a heap, leaves a message in it and one of its own, and runs its arguments' command.
make_client() {
	compile_client client <<-'END'
		#include <seamalloc_message.h>
		#include <signal.h>
		#include <stdlib.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			(void)argc;
			struct sea_msg_heap *heap = sea_msg_create(argv[1], 100000, 1000000, 0600);
			int port = heap ? sea_msg_port(heap, "orders") : -1;
			if (port < 0 || sea_msg_send(heap, port, sea_msg_alloc(heap, 1000)) || !sea_msg_alloc(heap, 3000))
				return 1;
			if (system(argv[2]))
				return 2;
			return kill(getpid(), SIGKILL);
		}
	END
}

@test "lists a heap with its peers, ports and bytes" {
	make_client
	run ./client "$NAME" "'$SEAMALLOC' messages"
	contains "$output" "$NAME: "
	contains "$output" "alive: 3.0 KiB in messages"
	contains "$output" "port     orders: 1 messages wait, 1.0 KiB; 1 sent, 0 received"
	contains "$output" "free (largest "
}

@test "control characters in a name are not printed" {
	FILE=/dev/shm/seamalloc-msg.$NAME$'\e[31m'
	: >"$FILE"
	run "$SEAMALLOC" messages
	contains "$output" "$NAME?[31m: the contents are broken"
}

@test "says that a peer is dead" {
	make_client
	run ./client "$NAME" true
	run "$SEAMALLOC" messages
	contains "$output" "dead: 3.0 KiB in messages"
	contains "$output" "of 1 peers that died, to be taken back"
}

@test "--clean removes a heap that no process has open, and no other" {
	make_client
	run ./client "$NAME" "'$SEAMALLOC' messages --clean"
	contains "$output" "$NAME: stays, a process has it open"
	test -e "$FILE"
	run "$SEAMALLOC" messages --clean
	contains "$output" "$NAME: removed"
	test ! -e "$FILE"
}

@test "a broken file is said to be one" {
	head -c 100000 /dev/urandom >"$FILE"
	run -1 "$SEAMALLOC" messages
	contains "$output" "$NAME: the contents are broken"
	: >"$FILE"
	run -1 "$SEAMALLOC" messages
	contains "$output" "$NAME: the contents are broken"
}

@test "a command line that makes no sense" {
	run -2 "$SEAMALLOC" messages --clear
	contains "$output" "'--clear' is no option of it"
	run -0 "$SEAMALLOC" messages --help
	contains "$output" "usage: seamalloc messages [--clean]"
}

@test "a child of a fork is no peer, and its parent's death is seen" {
	compile_client client <<-'END'
		#include <errno.h>
		#include <seamalloc_message.h>
		#include <signal.h>
		#include <stdio.h>
		#include <sys/wait.h>
		#include <unistd.h>
		#define EXPECT(claim) do { if (!(claim)) { printf("line %d: %s, errno %d\n", __LINE__, #claim, errno); fflush(stdout); _exit(1); } } while (0)
		int main(void)
		{
			int ends[2], status;
			char byte;
			struct sea_msg_heap *heap = sea_msg_create(NULL, 100000, 0, 0600);
			EXPECT(heap && !pipe(ends));
			int fd = dup(sea_msg_fd(heap));
			pid_t peer = fork();
			if (!peer) {
				EXPECT(!sea_msg_alloc(heap, 10) && errno == ECHILD);
				EXPECT(sea_msg_port(heap, "x") == -1 && errno == ECHILD);
				EXPECT(sea_msg_audit(heap) == -1 && errno == ECHILD);
				EXPECT(sea_msg_close(heap) == 0);
				EXPECT((heap = sea_msg_attach(fd)) != NULL);
				EXPECT(sea_msg_alloc(heap, 10));
				pid_t child = fork();
				if (!child) {
					EXPECT(write(ends[1], "x", 1) == 1);
					pause();
				}
				EXPECT(read(ends[0], &byte, 1) == 1);
				EXPECT(write(ends[1], &child, sizeof(child)) == sizeof(child));
				kill(getpid(), SIGKILL);
			}
			EXPECT(waitpid(peer, &status, 0) == peer && WIFSIGNALED(status));
			pid_t child;
			EXPECT(read(ends[0], &child, sizeof(child)) == sizeof(child));
			EXPECT(sea_msg_reclaim(heap) == 1);
			kill(child, SIGKILL);
			EXPECT(sea_msg_audit(heap) == 0);
			struct sea_msg_stats stats;
			EXPECT(sea_msg_count(heap, &stats) == 0 && stats.nr_peers == 1 && stats.live == 0);
			EXPECT(stats.metadata + stats.free + stats.live + stats.cached + stats.queued == stats.length);
			EXPECT(!sea_msg_alloc(heap, 1000000) && errno == ENOSPC);
			EXPECT(!sea_msg_set_quota(heap, 1000) && !sea_msg_alloc(heap, 2000) && errno == EDQUOT);
			sea_msg_t message = sea_msg_alloc(heap, 100);
			EXPECT(sea_msg_size(heap, message) == 100);
			EXPECT(sea_msg_handle(heap, sea_msg_address(heap, message)) == message);
			EXPECT(sea_msg_free(heap, message) == 0 && sea_msg_free(heap, message) == -1 && errno == ESTALE);
			EXPECT(sea_msg_size(heap, message) == SIZE_MAX && !sea_msg_address(heap, message));
			EXPECT(!sea_msg_receive(heap, sea_msg_port(heap, "x"), 0) && errno == EAGAIN);
			EXPECT(!sea_msg_receive(heap, sea_msg_port(heap, "x"), 5) && errno == ETIMEDOUT);
			EXPECT(!sea_msg_receive(heap, -1, 5) && errno == EINVAL);
			EXPECT(!sea_msg_open("seamalloc/x") && errno == EINVAL && !sea_msg_open(NULL));
			EXPECT(!sea_msg_attach(-1) && errno == EBADF && sea_msg_unlink("") == -1);
			return sea_msg_trim(heap) || sea_msg_close(heap);
		}
	END
	run -0 ./client
	equal "$output" ""
	LD_PRELOAD=$BUILD/libseamalloc.so run -0 ./client
	equal "$output" ""
}

@test "an event loop is told of messages, also of those that wait already" {
	compile_client client <<-'END'
		#include <poll.h>
		#include <seamalloc_message.h>
		#include <signal.h>
		#include <stdio.h>
		#include <sys/wait.h>
		#include <unistd.h>
		#define EXPECT(claim) do { if (!(claim)) { printf("line %d: %s\n", __LINE__, #claim); fflush(stdout); _exit(1); } } while (0)
		static int is_told(int fd, int timeout)
		{
			struct pollfd one = { .fd = fd, .events = POLLIN };
			uint64_t count;
			return poll(&one, 1, timeout) == 1 && read(fd, &count, 8) == 8;
		}
		int main(void)
		{
			struct sea_msg_heap *heap = sea_msg_create(NULL, 100000, 0, 0600);
			int port = sea_msg_port(heap, "in"), file = dup(sea_msg_fd(heap)), status;
			EXPECT(sea_msg_send(heap, port, sea_msg_alloc(heap, 10)) == 0);
			int fd = sea_msg_port_fd(heap, port), other = sea_msg_port_fd(heap, sea_msg_port(heap, "other"));
			EXPECT(fd >= 0 && other >= 0 && sea_msg_port_fd(heap, 7) == -1);
			EXPECT(is_told(fd, 60000) && sea_msg_receive(heap, port, 0));
			EXPECT(!is_told(fd, 50) && !sea_msg_receive(heap, port, 0));
			for (int i = 0; i < 200; i++) {
				pid_t child = fork();
				if (!child) {
					heap = sea_msg_attach(file);
					EXPECT(sea_msg_send(heap, port, sea_msg_alloc(heap, 10)) == 0);
					kill(getpid(), SIGKILL);
				}
				EXPECT(is_told(fd, 60000));
				EXPECT(sea_msg_receive(heap, port, 0));
				EXPECT(waitpid(child, &status, 0) == child);
			}
			EXPECT(!is_told(other, 0) && sea_msg_reclaim(heap) >= 0 && sea_msg_audit(heap) == 0);
			EXPECT(sea_msg_close(heap) == 0 && !is_told(fd, 0));
			return 0;
		}
	END
	run -0 timeout 120 ./client
	equal "$output" ""
}

@test "example: a producer and several consumers" {
	compile pipeline -O2 -Wall -Wextra -Werror -I"$ROOT/include" -L"$BUILD" -Wl,--no-as-needed -lseamalloc \
		-Wl,-rpath,"$BUILD" <"$ROOT/examples/message_pipeline.c"
	run -0 timeout 60 ./pipeline 320 3
	equal "$output" "320 messages, 3 consumers; 0 bytes of messages are left"
}

@test "example: a numpy array goes to another process without a copy" {
	command -v python3 >/dev/null || skip "there is no python3 here"
	python=python3
	# Debian's own has Debian's numpy.
	$python -c 'import numpy' 2>/dev/null || python=/usr/bin/python3
	$python -c 'import numpy' 2>/dev/null || skip "there is no numpy here"
	run -0 timeout 60 $python "$ROOT/examples/message_numpy.py" "$BUILD/libseamalloc.so"
	contains "$output" "went to another process and back, none was copied"
}
