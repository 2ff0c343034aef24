# SPDX-License-Identifier: MIT
# fuzz.mk - fuzzing of what other processes can write, and by AFL++; included by the Makefile

FUZZ_CORPUS  ?= $(BUILD)/fuzz/corpus
FUZZ_SOURCES := test/fuzz/messages.c $(LOOKING)

$(BUILD)/fuzz/messages: $(FUZZ_SOURCES) $(HEADERS)
	$(call say,CC,$@)
	@mkdir -p $(@D) $(FUZZ_CORPUS)
	$(Q)clang $(CPPFLAGS) -std=gnu11 -O1 -g -DSEA_DEBUG=1 -Iinclude -Isrc -fno-strict-aliasing -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $(FUZZ_SOURCES)

fuzz-messages: $(BUILD)/fuzz/messages
	$(Q)cd $(BUILD)/fuzz && if ./messages -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=2000 -verbosity=0 \
		-print_final_stats=1 $(abspath $(FUZZ_CORPUS)) 2>messages.log; \
	then echo "fuzz messages: $$(sed -n 's/^stat::number_of_executed_units: *//p' messages.log) executions"; \
	else tail -n 40 messages.log; exit 1; fi

.PHONY: fuzz-messages

# --- fuzzing: AFL++, another search over the same targets -----------------------------------

AFL_CC := afl-clang-fast
UNIT_FLAGS_afl := -O1 -g -fno-omit-frame-pointer -DSEA_DEBUG=1 -DSEA_AUDITS=0 -fsanitize=address,undefined \
                  -fno-sanitize-recover=undefined -Wno-unknown-warning-option

$(eval $(call unit_rules,afl))
$(UNIT)/afl/%.o: export AFL_QUIET = 1
$(UNIT)/afl/%.o: UNIT_CC = $(AFL_CC)

# -fsanitize=fuzzer is its driver there: it feeds the function of libFuzzer.
$(ASSURANCE)/afl_%: test/fuzz/%.c test/fuzz/fuzz.h test/fuzz/blocks.h $(UNIT)/afl/test/sim/os_sim.o $(UNIT_CORE:%=$(UNIT)/afl/src/%.o)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)AFL_QUIET=1 $(AFL_CC) $(UNIT_CFLAGS) $(UNIT_FLAGS_afl) -fsanitize=fuzzer -o $@ $< $(filter %.o,$^)

$(ASSURANCE)/afl_messages: $(FUZZ_SOURCES) $(HEADERS)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)AFL_QUIET=1 $(AFL_CC) $(UNIT_CFLAGS) $(UNIT_FLAGS_afl) -fsanitize=fuzzer -o $@ $(FUZZ_SOURCES)

check-afl: ## AFL++ on the same targets, FUZZ_SECONDS=10 each
	$(call where,$(AFL_CC),$(MAKE) --no-print-directory $(FUZZ_TARGETS:%=afl-%))

# It needs an input to begin with.  What it finds stays in the build folder.
afl-%: $(ASSURANCE)/afl_%
	@mkdir -p $(ASSURANCE)/afl-in/$* $(ASSURANCE)/afl-out
	$(Q)printf 'arena=1m,shards=2,guard=3 0123456789' >$(ASSURANCE)/afl-in/$*/first
	$(Q)cp test/fuzz/corpus/$*/* $(ASSURANCE)/afl-in/$*/ 2>/dev/null || :
	$(Q)rm -rf $(ASSURANCE)/afl-out/$*
	$(Q)ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0:abort_on_error=1:symbolize=0 \
		AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
		afl-fuzz -V $(FUZZ_SECONDS) -t 10000+ -m none -i $(ASSURANCE)/afl-in/$* -o $(ASSURANCE)/afl-out/$* $< \
		>$(ASSURANCE)/afl-$*.log 2>&1 || { tail -n 40 $(ASSURANCE)/afl-$*.log; exit 1; }
	$(Q)awk '{of[$$1] = $$3} END {print "afl $*: " of["execs_done"] " executions, " of["saved_crashes"] " crashes, " of["saved_hangs"] " hangs"; \
		exit of["saved_crashes"] + of["saved_hangs"] > 0}' $(ASSURANCE)/afl-out/$*/default/fuzzer_stats

.PHONY: check-afl
