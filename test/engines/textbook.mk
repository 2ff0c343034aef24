# SPDX-License-Identifier: MIT
# textbook.mk - tests of the two textbook engines, included by the Makefile
#
# As in unit.mk: the core with one engine on the simulated kernel, built `plain` and
# `debug` (asserts, sanitizers).  test/unit/front/fault.c runs on these engines too.

TEXTBOOK_TESTS_freelist  := engines/textbook_test engines/freelist_test unit/front/fault
TEXTBOOK_TESTS_watermark := engines/textbook_test engines/watermark_test
TEXTBOOK_CFLAGS = $(UNIT_CFLAGS) -DSEA_HAS_CACHE=0

# Objects of an engine's tests, from the top of the tree.
textbook_core = test/sim/os_sim test/harness \
                $(addprefix src/,$(basename $(filter-out $(OS),$(BELOW) $(BESIDE) $(FRONT)) $(call room,engines/textbook) $(call room,engines/$(1))))

# $(call textbook_rules,VARIANT,ENGINE)
define textbook_rules
$(BUILD)/engines/$(1)/$(2)/%.o: %.c $(UNIT_HEADERS)
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$$(Q)$$(UNIT_CC) $$(CPPFLAGS) $$(TEXTBOOK_CFLAGS) $$(UNIT_FLAGS_$(1)) -c -o $$@ $$<
$(BUILD)/engines/$(1)/$(2)/test/%: $(BUILD)/engines/$(1)/$(2)/test/%.o \
		$(patsubst %,$(BUILD)/engines/$(1)/$(2)/%.o,$(call textbook_core,$(2)))
	$$(call say,LINK,$$@)
	$$(Q)$$(UNIT_CC) $$(UNIT_FLAGS_$(1)) -pthread -o $$@ $$^
endef
$(foreach v,plain debug tsan,$(foreach e,freelist watermark,$(eval $(call textbook_rules,$(v),$(e)))))

TEXTBOOK_PROGRAMS := $(foreach v,plain debug,$(foreach e,freelist watermark,\
                       $(TEXTBOOK_TESTS_$(e):%=$(BUILD)/engines/$(v)/$(e)/test/%)))

check-textbook: $(TEXTBOOK_PROGRAMS) ## test the two textbook engines on a simulated kernel
	$(call unit_run,$^)

.PHONY: check-textbook
