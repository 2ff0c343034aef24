# SPDX-License-Identifier: MIT
# fuzz.mk - fuzzing of what other processes can write, included by the Makefile

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
