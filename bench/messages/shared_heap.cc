// SPDX-License-Identifier: MIT
// shared_heap.cc - a heap between two processes: seamalloc's, and that of Boost.Interprocess
//
// usage: shared_heap speed|peak heap|boost [SECONDS]
//
// speed   Two processes allocate and free blocks of 32 to 4096 bytes at once, each among 500 of
//         its own.  Prints nanoseconds of the clock and of CPU time for an allocation with its free.
// peak    One process runs a fixed list of allocations whose sizes drift; the smallest segment in
//         which all succeed, in bytes, found by bisection to 1 %.
//
// Boost's managed_shared_memory has its default algorithm (rbtree_best_fit), which locks a mutex
// of the segment.
#include <boost/interprocess/managed_shared_memory.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "seamalloc_message.h"

namespace interprocess = boost::interprocess;

static const unsigned blocks_each = 500;

static double now()
{
	timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return double(time.tv_sec) * 1e9 + double(time.tv_nsec);
}

static double cpu_time(int whose)
{
	rusage usage;
	getrusage(whose, &usage);
	return double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
	       double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static uint64_t next(uint64_t &state)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

// A block's address is what the program works with; its handle frees it.
class Heap {
public:
	virtual ~Heap() {}
	virtual void join() {}
	virtual uint64_t alloc(size_t size, void *&address) = 0; // 0: no room
	virtual void free(uint64_t block) = 0;
};

class Messages : public Heap {
	sea_msg_heap *heap;
	int file;

public:
	explicit Messages(size_t size) : heap(sea_msg_create(nullptr, size, 0, 0600)), file(-1)
	{
		if (!heap) {
			perror("sea_msg_create");
			exit(1);
		}
		file = dup(sea_msg_fd(heap));
	}
	~Messages() override
	{
		close(file);
		sea_msg_close(heap);
	}
	void join() override { heap = sea_msg_attach(file); }
	uint64_t alloc(size_t size, void *&address) override
	{
		sea_msg_t message = sea_msg_alloc(heap, size);
		address = message ? sea_msg_address(heap, message) : nullptr;
		return message;
	}
	void free(uint64_t block) override { sea_msg_free(heap, block); }
};

class Boost : public Heap {
	std::string name;
	std::unique_ptr<interprocess::managed_shared_memory> segment;

public:
	explicit Boost(size_t size) : name("seamalloc-bench-" + std::to_string(getpid()))
	{
		interprocess::shared_memory_object::remove(name.c_str());
		segment.reset(new interprocess::managed_shared_memory(interprocess::create_only, name.c_str(), size));
	}
	~Boost() override { interprocess::shared_memory_object::remove(name.c_str()); }
	void join() override
	{
		segment.release(); // the parent's mapping: it stays
		segment.reset(new interprocess::managed_shared_memory(interprocess::open_only, name.c_str()));
	}
	uint64_t alloc(size_t size, void *&address) override
	{
		address = segment->allocate(size, std::nothrow);
		return address ? uint64_t(segment->get_handle_from_address(address)) : 0;
	}
	void free(uint64_t block) override
	{
		segment->deallocate(segment->get_address_from_handle(interprocess::managed_shared_memory::handle_t(block)));
	}
};

static Heap *make(const char *which, size_t size)
{
	return strcmp(which, "heap") ? static_cast<Heap *>(new Boost(size)) : new Messages(size);
}

// --- speed -----------------------------------------------------------------------------

// Mostly small: 32 << 0..7, and a part of that.
static size_t random_size(uint64_t &random)
{
	size_t base = size_t(32) << (next(random) >> 20) % 7;
	return base + (next(random) >> 20) % base;
}

static uint64_t replace(Heap &heap, double end, uint64_t random)
{
	std::vector<uint64_t> blocks(blocks_each);
	uint64_t nr = 0;
	while (nr % 64 || now() < end) {
		uint64_t &block = blocks[(next(random) >> 20) % blocks_each];
		void *address;
		if (block)
			heap.free(block);
		block = heap.alloc(random_size(random), address);
		if (!block)
			exit(3);
		*static_cast<uint64_t *>(address) = nr++;
	}
	return nr;
}

static void speed(const char *which, double seconds)
{
	std::unique_ptr<Heap> heap(make(which, 16 << 20));
	int ends[2];
	double start = now(), end = start + seconds * 1e9;
	if (pipe(ends))
		exit(1);
	if (fork() == 0) {
		heap->join();
		uint64_t nr = replace(*heap, end, 88172645463325252);
		_exit(write(ends[1], &nr, sizeof(nr)) != sizeof(nr));
	}
	uint64_t nr = replace(*heap, end, 362436069362436069), others = 0;
	if (read(ends[0], &others, sizeof(others)) != sizeof(others))
		exit(1);
	wait(nullptr);
	// Each of two processes had this long.
	printf("%.1f %.1f\n", 2 * seconds * 1e9 / double(nr + others), (cpu_time(RUSAGE_SELF) + cpu_time(RUSAGE_CHILDREN)) / double(nr + others));
}

// --- peak --------------------------------------------------------------------------------

// Sizes drift: their mean grows from 64 bytes to 16 KiB and falls again, while 1 MiB or so lives.
static bool runs_in(const char *which, size_t size)
{
	std::unique_ptr<Heap> heap(make(which, size));
	const size_t most = 1 << 20;
	std::vector<std::pair<uint64_t, size_t>> blocks;
	uint64_t random = 123456789;
	size_t live = 0;
	for (unsigned step = 0; step < 60000; step++) {
		unsigned phase = step / 2500 % 24;
		size_t mean = size_t(64) << (phase < 12 ? phase * 2 / 3 : (23 - phase) * 2 / 3);
		size_t bytes = mean / 2 + (next(random) >> 20) % mean;
		while (!blocks.empty() && live + bytes > most) {
			size_t victim = (next(random) >> 20) % blocks.size();
			heap->free(blocks[victim].first);
			live -= blocks[victim].second;
			blocks[victim] = blocks.back();
			blocks.pop_back();
		}
		void *address;
		uint64_t block = heap->alloc(bytes, address);
		if (!block)
			return false;
		blocks.emplace_back(block, bytes);
		live += bytes;
	}
	return true;
}

static void peak(const char *which)
{
	size_t low = 1 << 20, high = 8 << 20;
	while (high - low > high / 100) {
		size_t middle = (low + high) / 2;
		(runs_in(which, middle) ? high : low) = middle;
	}
	printf("%zu\n", high);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "speed"))
		speed(argv[2], atof(argv[3]));
	else if (argc == 3 && !strcmp(argv[1], "peak"))
		peak(argv[2]);
	else
		return 2;
}
