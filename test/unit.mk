# SPDX-License-Identifier: MIT
# unit.mk - tests of single files, included by the Makefile
#
# Each program test/unit/ROOM/X.c is linked with the whole core in place of nothing but
# base/os*.c, for which the simulated kernel stands.  It is built twice: `plain` as users
# have it, `debug` with asserts, audits and sanitizers.  test/stress is built on the
# real system, and with the thread sanitizer too.

UNIT       := $(BUILD)/unit
UNIT_CC    ?= $(CC)
UNIT_CORE  := $(basename $(filter-out $(OS),$(BELOW) $(BESIDE) $(CACHED) $(SELDOM) $(FRONT)))
UNIT_TESTS := $(patsubst test/unit/%.c,%,$(wildcard test/unit/*/*.c))
UNIT_HEADERS = $(HEADERS) $(wildcard test/*.h test/sim/*.h test/unit/*.h)

UNIT_WARNINGS := -Wall -Wextra -Wundef -Wmissing-prototypes -Wstrict-prototypes -Werror
UNIT_CFLAGS := -std=gnu11 -D_GNU_SOURCE= $(UNIT_WARNINGS) -fno-builtin-malloc -fno-strict-aliasing \
               -Iinclude -Isrc -Itest -Itest/sim -Itest/unit -Itest/schedules -pthread
UNIT_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined

UNIT_FLAGS_plain := -O2 -g
UNIT_FLAGS_debug := -O1 -g -fno-omit-frame-pointer -DSEA_DEBUG=1 $(UNIT_SANITIZE)
UNIT_FLAGS_asan  := -O1 -g -fno-omit-frame-pointer -DSEA_DEBUG=1 $(UNIT_SANITIZE)
UNIT_FLAGS_msan  := -O1 -g -fno-omit-frame-pointer -DSEA_DEBUG=1 -fsanitize=memory
UNIT_FLAGS_sched := -O2 -g -DSEA_DEBUG=1 -DSEA_AUDITS=0 -DSEA_SCHEDULED=1
UNIT_FLAGS_tsan  := -O1 -g -fno-omit-frame-pointer -fsanitize=thread

# Calls that a test looks in on.
UNIT_LDFLAGS_account := -Wl,--wrap=sea_zone_count,--wrap=sea_heap_stop
UNIT_LDFLAGS_cache   := -Wl,--wrap=sea_shard_send
UNIT_LDFLAGS_outbox  := -Wl,--wrap=sea_shard_send
UNIT_LDFLAGS_secure  := -Wl,--wrap=sea_os_random
UNIT_LDFLAGS_reclaim := -Wl,--wrap=sea_pages_purge_ranges

# An array on the stack lies on the stack: gcc 13 and later would put it into memory of the sanitizer's.
UNIT_ENV := ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1 \
            SEA_TEST_LENGTH=$(or $(LENGTH),normal)

define unit_compile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(UNIT_CC) $(CPPFLAGS) $(UNIT_CFLAGS) $(UNIT_FLAGS_$(1)) -c -o $@ $<
endef

define unit_rules
$(UNIT)/$(1)/src/%.o: src/%.c $(UNIT_HEADERS)
	$$(call unit_compile,$(1))
$(UNIT)/$(1)/test/%.o: test/%.c $(UNIT_HEADERS)
	$$(call unit_compile,$(1))
$(UNIT)/$(1)/%: $(UNIT)/$(1)/test/unit/%.o $(UNIT)/$(1)/test/sim/os_sim.o $(UNIT)/$(1)/test/harness.o \
                $(UNIT_CORE:%=$(UNIT)/$(1)/src/%.o)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$(UNIT_CC) $(UNIT_FLAGS_$(1)) $$(UNIT_LDFLAGS) $$(UNIT_LDFLAGS_$$(@F)) -pthread -o $$@ $$^
$(addprefix $(UNIT)/$(1)/,stress hooks): $(UNIT)/$(1)/src/front/glibc.o
$(addprefix $(UNIT)/$(1)/,stress soak hooks): $(UNIT)/$(1)/%: $(UNIT)/$(1)/test/stress/%.o $(OS:%=$(UNIT)/$(1)/src/%) \
                $(patsubst %,$(UNIT)/$(1)/src/%.o,$(filter-out front/glibc,$(UNIT_CORE)))
	$$(call say,LINK,$$@)
	$(Q)$(UNIT_CC) $(UNIT_FLAGS_$(1)) -pthread -o $$@ $$^
endef
$(foreach v,plain debug asan tsan msan sched,$(eval $(call unit_rules,$(v))))

# $(call unit_run,PROGRAMS): runs each, and adds up what they print last.
unit_run = @$(UNIT_ENV) sh test/unit/run $(1)

UNIT_PROGRAMS := $(foreach v,plain debug,$(UNIT_TESTS:%=$(UNIT)/$(v)/%))

check-unit: $(UNIT_PROGRAMS) ## test each file on a simulated kernel
	$(call unit_run,$(filter-out %/front/fault %/front/world,$^))

check-fault: $(foreach v,plain debug,$(UNIT)/$(v)/front/fault $(UNIT)/$(v)/front/world) ## fail every system call once, and in worlds of many kinds
	$(call unit_run,$^)

STRESS_SECONDS ?= 4
STRESS_THREADS ?= 4
STRESS_SEED    ?= 1
check-stress: $(foreach v,plain asan tsan,$(UNIT)/$(v)/stress $(UNIT)/$(v)/hooks) ## all calls from many threads, with sanitizers
	$(Q)for program in $(filter %/hooks,$^); do $(UNIT_ENV) $$program || exit 1; done
	$(Q)for program in $(filter %/stress,$^); do for mode in stats=0 secure; do \
		echo "SEAMALLOC_CONF=$$mode $$program $(STRESS_THREADS) $(STRESS_SECONDS) $(STRESS_SEED)"; \
		$(UNIT_ENV) TSAN_OPTIONS="suppressions=test/tsan.supp halt_on_error=1" SEAMALLOC_CONF=$$mode \
			$$program $(STRESS_THREADS) $(STRESS_SECONDS) $(STRESS_SEED) || exit 1; \
	done; done

SOAK_SECONDS ?= 1800
check-soak: all $(UNIT)/plain/soak ## mixed load for half an hour: memory stays, latencies stay; SOAK_SECONDS
	$(call where,python3,python3 test/soak.py --seconds=$(SOAK_SECONDS) --build=$(BUILD))

check-layers: ## includes go downward, and through doors
	$(call where,python3,python3 scripts/check-layers)

check-exports: $(LIBS) ## what the libraries show and need
	$(call where,python3,python3 scripts/check-exports $(filter %.so,$^))

check-headers: ## each header compiles alone
	$(Q)sh scripts/check-headers "$(CC)" "$(or $(CXX),g++)"

.SECONDARY:
.PHONY: check-unit check-fault check-stress check-soak check-layers check-exports check-headers
