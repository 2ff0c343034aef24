# SPDX-License-Identifier: MIT
# kernel.mk - the core for others, and the kernel that boots on it; included by the Makefile

# --- libseamalloc-core.a ----------------------------------------------------------------
#
# Every room but messages between processes of Linux and the front (of that only the account),
# without the files of base/ that ask Linux.  examples/kernel/README.md lists the functions that the
# host supplies.

CORE        ?= $(BUILD)/core
CORE_CFLAGS ?= -O2 -g
CORE_FLAGS  := -std=gnu11 $(WARNINGS) -ffreestanding -fno-strict-aliasing -fno-stack-protector -fno-pic -ffunction-sections \
               -fdata-sections -fno-asynchronous-unwind-tables -Iinclude -Isrc
CORE_LINUX  := $(OS) $(addprefix base/,vdso.o cpus.o sources.o shared.o context.o) $(call room,message)
CORE_PARTS  := $(filter-out $(CORE_LINUX),$(BELOW) $(BESIDE)) $(CACHED) $(foreach r,guard secure named bare,$(call room,$(r))) front/account.o

# $(call core_rules,FOLDER,COMPILER,AR,FLAGS): builds it there.
define core_rules
$(1)/libseamalloc-core.a: $$(addprefix $(1)/,$$(CORE_PARTS))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $(3) rcs $$@ $$^
$(1)/%.o: src/%.c $$(HEADERS)
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(CPPFLAGS) $$(CORE_FLAGS) $(4) -c -o $$@ $$<
endef

core: $(CORE)/libseamalloc-core.a ## the core for a kernel or a firmware; CORE_CFLAGS, CORE: where

$(eval $(call core_rules,$(CORE),$$(CC),$$(AR),$$(CORE_CFLAGS)))

# --- the kernel -----------------------------------------------------------------------------

ARCH   ?= x86_64
KERNEL := $(BUILD)/kernel/$(ARCH)
KERNEL_AT := examples/kernel
KERNEL_CC      ?= $(if $(filter $(ARCH),$(shell uname -m)),$(CC),$(ARCH)-linux-gnu-gcc)
KERNEL_LD      ?= $(if $(filter $(ARCH),$(shell uname -m)),ld,$(ARCH)-linux-gnu-ld)
KERNEL_AR      ?= $(if $(filter $(ARCH),$(shell uname -m)),ar,$(ARCH)-linux-gnu-ar)
KERNEL_OBJCOPY ?= $(if $(filter $(ARCH),$(shell uname -m)),objcopy,$(ARCH)-linux-gnu-objcopy)

# No floating point, no interrupt below the stack pointer, no headers but the compiler's and ours.
KERNEL_CFLAGS_x86_64  := -mno-red-zone -mgeneral-regs-only -fcf-protection=none
KERNEL_CFLAGS_riscv64 := -march=rv64imac_zicsr -mabi=lp64 -mcmodel=medany -mno-relax
KERNEL_CFLAGS := -O2 -g $(KERNEL_CFLAGS_$(ARCH)) -nostdinc \
                 -isystem $(shell $(KERNEL_CC) -print-file-name=include 2>/dev/null) -isystem $(KERNEL_AT)/include
KERNEL_FLAGS  := $(CORE_FLAGS) $(KERNEL_CFLAGS) -I$(KERNEL_AT) -I$(KERNEL_AT)/$(ARCH)
# string.c has no calls of itself.  Clang makes none in freestanding code.
ifeq (,$(findstring clang,$(KERNEL_CC)))
KERNEL_FLAGS  += -fno-tree-loop-distribute-patterns
endif

KERNEL_OBJECTS := $(patsubst $(KERNEL_AT)/%,$(KERNEL)/%.o,$(basename $(wildcard $(KERNEL_AT)/*.c $(KERNEL_AT)/$(ARCH)/*.[cS])))
KERNEL_HEADERS := $(HEADERS) $(wildcard $(KERNEL_AT)/*.h $(KERNEL_AT)/$(ARCH)/*.h $(KERNEL_AT)/include/*.h)

KERNEL_OR_NOT := $(if $(wildcard $(KERNEL_AT)/$(ARCH)/kernel.ld),$(KERNEL)/kernel,kernel-unknown)

kernel: $(KERNEL_OR_NOT) ## a small kernel on the same core (examples/kernel); ARCH=riscv64

kernel-run: $(KERNEL_OR_NOT) ## boot it in qemu; MEMORY=64M, APPEND='oom=7': its command line
	$(Q)$(KERNEL_AT)/run $(ARCH) $< $(or $(MEMORY),64M) $(APPEND)

kernel-unknown:
	@echo "there is no kernel for ARCH=$(ARCH); there are x86_64 and riscv64" >&2; exit 1

$(KERNEL)/kernel: $(KERNEL_OBJECTS) $(KERNEL)/watermark.o $(KERNEL)/freelist.o $(KERNEL)/core/libseamalloc-core.a \
                  $(KERNEL_AT)/$(ARCH)/kernel.ld $(KERNEL_AT)/sections.ld
	$(call say,LINK,$@)
	$(Q)$(KERNEL_LD) -static -nostdlib --gc-sections --no-relax -z max-page-size=4096 \
		-L$(KERNEL_AT) -T $(KERNEL_AT)/$(ARCH)/kernel.ld -o $@ $(filter %.o %.a,$^)

$(eval $(call core_rules,$(KERNEL)/core,$$(KERNEL_CC),$$(KERNEL_AR),$$(KERNEL_CFLAGS)))

define kernel_compile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(KERNEL_CC) $(CPPFLAGS) $(KERNEL_FLAGS) $(1) -c -o $@ $<
endef

$(KERNEL)/%.o: $(KERNEL_AT)/%.c $(KERNEL_HEADERS)
	$(call kernel_compile,)

$(KERNEL)/%.o: $(KERNEL_AT)/%.S
	$(call kernel_compile,)

# Runs at another address than it is linked for.
$(KERNEL)/user.o: $(KERNEL_AT)/user.c $(KERNEL_HEADERS)
	$(call kernel_compile,-fpie -fno-jump-tables)

$(KERNEL)/textbook/%.o: src/engines/%.c $(KERNEL_HEADERS)
	$(call kernel_compile,)

# An engine a second time: it gets names of its own, and asks early.c for pages.
$(KERNEL)/%.o: $(KERNEL)/textbook/%.whole
	$(call say,NAME,$@)
	$(Q)nm -g $< | awk '$$(NF - 1) != "U" { print $$NF, "$*_" $$NF } \
		$$(NF - 1) == "U" && $$NF ~ /^sea_(pages|meta)_/ { print $$NF, "early" substr($$NF, 4) }' >$@.names
	$(Q)$(KERNEL_OBJCOPY) --redefine-syms=$@.names $< $@

textbook_objects = $(patsubst src/engines/%.c,$(KERNEL)/textbook/%.o,$(wildcard src/engines/$(1)/*.c src/engines/textbook/*.c))
$(KERNEL)/textbook/watermark.whole: $(call textbook_objects,watermark)
$(KERNEL)/textbook/freelist.whole: $(call textbook_objects,freelist)
$(KERNEL)/textbook/%.whole:
	$(Q)$(KERNEL_LD) -r -o $@ $^

# --- tests ------------------------------------------------------------------------------------

# As little as can be had: no thread-local storage, no floating point.
CORE_LEAST_x86_64  := -mgeneral-regs-only
CORE_LEAST_aarch64 := -mgeneral-regs-only
$(eval $(call core_rules,$(BUILD)/core-least,$$(CC),ar,-O1 -DSEA_THREAD_LOCAL= $(CORE_LEAST_$(shell uname -m))))

check-core: $(BUILD)/core-least/libseamalloc-core.a ## the core needs what its table lists, and no more
	$(call where,python3,scripts/check-core --no-thread-local $<)

# A kernel is built where its emulator and its compiler are.
check-kernel-build-%:
	$(Q)if command -v qemu-system-$* >/dev/null && \
		{ [ $* = "$$(uname -m)" ] || command -v $*-linux-gnu-gcc >/dev/null; }; then \
		$(MAKE) --no-print-directory kernel ARCH=$* && \
		scripts/check-core --processor $* $(BUILD)/kernel/$*/core/libseamalloc-core.a; fi

check-kernel: check-kernel-build-x86_64 check-kernel-build-riscv64 ## boot the kernel in qemu; LENGTH=long: refuse each request for pages once
	$(call where,python3,test/kernel/boot.py --length $(or $(LENGTH),quick) $(BUILD)/kernel)

.PHONY: core kernel kernel-run kernel-unknown check-core check-kernel
