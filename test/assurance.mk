# SPDX-License-Identifier: MIT
# assurance.mk - searches of all states, and schedules by seed; included by the Makefile
#
# What they count is printed; scripts/assurance puts it into docs/assurance.md.

ASSURANCE := $(BUILD)/assurance

$(ASSURANCE)/%: test/exhaustive/%.c test/exhaustive/exhaustive.h $(UNIT)/plain/test/sim/os_sim.o $(UNIT_CORE:%=$(UNIT)/plain/src/%.o)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(UNIT_CC) $(CPPFLAGS) $(UNIT_CFLAGS) $(UNIT_FLAGS_plain) -o $@ $< $(filter %.o,$^)

EXHAUSTIVE := words pages zone
# Arguments of each search: a few seconds, and some minutes with 2 GiB of memory.
EXHAUSTIVE_QUICK := "words 12" "pages 10" "zone small 5 22" "zone large 6 22"
EXHAUSTIVE_LONG  := "words 16" "pages 17" "zone small 7 26" "zone large 11 26"

check-exhaustive: $(EXHAUSTIVE:%=$(ASSURANCE)/%) ## every sequence of operations on small pools and parts of a zone
	$(Q)for search in $(if $(filter long,$(LENGTH)),$(EXHAUSTIVE_LONG),$(EXHAUSTIVE_QUICK)); do \
		$(ASSURANCE)/$$search || exit 1; \
	done
	$(call where,python3,python3 test/exhaustive/prove_words.py)



$(ASSURANCE)/schedules: $(UNIT)/sched/test/schedules/schedules.o $(UNIT)/sched/test/schedules/scheduler.o \
                        $(UNIT)/sched/test/sim/os_sim.o $(UNIT)/sched/test/harness.o $(UNIT_CORE:%=$(UNIT)/sched/src/%.o)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(UNIT_CC) $(UNIT_FLAGS_sched) -pthread -o $@ $^

check-schedules: $(ASSURANCE)/schedules ## threads that run as a seed says
	$(Q)$< $(if $(filter long,$(LENGTH)),1000000,4000)

check-models: ## every state of models of sending, merging and the queue, with spin; below 30 seconds
	$(call where,spin,sh test/models/run $(ASSURANCE)/models)

.PHONY: check-exhaustive check-schedules check-models

# --- fuzzing: libFuzzer, which comes with clang -------------------------------------------

FUZZ_CC      ?= clang
FUZZ_TARGETS := options calls threads messages
FUZZ_SECONDS ?= $(if $(filter long,$(LENGTH)),60,10)
UNIT_FLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -DSEA_DEBUG=1 -DSEA_AUDITS=0 -fsanitize=fuzzer-no-link,address,undefined \
                   -fno-sanitize-recover=undefined -Wno-unknown-warning-option

$(eval $(call unit_rules,fuzz))
$(UNIT)/fuzz/%.o: UNIT_CC = $(FUZZ_CC)

$(ASSURANCE)/fuzz_%: test/fuzz/%.c test/fuzz/fuzz.h test/fuzz/blocks.h $(UNIT)/fuzz/test/sim/os_sim.o $(UNIT_CORE:%=$(UNIT)/fuzz/src/%.o)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(FUZZ_CC) $(UNIT_CFLAGS) $(UNIT_FLAGS_fuzz) -fsanitize=fuzzer -o $@ $< $(filter %.o,$^)

# The library of libFuzzer is a package of its own.
HAS_FUZZER = echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
             $(FUZZ_CC) -fsanitize=fuzzer,address -xc - -o /dev/null 2>/dev/null

# Inputs that are found go to the build folder; those of the tree are where it begins.
check-fuzz: ## libFuzzer on the calls, by one thread and by two, the options parser and a message heap's file; FUZZ_SECONDS=10
	$(Q)if ! { $(HAS_FUZZER); }; then \
		echo "skip  $@: clang with libFuzzer is needed"; echo "0 passed, 0 failed, 1 skipped"; \
	elif $(MAKE) --no-print-directory $(FUZZ_TARGETS:%=fuzz-%); then \
		echo "$(words $(FUZZ_TARGETS)) passed, 0 failed, 0 skipped"; \
	else echo "0 passed, 1 failed, 0 skipped"; exit 1; fi

fuzz-%: $(ASSURANCE)/fuzz_%
	@mkdir -p $(ASSURANCE)/corpus/$*
	$(Q)$(UNIT_ENV) $< -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix=$(ASSURANCE)/ $(ASSURANCE)/corpus/$* test/fuzz/corpus/$* >$(ASSURANCE)/fuzz-$*.log 2>&1 \
		|| { tail -n 40 $(ASSURANCE)/fuzz-$*.log; exit 1; }
	$(Q)echo "fuzz $*: $$(sed -n 's/^stat::number_of_executed_units: *//p' $(ASSURANCE)/fuzz-$*.log) executions"

.PHONY: check-fuzz

# --- coverage: with gcc's counters, the unit tests, and the black-box tests on a library that counts --------

COVERAGE := $(BUILD)/coverage
COUNTED  := -O0 -g --coverage -fprofile-update=atomic
UNIT_FLAGS_cov := $(COUNTED)
$(eval $(call unit_rules,cov))

# Mistakes end a program by abort(), and children of tests by _exit(): both are to write the counters.
COUNTED_END := $(UNIT)/plain/test/counted_end.o
$(COUNTED_END): UNIT_FLAGS_plain += -fPIC

COVERED := $(filter-out front/fault front/world,$(UNIT_TESTS))
$(UNIT_TESTS:%=$(UNIT)/cov/%): $(COUNTED_END)
$(UNIT)/cov/%: UNIT_LDFLAGS = -Wl,--wrap=abort,--wrap=_exit

$(ASSURANCE)/coverage-unit: $(COVERED:%=$(UNIT)/cov/%)
	@mkdir -p $(@D)
	$(Q)find $(UNIT)/cov -name '*.gcda' -delete
	$(Q)$(UNIT_ENV) SEA_TEST_LENGTH=quick sh test/unit/run $^ >$@.log 2>&1 || tail -n 3 $@.log
	$(Q)touch $@

$(COVERAGE)/%.so: $(HEADERS) $(wildcard src/*/*.c src/engines/*/*.c preload/*.c) $(COUNTED_END)
	$(Q)$(MAKE) --no-print-directory BUILD=$(COVERAGE) CFLAGS="$(COUNTED)" LDFLAGS="-Wl,--wrap=abort,--wrap=_exit $(abspath $(COUNTED_END))" $@ $@.$(SOVERSION)

# Tests of time, memory and system calls fail there: the counters are written to a hundred files.
$(ASSURANCE)/coverage-black-box: $(COVERAGE)/libseamalloc.so $(COVERAGE)/libseamalloc-secure.so $(wildcard test/*/*.c test/*/*.cc test/*/*.py)
	@mkdir -p $(@D)
	$(Q)find $(COVERAGE)/obj -name '*.gcda' -delete
	$(Q)BUILD=$(COVERAGE) test/run-tests --quick --engine seam api misuse preload >$@.log 2>&1 || tail -n 1 $@.log
	$(Q)BUILD=$(COVERAGE) test/run-tests --quick --engine secure misuse $(SECURE_API) >>$@.log 2>&1 || tail -n 1 $@.log
	$(Q)touch $@

coverage: $(ASSURANCE)/coverage-unit $(ASSURANCE)/coverage-black-box ## lines and branches of src/ that tests reach; below 5 minutes
	$(call where,gcov,python3 scripts/assurance --coverage-only --build=$(BUILD))

assurance: all $(EXHAUSTIVE:%=$(ASSURANCE)/%) $(ASSURANCE)/schedules $(UNIT)/plain/front/world $(UNIT)/plain/soak $(ASSURANCE)/coverage-unit $(ASSURANCE)/coverage-black-box ## run what was tried, and write docs/assurance.md
	$(call where,python3,python3 scripts/assurance --build=$(BUILD) $(if $(filter long,$(LENGTH)),--long))

.PHONY: coverage assurance
