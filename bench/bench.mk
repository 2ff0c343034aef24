# SPDX-License-Identifier: MIT
# bench.mk - the micro benchmarks and what counts instructions
#
# All are linked to no allocator.  -fno-builtin keeps the calls of malloc and free, and
# -fno-plt, which the libraries are built with, would not be what programs have.

BENCH_FLAGS := -O2 -g -fno-builtin -Wall -Wextra -Werror -Ibench

# Every file of bench/micro is in the program; the benchmarks register themselves.
MICRO_OBJECTS := $(patsubst bench/micro/%.c,$(BUILD)/obj/bench/micro/%.o,$(sort $(wildcard bench/micro/*.c)))
BENCH_HEADERS := $(wildcard bench/*.h bench/sizes/*.h bench/micro/*.h)

$(BUILD)/bench/micro: $(MICRO_OBJECTS) $(BUILD)/obj/bench/shim.o
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -o $@ $^ -lbenchmark -lpthread

$(BUILD)/obj/bench/micro/%.o: bench/micro/%.c $(BENCH_HEADERS)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(BENCH_FLAGS) -c -o $@ $<

$(BUILD)/obj/bench/shim.o: bench/shim.cc bench/shim.h
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	@echo '#include <benchmark/benchmark.h>' | $(CXX) $(CPPFLAGS) -fsyntax-only -x c++ - 2>/dev/null || \
		{ echo 'A C++ compiler with Google Benchmark is needed: run scripts/setup --for bench' >&2; exit 2; }
	$(Q)$(CXX) $(CPPFLAGS) -std=c++17 $(BENCH_FLAGS) -c -o $@ $<

# A program of its own, without the C++ library: for callgrind.
$(BUILD)/bench/count: bench/instructions/count.c $(BENCH_HEADERS)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(BENCH_FLAGS) -Iinclude -o $@ $< -ldl

# Times each call.
$(BUILD)/bench/longest: bench/latency/longest.c $(BENCH_HEADERS)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(BENCH_FLAGS) -pthread -o $@ $<

# Records which sizes a program asks for (bench/sizes/sizes.h says how it was used).
$(BUILD)/bench/record-sizes.so: bench/sizes/record.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(BENCH_FLAGS) -shared -fPIC -o $@ $<

longest-calls: all $(BUILD)/bench/longest ## the longest calls of malloc and free, beside other allocators
	$(Q)BUILD=$(BUILD) scripts/longest-calls

check-instructions: all $(BUILD)/bench/count ## a cached malloc and free take at most 50
	$(call where,valgrind,BUILD=$(BUILD) scripts/count-instructions --at-most 50 $(BUILD)/libseamalloc.so)

# Messages between processes.
MESSAGE_FLAGS := -Wall -Wextra -Werror -Iinclude
MESSAGE_LINK  := -L$(BUILD) -Wl,--no-as-needed -lseamalloc -Wl,-rpath,$(abspath $(BUILD)) -lrt -pthread

$(BUILD)/bench/transport: bench/messages/transport.c include/seamalloc_message.h | all
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -O3 -fno-strict-aliasing $(MESSAGE_FLAGS) -o $@ $< $(MESSAGE_LINK)

# Beside Boost, where that is installed.
$(BUILD)/bench/shared_heap: bench/messages/shared_heap.cc include/seamalloc_message.h | all
	@mkdir -p $(@D)
	$(Q)if echo '#include <boost/interprocess/managed_shared_memory.hpp>' | $(CXX) $(CPPFLAGS) -fsyntax-only -x c++ - 2>/dev/null; then \
		echo '  CXX   $<'; \
		$(CXX) $(CPPFLAGS) -std=c++17 -O2 $(MESSAGE_FLAGS) -o $@ $< $(MESSAGE_LINK); \
	else rm -f $@; fi

bench-messages: $(BUILD)/bench/transport $(BUILD)/bench/shared_heap ## messages between processes, beside pipes, sockets, queues and Boost; a minute
	$(Q)scripts/setup --for bench
	$(Q)BUILD=$(BUILD) scripts/bench-messages --json=$(BUILD)/bench/messages.json

.PHONY: check-instructions longest-calls bench-messages
