# SPDX-License-Identifier: MIT
# fuzz.mk - fuzzing of what other processes can write, included by the Makefile

FUZZ_SECONDS ?= 10
FUZZ_CORPUS  ?= $(BUILD)/fuzz/corpus
FUZZ_SOURCES := test/fuzz/messages.c $(LOOKING)

# Fails where clang has no fuzzer: a package of its own.
$(BUILD)/fuzz/messages: $(FUZZ_SOURCES) $(HEADERS)
	$(call say,CC,$@)
	@mkdir -p $(@D) $(FUZZ_CORPUS)
	$(Q)clang $(CPPFLAGS) -std=gnu11 -O1 -g -DSEA_DEBUG=1 -Iinclude -Isrc -fno-strict-aliasing -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $(FUZZ_SOURCES)

HAS_FUZZER = echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
             clang -fsanitize=fuzzer,address -xc - -o /dev/null 2>/dev/null

check-fuzz: ## any contents of a message heap's file; FUZZ_SECONDS=10
	$(Q)if ! { $(HAS_FUZZER); }; then \
		echo "skip  $@: clang with libFuzzer is needed"; echo "0 passed, 0 failed, 1 skipped"; exit 0; \
	fi; \
	$(MAKE) --no-print-directory $(BUILD)/fuzz/messages && cd $(BUILD)/fuzz && \
	if ./messages -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=2000 -verbosity=0 -print_final_stats=1 \
		$(abspath $(FUZZ_CORPUS)) 2>messages.log; then \
		grep -e number_of_executed_units messages.log; echo "1 passed, 0 failed, 0 skipped"; \
	else tail -n 40 messages.log; echo "0 passed, 1 failed, 0 skipped"; exit 1; fi

.PHONY: check-fuzz
