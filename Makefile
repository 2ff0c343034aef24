# SPDX-License-Identifier: MIT
# seamalloc.  `make help` lists the targets.

CC      ?= gcc
CFLAGS  ?= -O2 -g
BUILD   ?= build
PREFIX  ?= /usr/local
LIBDIR  ?= lib
V       ?= 0

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $(2))

WARNINGS := -Wall -Wextra -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wshadow=local -Werror
ifneq (,$(findstring clang,$(CC)))
WARNINGS := $(filter-out -Wshadow=local,$(WARNINGS)) -Wno-unknown-warning-option
endif
SEA_CFLAGS := -std=gnu11 $(WARNINGS) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-builtin-malloc \
              -fno-plt -fno-strict-aliasing -fomit-frame-pointer -fno-semantic-interposition -Iinclude -Isrc
SEA_LDFLAGS := -shared -Wl,-O1 -Wl,--as-needed -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,nodelete \
               -Wl,--version-script=preload/exports.map

# Layers below the engines, and the front above them.
BASE  := check lock os options region meta pagemap arena buddy pcp page_alloc
SEAM  := hole zone shard reclaim mistake cache
TEXTBOOK := blocks mistake
FRONT := malloc realloc aligned glibc start
NAMES := interpose cxx constructor

SEAM_OBJECTS      := $(BASE:%=base/%.o) $(SEAM:%=base/%.o) $(FRONT:%=seam/%.o) seam/engine.o $(NAMES:%=seam/%.o)
FREELIST_OBJECTS  := $(BASE:%=base/%.o) $(TEXTBOOK:%=textbook/%.o) $(FRONT:%=freelist/%.o) \
                     freelist/index.o freelist/list.o freelist/engine.o $(NAMES:%=freelist/%.o)
WATERMARK_OBJECTS := $(BASE:%=base/%.o) $(TEXTBOOK:%=textbook/%.o) $(FRONT:%=watermark/%.o) \
                     watermark/engine.o $(NAMES:%=watermark/%.o)
HEADERS := $(wildcard include/*.h src/*.h src/*.def src/engines/*/*.h)

LIBS := $(BUILD)/libseamalloc.so $(BUILD)/libseamalloc.a \
        $(BUILD)/libseamalloc-freelist.so $(BUILD)/libseamalloc-watermark.so

all: $(LIBS) $(BUILD)/measure ## build the libraries

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BUILD)/libseamalloc.so: $(addprefix $(BUILD)/obj/,$(SEAM_OBJECTS)) preload/exports.map
$(BUILD)/libseamalloc-freelist.so: $(addprefix $(BUILD)/obj/,$(FREELIST_OBJECTS)) preload/exports.map
$(BUILD)/libseamalloc-watermark.so: $(addprefix $(BUILD)/obj/,$(WATERMARK_OBJECTS)) preload/exports.map

$(BUILD)/%.so:
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SEA_LDFLAGS) -Wl,-soname,$(notdir $@).0 -o $@ $(filter %.o,$^)

# One object, so that a static link takes all of it or nothing.
$(BUILD)/seamalloc.o: $(addprefix $(BUILD)/obj/,$(SEAM_OBJECTS))
	$(call say,LINK,$@)
	$(Q)$(CC) -r -nostdlib -o $@ $^
	$(Q)$${OBJCOPY:-objcopy} --localize-hidden $@

$(BUILD)/libseamalloc.a: $(BUILD)/seamalloc.o
	$(call say,AR,$@)
	$(Q)rm -f $@ && $${AR:-ar} rcs $@ $^

define compile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SEA_CFLAGS) $(1) -c -o $@ $<
endef

$(BUILD)/obj/base/%.o: src/%.c $(HEADERS)
	$(call compile,)

$(BUILD)/obj/textbook/%.o: src/engines/textbook/%.c $(HEADERS)
	$(call compile,)

define engine_rules
$(BUILD)/obj/$(1)/%.o: src/engines/$(1)/%.c $(HEADERS)
	$$(call compile,-Isrc/engines/$(1))
$(BUILD)/obj/$(1)/%.o: src/%.c $(HEADERS)
	$$(call compile,-Isrc/engines/$(1))
$(BUILD)/obj/$(1)/%.o: preload/%.c $(HEADERS)
	$$(call compile,-Isrc/engines/$(1) -fexceptions)
endef
$(foreach e,seam freelist watermark,$(eval $(call engine_rules,$(e))))

$(BUILD)/measure: scripts/lib/measure.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Wall -Wextra -Werror -o $@ $<

clean: ## remove the build folder
	rm -rf $(BUILD)

.PHONY: all help clean
