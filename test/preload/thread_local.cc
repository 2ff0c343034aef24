/* SPDX-License-Identifier: MIT */
/* thread_local.cc - C++ objects of threads and of the process that allocate and free
 * while they are destroyed
 */
#include "../harness.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

/* Its destructor builds and drops more of everything. */
struct Busy {
	std::vector<std::string> words;
	std::map<int, std::unique_ptr<int>> numbers;

	void use()
	{
		for (int i = 0; i < 20; i++) {
			words.emplace_back(static_cast<std::size_t>(i * 40), 'x');
			numbers[i] = std::make_unique<int>(i);
		}
	}

	~Busy()
	{
		std::vector<std::string> copy = words;
		words.clear();
		use();
		for (auto &[key, number] : numbers)
			CHECK_EQ(*number, key);
		std::free(std::malloc(100000));
	}
};

thread_local Busy first, second;
Busy of_the_process;

void use_both()
{
	first.use();
	second.use();
}

void of_threads()
{
	std::size_t before = 0, nr_threads = test_pick(1500, 5000, 50000);
	for (std::size_t i = 0; i < nr_threads; i++) {
		if (i == 500)
			before = test_rss();
		std::thread(use_both).join();
	}
	if (test_engine() != WATERMARK)
		CHECK_AT_MOST(test_rss() - before, 2 * MiB);
}

/* The destructors of main's own run after this case has returned. */
void of_main()
{
	use_both();
	of_the_process.use();
}

void of_detached_threads_at_exit()
{
	for (int i = 0; i < 8; i++)
		std::thread([] {
			for (;;) {
				Busy one;
				one.use();
			}
		}).detach();
	of_main();
}

test_case named(const char *name, void (*run)(), int seconds)
{
	test_case c = {};
	c.name = name;
	c.run = run;
	c.seconds = seconds;
	return c;
}

} // namespace

static const test_case cases[] = {
	named("objects of threads, nothing leaks", of_threads, 60),
	named("objects of main and of the process", of_main, 20),
	named("the process ends before its detached threads", of_detached_threads_at_exit, 20),
};

HARNESS_MAIN(cases)
