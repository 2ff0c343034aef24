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
EXHAUSTIVE_LONG  := "words 16" "pages 16" "zone small 7 26" "zone large 11 26"

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
.PHONY: check-exhaustive check-schedules
