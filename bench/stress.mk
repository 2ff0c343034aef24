# SPDX-License-Identifier: MIT
# stress.mk - the stress programs, included by the Makefile
#
# Each file bench/stress/NAME.c is a program $(BUILD)/bench/stress/NAME; there is nothing to
# register.  They are linked to no allocator, and -fno-builtin keeps the calls.

STRESS_SOURCES  := $(wildcard bench/stress/*.c)
STRESS_HARNESS  := $(patsubst bench/stress/harness/%.c,%,$(wildcard bench/stress/harness/*.c))
STRESS_PROGRAMS := $(patsubst bench/stress/%.c,$(BUILD)/bench/stress/%,$(STRESS_SOURCES))
STRESS_HEADERS  := $(wildcard bench/stress/harness/*.h) bench/random.h
STRESS_OBJECTS  := $(BUILD)/obj/bench/stress

STRESS_CFLAGS := -std=gnu11 -O2 -g -fno-builtin -pthread -Ibench -Ibench/stress/harness \
                 -Wall -Wextra -Wundef -Wstrict-prototypes -Wmissing-prototypes -Werror

# For sanitizers: make BUILD=/tmp/tsan STRESS_EXTRA=-fsanitize=thread stress-programs
STRESS_EXTRA ?=

define stress_compile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(STRESS_CFLAGS) $(STRESS_EXTRA) -c -o $@ $<
endef

$(STRESS_OBJECTS)/harness/%.o: bench/stress/harness/%.c $(STRESS_HEADERS)
	$(stress_compile)

$(STRESS_OBJECTS)/%.o: bench/stress/%.c $(STRESS_HEADERS)
	$(stress_compile)

$(STRESS_PROGRAMS): $(BUILD)/bench/stress/%: $(STRESS_OBJECTS)/%.o $(STRESS_HARNESS:%=$(STRESS_OBJECTS)/harness/%.o)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $(STRESS_EXTRA) -pthread -o $@ $^

stress-programs: $(STRESS_PROGRAMS) ## build the stress programs of the benchmark

.PHONY: stress-programs
