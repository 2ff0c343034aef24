/* SPDX-License-Identifier: MIT */
/* handover.c - memory that moves from one process to another (seamalloc_region.h) */
#include "../harness.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seamalloc_region.h"

#define CALL(name) ((__typeof__(&name))test_symbol(#name))

struct parcel {
	size_t offset, length;
	uint64_t key;
};

static void send_parcel(int socket, int fd, struct parcel parcel)
{
	char room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec data = {&parcel, sizeof(parcel)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(socket, &message, 0), (ssize_t)sizeof(parcel));
	close(fd);
}

static int receive_parcel(int socket, struct parcel *parcel)
{
	char room[CMSG_SPACE(sizeof(int))];
	struct iovec data = {parcel, sizeof(*parcel)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	CHECK_EQ(recvmsg(socket, &message, 0), (ssize_t)sizeof(*parcel));
	int fd;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static size_t live_in(sea_heap *heap)
{
	struct sea_heap_statistics stats;
	CALL(sea_heap_stats)(heap, &stats);
	return stats.live;
}

static sea_heap *create(const char *name) { return CALL(sea_heap_create)(name, NULL); }

static bool is_mapped(const void *address) { return msync((void *)address, 4096, MS_ASYNC) == 0; }

static void export_it(sea_heap *heap, void *block, int *fd, struct parcel *parcel)
{
	CHECK_EQ(CALL(sea_region_export)(heap, block, fd, &parcel->offset, &parcel->length), 0);
}

#define SIZE (3 * MiB)

/* The child gets it, changes it and sends it back.  At any time it is in one process's books. */
static void echo(int socket)
{
	struct parcel parcel;
	sea_heap *heap = create("receiver");
	int fd = receive_parcel(socket, &parcel);
	CHECK_EQ(live_in(heap), 0);
	char *block = CALL(sea_region_import)(heap, fd, parcel.offset, parcel.length);
	CHECK(block && CALL(sea_heap_of)(block) == heap);
	CHECK_EQ(live_in(heap), SIZE);
	CHECK_EQ(malloc_usable_size(block), SIZE);
	CHECK(test_is_filled(block, SIZE, parcel.key));
	CHECK(write(socket, "i", 1) == 1);
	test_fill(block, SIZE, 2 * parcel.key);
	char go;
	CHECK(read(socket, &go, 1) == 1);
	export_it(heap, block, &fd, &parcel);
	CHECK_EQ(live_in(heap), 0);
	CHECK_EQ(CALL(sea_region_in_transit)(), SIZE);
	send_parcel(socket, fd, parcel);
	CHECK(read(socket, &go, 1) == 1);
	CHECK_EQ(CALL(sea_region_in_transit)(), 0);
	exit(EXIT_SUCCESS);
}

static void there_and_back(void)
{
	int pair[2], fd, status;
	struct parcel parcel = {.key = 77};
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid_t child = fork();
	if (!child)
		echo(pair[1]);
	sea_heap *heap = create("sender");
	char *block = CALL(sea_region_alloc)(heap, SIZE);
	CHECK(block && live_in(heap) == SIZE);
	test_fill(block, SIZE, parcel.key);
	export_it(heap, block, &fd, &parcel);
	CHECK(!is_mapped(block));
	CHECK_EQ(live_in(heap), 0);
	CHECK_EQ(CALL(sea_region_in_transit)(), SIZE);
	send_parcel(pair[0], fd, parcel);
	char got;
	CHECK(read(pair[0], &got, 1) == 1);
	CHECK_EQ(CALL(sea_region_in_transit)(), 0);
	CHECK(write(pair[0], "g", 1) == 1);
	fd = receive_parcel(pair[0], &parcel);
	block = CALL(sea_region_import)(heap, fd, parcel.offset, parcel.length);
	CHECK(block && test_is_filled(block, SIZE, 2 * 77));
	CHECK(write(pair[0], "g", 1) == 1);
	free(block);
	CHECK_EQ(live_in(heap), 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void taken_back(void)
{
	int fd, copy;
	struct parcel parcel;
	sea_heap *heap = create("own");
	char *block = CALL(sea_region_alloc)(heap, 100);
	CHECK_EQ(malloc_usable_size(block), 4096);
	strcpy(block, "still there");
	export_it(heap, block, &fd, &parcel);
	copy = dup(fd);
	block = CALL(sea_region_import)(heap, fd, parcel.offset, parcel.length);
	CHECK(block && !strcmp(block, "still there"));
	CHECK_EQ(CALL(sea_region_in_transit)(), 0);
	errno = 0; /* somebody has it already */
	CHECK(!CALL(sea_region_import)(heap, copy, parcel.offset, parcel.length) && errno == EINVAL);
	CHECK_EQ(live_in(heap), 4096);
	char *grown = realloc(block, 100000);
	CHECK(grown && !strcmp(grown, "still there"));
	free(grown);
	CHECK_EQ(live_in(heap), 0);
	CHECK_EQ(CALL(sea_heap_check)(heap), 0);
}

/* malloc's figures have them, too. */
static void counted(void)
{
	int fd;
	struct parcel parcel;
	sea_heap *heap = create("counted");
	size_t before = mallinfo2().uordblks;
	char *block = CALL(sea_region_alloc)(heap, SIZE);
	CHECK_EQ(mallinfo2().uordblks, before + SIZE);
	export_it(heap, block, &fd, &parcel);
	CHECK_EQ(mallinfo2().uordblks, before);
	CHECK(CALL(sea_region_import)(heap, fd, parcel.offset, parcel.length));
	CHECK_EQ(mallinfo2().uordblks, before + SIZE);
	CALL(sea_heap_destroy)(heap);
	CHECK_EQ(mallinfo2().uordblks, before);
}

static void sealed(void)
{
	int fd;
	struct parcel parcel;
	sea_heap *heap = create("sealed");
	export_it(heap, CALL(sea_region_alloc)(heap, MiB), &fd, &parcel);
	CHECK(ftruncate(fd, 4096) == -1);
	CHECK_EQ(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK, F_SEAL_SHRINK);
}

static void errors(void)
{
	int fd, other = memfd_create("other", MFD_CLOEXEC);
	struct parcel parcel;
	sea_heap *heap = create("errors"), *second = create("second");
	char *block = CALL(sea_region_alloc)(heap, 5000);
	size_t a, b;
	errno = 0;
	CHECK(CALL(sea_region_export)(second, block, &fd, &a, &b) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(CALL(sea_region_export)(heap, CALL(sea_heap_malloc)(heap, MiB), &fd, &a, &b) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(!CALL(sea_region_alloc)(heap, (size_t)1 << 62) && errno == ENOMEM);
	errno = 0;
	CHECK(!CALL(sea_region_import)(heap, -1, 4096, 8192) && errno == EINVAL);
	CHECK_EQ(ftruncate(other, 12288), 0);
	CHECK(!CALL(sea_region_import)(heap, other, 4096, 8192)); /* not sealed */
	export_it(heap, block, &fd, &parcel);
	CHECK(!CALL(sea_region_import)(heap, fd, parcel.offset, parcel.length + 4096));
	CHECK(!CALL(sea_region_import)(heap, fd, 0, parcel.length));
	CHECK_EQ(CALL(sea_region_in_transit)(), 8192);
	struct sea_heap_options options = {.quota = 4096};
	sea_heap *narrow = CALL(sea_heap_create)("narrow", &options);
	errno = 0;
	CHECK(!CALL(sea_region_import)(narrow, fd, parcel.offset, parcel.length) && errno == ENOMEM);
	CHECK(CALL(sea_region_import)(second, fd, parcel.offset, parcel.length));
	CALL(sea_heap_destroy)(second);
	CHECK(fcntl(fd, F_GETFD) == -1);
}

/* A file that says it is one, and lies. */
static void forged(void)
{
	int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	sea_heap *heap = create("victim");
	uint64_t head[3] = {0x316e7572616573, 4096, 1};
	CHECK_EQ(ftruncate(fd, 12288), 0);
	CHECK_EQ(pwrite(fd, head, sizeof(head), 0), (ssize_t)sizeof(head));
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK(!CALL(sea_region_import)(heap, fd, 4096, 8192));
	CHECK(!CALL(sea_region_import)(heap, fd, 4096, SIZE_MAX - 4095));
	CHECK_EQ(live_in(heap), 0);
}

/* The blocks stay the parent's. */
static void a_fork_does_not_copy_them(void)
{
	int status;
	sea_heap *heap = create("parent's");
	char *block = CALL(sea_region_alloc)(heap, MiB);
	void *other = CALL(sea_heap_malloc)(heap, 100);
	strcpy(block, "parent");
	pid_t child = fork();
	if (!child) {
		CHECK(!is_mapped(block));
		free(other);
		CHECK_EQ(live_in(heap), 0);
		CALL(sea_heap_destroy)(heap);
		exit(EXIT_SUCCESS);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(!strcmp(block, "parent") && live_in(heap) == MiB + 112);
	CALL(sea_heap_destroy)(heap);
	CHECK(!is_mapped(block));
}

static const struct test_case cases[] = {
	{"there and back", there_and_back, SEAM, 0, 0, NULL},
	{"taken back", taken_back, SEAM, 0, 0, NULL},
	{"counted", counted, SEAM, 0, 0, NULL},
	{"sealed", sealed, SEAM, 0, 0, NULL},
	{"errors", errors, SEAM, 0, 0, NULL},
	{"forged", forged, SEAM, 0, 0, NULL},
	{"a fork does not copy them", a_fork_does_not_copy_them, SEAM, 0, 0, NULL},
};

HARNESS_MAIN(cases)
