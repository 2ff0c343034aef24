# SPDX-License-Identifier: MIT
# seamalloc.  `make help` lists the targets.

CC      ?= gcc
CFLAGS  ?= -O2 -g
BUILD   ?= build
V       ?= 0

# The number in the libraries' sonames: it changes with what a linked program relies on.
SOVERSION := 0

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $(2))

WARNINGS := -Wall -Wextra -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wshadow=local -Werror
ifneq (,$(findstring clang,$(CC)))
WARNINGS := $(filter-out -Wshadow=local,$(WARNINGS)) -Wno-unknown-warning-option
endif
SEA_CFLAGS := -std=gnu11 $(WARNINGS) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-builtin-malloc \
              -fno-plt -ffunction-sections -fdata-sections -fno-strict-aliasing -fomit-frame-pointer -fno-semantic-interposition -Iinclude -Isrc
# The standard names: others may have them too, and C++ exceptions pass through.
PRELOAD_CFLAGS := -fsemantic-interposition -fexceptions
SEA_LDFLAGS := -shared -pthread -Wl,-O1 -Wl,--as-needed -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,nodelete -Wl,-z,initfirst \
               -Wl,--version-script=preload/exports.map

# The order of code and data in the libraries, for GNU ld.
LAYOUT := preload/layout.ld

# $(call where,COMMAND,WHAT): does WHAT where there is such a command, and says so where there is not.
where = $(Q)if command -v $(1) >/dev/null; then $(2); else echo "skip  $@: there is no $(1) here"; echo "0 passed, 0 failed, 1 skipped"; fi

# The rooms of src/ (src/README.md), and what each library has of them.
room     = $(patsubst src/%.c,%.o,$(sort $(wildcard src/$(1)/*.c)))
# The files that ask Linux, for which the unit tests have a simulated kernel.
OS      := $(patsubst %,base/%.o,os os_thread os_fault)
BELOW   := $(foreach r,base map page,$(call room,$(r)))
BESIDE  := $(foreach r,segment message,$(call room,$(r)))
CACHED  := $(foreach r,heap cache engines/seam,$(call room,$(r)))
SELDOM  := $(foreach r,guard secure named heaps,$(call room,$(r)))
FRONT   := $(call room,front)
NAMES   := $(patsubst %,preload/%.o,interpose cxx prctl madvise constructor)
# What only the dynamic libraries have.
DYNAMIC := $(patsubst %,preload/%.o,dlopen jemalloc mallctl ctl_tree)

SEAM_OBJECTS      := $(NAMES) $(FRONT) $(CACHED) $(BELOW) $(SELDOM) $(BESIDE)
# The textbook engines have no cache, so their front and their names are compiled without its fast paths.
UNCACHED          := $(BELOW) $(BESIDE) $(call room,engines/textbook) $(addprefix uncached/,$(FRONT) $(NAMES))
# The same library with hardened mode always on.
SECURE_OBJECTS    := $(SEAM_OBJECTS:secure/preset.o=preset_on/secure/preset.o)
FREELIST_OBJECTS  := $(UNCACHED) $(call room,engines/freelist)
WATERMARK_OBJECTS := $(UNCACHED) $(call room,engines/watermark)
HEADERS := $(wildcard include/*.h preload/*.h src/*/*.h src/*/*.def src/engines/*/*.h)

LIBS := $(BUILD)/libseamalloc.so $(BUILD)/libseamalloc.a $(BUILD)/libseamalloc-secure.so \
        $(BUILD)/libseamalloc-freelist.so $(BUILD)/libseamalloc-watermark.so
# Under this name the loader looks for them.
SONAMES := $(patsubst %.so,%.so.$(SOVERSION),$(filter %.so,$(LIBS)))

all: $(LIBS) $(SONAMES) $(BUILD)/measure $(BUILD)/seamalloc ## build the libraries and the command

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BUILD)/libseamalloc.so: $(addprefix $(BUILD)/obj/,$(SEAM_OBJECTS) $(DYNAMIC)) preload/exports.map
$(BUILD)/libseamalloc-secure.so: $(addprefix $(BUILD)/obj/,$(SECURE_OBJECTS) $(DYNAMIC)) preload/exports.map
$(BUILD)/libseamalloc-freelist.so: $(addprefix $(BUILD)/obj/,$(FREELIST_OBJECTS) $(DYNAMIC:%=uncached/%)) preload/exports.map
$(BUILD)/libseamalloc-watermark.so: $(addprefix $(BUILD)/obj/,$(WATERMARK_OBJECTS) $(DYNAMIC:%=uncached/%)) preload/exports.map

link = $(CC) $(CFLAGS) $(LDFLAGS) $(SEA_LDFLAGS) -Wl,-soname,$(notdir $@).$(SOVERSION) -o $@ $(filter %.o,$^)

# Linkers that refuse the script (gold, lld) link without it.  Then what they say the second time is shown.
$(BUILD)/%.so: $(LAYOUT)
	$(call say,LINK,$@)
	$(Q)if said=$$($(link) -Wl,-T,$(LAYOUT) 2>&1); then [ -z "$$said" ] || echo "$$said" >&2; else $(link); fi

$(SONAMES): %.so.$(SOVERSION): %.so
	$(Q)ln -sfn $(notdir $<) $@

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

$(BUILD)/obj/%.o: src/%.c $(HEADERS)
	$(call compile,)

$(BUILD)/obj/preload/%.o: preload/%.c $(HEADERS)
	$(call compile,$(PRELOAD_CFLAGS))

$(BUILD)/obj/preset_on/%.o: src/%.c $(HEADERS)
	$(call compile,-DSEA_SECURE_PRESET=1)

$(BUILD)/obj/uncached/%.o: src/%.c $(HEADERS)
	$(call compile,-DSEA_HAS_CACHE=0)

$(BUILD)/obj/uncached/preload/%.o: preload/%.c $(HEADERS)
	$(call compile,-DSEA_HAS_CACHE=0 $(PRELOAD_CFLAGS))

# Static where that works: what is to start other programs starts fast itself, and does not
# hide how small they are.  As a PIE, because other static programs of gcc 14 sort their unwind
# tables when they start: 200 000 instructions.
define static_where_possible
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -std=gnu11 $(WARNINGS) $(LDFLAGS) -static-pie -fPIE -o $@ $(filter %.c,$^) 2>/dev/null || \
		$(CC) $(CPPFLAGS) $(CFLAGS) -std=gnu11 $(WARNINGS) $(LDFLAGS) -o $@ $(filter %.c,$^)
endef

$(BUILD)/measure: scripts/lib/measure.c
	$(static_where_possible)

$(BUILD)/modules: scripts/lib
	@mkdir -p $(@D)
	$(Q)ln -sfn $(CURDIR)/scripts/lib $@

# What looks into message heaps: all but event loops, which need a thread.  No part of it allocates, or
# needs the rest of the library.
LOOKING := src/base/shared.c $(filter-out src/message/events.c,$(sort $(wildcard src/segment/*.c src/message/*.c)))

$(BUILD)/seamalloc: WARNINGS += -Isrc -fno-strict-aliasing
$(BUILD)/seamalloc: $(wildcard scripts/launcher/*.c) $(wildcard scripts/launcher/*.h) $(LOOKING) $(HEADERS) | $(BUILD)/modules
	$(static_where_possible)

demo: ## show real programs on seamalloc beside glibc and its peers
	$(Q)scripts/setup --for demo
	$(Q)$(MAKE) --no-print-directory all
	$(call where,python3,scripts/demo)

# --- benchmarks --------------------------------------------------------------------

include bench/bench.mk
include bench/stress.mk

bench-programs: all $(BUILD)/bench/micro $(STRESS_PROGRAMS)

bench: ## every workload under every allocator; below 30 minutes
	$(Q)scripts/setup --for bench
	$(Q)$(MAKE) bench-programs
	$(Q)scripts/bench --libdir=$(BUILD) --json=$(BUILD)/bench/report.json --html=$(BUILD)/bench/report.html

bench-quick: ## a part of everything; below 3 minutes
	$(Q)scripts/setup --for bench
	$(Q)$(MAKE) bench-programs
	$(Q)scripts/bench --quick --libdir=$(BUILD) --json=$(BUILD)/bench/report.json --html=$(BUILD)/bench/report.html

memory-goals: all ## the memory goals beside what each allocator measures; below 5 minutes
	$(Q)scripts/memory-goals --libdir=$(BUILD)

# --- tests -----------------------------------------------------------------------

include test/unit.mk
include examples/kernel/kernel.mk
include test/assurance.mk
include test/engines/textbook.mk
include test/fuzz.mk

# What every change must pass, and the rest, in this order; each prints what it finds.
CHECKS := check-layers check-headers check-exports check-core check-docs check-unit check-stress check-black-box \
          check-scripts check-instructions
REST   := check-fault check-exhaustive check-schedules check-models check-fuzz check-secure check-memory check-situations \
          check-textbook check-engines check-neighbours check-processors check-machines check-bench check-builds check-kernel check-deb

check: ## what every change must pass; installs up to 60 packages (SETUP=no: none); 6 to 12 minutes
	$(Q)scripts/setup --for check
	$(Q)LENGTH=quick scripts/check-all $(MAKE) $(CHECKS)

check-full: ## the rest: failing system calls, memory, situations, textbook engines, benchmarks, other compilers, the kernel; installs 350 to 500 packages more; half an hour
	$(Q)scripts/setup --for check-full
	$(Q)LENGTH=quick scripts/check-all $(MAKE) $(REST)

check-long: all ## the tests with large counts
	$(Q)test/run-tests --long
	$(Q)$(MAKE) check-unit check-fault check-exhaustive check-schedules check-fuzz check-processors check-machines check-kernel LENGTH=long
	$(Q)$(MAKE) check-stress STRESS_SECONDS=120 STRESS_THREADS=16
	$(Q)$(MAKE) check-fuzz FUZZ_SECONDS=3600

# What is also run in hardened mode by every check.
SECURE_API := api/blocks api/realloc api/aligned api/operators

check-black-box: all ## API, misuse, preload traps and real programs
	$(call where,python3,test/run-tests --quick --engine seam api misuse preload programs)
	$(call where,python3,test/run-tests --quick --engine secure misuse $(SECURE_API))

check-secure: all ## API and misuse in hardened mode
	$(call where,python3,test/run-tests --quick --engine secure api misuse)

check-memory: all ## how much memory real loads take, and how it goes back
	$(call where,python3,test/run-tests --quick --engine seam memory)

check-situations: all ## what other allocators' users have reported
	$(call where,python3,test/run-tests --quick --engine seam situations)

# What "check" skips where packages are missing: emulated processors, php, faketime.
check-neighbours: all ## programs that need more packages
	$(call where,python3,test/run-tests --quick --engine seam preload/process programs)

# The first x86-64 and what virtual machines have if nobody asks for more, one that counts bits,
# and one that has all that there is.
PROCESSORS    := qemu64 kvm64 Nehalem max
PROCESSORS_IN  = $(if $(filter long,$(LENGTH)),api,api/blocks api/errors api/operators api/operators_in_c)

check-processors: all ## the API on processors without newer instructions; below 40 seconds
	$(Q)if [ "$$(uname -m)" != x86_64 ] || ! command -v qemu-x86_64 >/dev/null; then \
		echo "0 passed, 0 failed, 1 skipped: qemu-x86_64 on an x86-64 is needed"; exit 0; \
	fi; \
	for model in $(PROCESSORS); do \
		test/run-tests --quick --engine seam --processor $$model $(PROCESSORS_IN) || exit 1; \
	done

# All but what qemu-user cannot run: it counts its own memory as the program's, and loses threads at a fork.
MACHINES      := aarch64 riscv64
MACHINES_NOT  := account handover messages
MACHINES_LONG  = $(filter-out $(MACHINES_NOT:%=api/%),$(patsubst test/%,%,$(basename $(wildcard test/api/*.c test/api/*.cc))))
MACHINES_IN    = $(if $(filter long,$(LENGTH)),$(MACHINES_LONG),$(addprefix api/,blocks calloc errors extensions jemalloc limits operators operators_in_c))

check-machines: $(MACHINES:%=check-machine-%) ## the API on aarch64 and riscv64, emulated; below 40 seconds

check-machine-%:
	$(Q)if ! command -v qemu-$* >/dev/null || ! command -v $*-linux-gnu-g++ >/dev/null; then \
		echo "0 passed, 0 failed, 1 skipped: qemu-$* and $*-linux-gnu-g++ are needed"; exit 0; \
	fi; \
	$(MAKE) --no-print-directory check-build-$* && \
	BUILD=$(BUILD)/$* test/run-tests --quick --engine seam --machine $* $(MACHINES_IN)

check-engines: all ## the same on the two textbook engines
	$(call where,python3,test/run-tests --quick --engine freelist --engine watermark)

# Tests of the commands, and those of the benchmarks.
COMMAND_TESTS := $(addprefix test/scripts/,compare.bats demo.bats run.bats setup.bats status.bats messages.bats use.bats link.bats install.bats check-all.bats)
DEB_TESTS     := test/scripts/deb.bats
BENCH_TESTS   := $(filter-out $(COMMAND_TESTS) $(DEB_TESTS),$(wildcard test/scripts/*.bats))

check-scripts: all ## the commands
	$(Q)if command -v shellcheck >/dev/null; then \
		shellcheck scripts/seamalloc scripts/setup scripts/options-table scripts/check-all scripts/ci-long scripts/check-headers \
			scripts/packaging/install-files scripts/packaging/build-deb .ci/run test/scripts/*.bash; \
	else echo "skip  $@: there is no shellcheck here"; fi
	$(call where,bats,SEAMALLOC_BUILD=$(BUILD) bats $(COMMAND_TESTS))

check-bench: all bench-programs $(BUILD)/bench/count ## the benchmarks
	$(call where,bats,SEAMALLOC_BUILD=$(BUILD) bats $(BENCH_TESTS))

check-deb: ## the Debian packages
	$(call where,bats,bats $(DEB_TESTS))

check-docs: ## the pages name what exists, generated parts are up to date, man pages are sound
	$(call where,python3,scripts/check-pages)
	$(Q)scripts/options-table | cmp - docs/options.md
	@mkdir -p $(BUILD)
	$(Q)sed -n '/^\.\\" options:/,/^\.\\" end of options/{//!p}' docs/man/seamalloc.3 >$(BUILD)/options.man
	$(Q)scripts/options-table --man | cmp - $(BUILD)/options.man
	$(Q)if command -v mandoc >/dev/null; then mandoc -T lint -W warning docs/man/*.[13]; \
	else echo "skip  $@: there is no mandoc here"; fi

# The libraries with another compiler, which has to notice the same mistakes, and for other processors.
check-builds: check-build-clang check-build-aarch64 check-build-riscv64 ## clang, aarch64, riscv64

ci-long: ## gcc and clang at O0 to O3 and LTO, sanitizers, valgrind, musl, i386; a verdict for each; half an hour
	$(Q)scripts/ci-long $(MAKE) $(BUILD)

check-build-clang:
	$(call where,clang,$(MAKE) BUILD=$(BUILD)/clang CC=clang $(BUILD)/clang/libs && \
		BUILD=$(BUILD)/clang test/run-tests --quick --engine seam misuse/misuse)

check-build-%:
	$(call where,$*-linux-gnu-gcc,$(MAKE) BUILD=$(BUILD)/$* CC=$*-linux-gnu-gcc AR=$*-linux-gnu-ar \
		OBJCOPY=$*-linux-gnu-objcopy $(BUILD)/$*/libs)

$(BUILD)/libs: $(LIBS)

# --- install and packages ------------------------------------------------------------

include scripts/packaging/install.mk

clean: ## remove the build folder
	rm -rf $(BUILD)

.PHONY: all help demo bench bench-quick memory-goals bench-programs check check-full check-long \
        check-black-box check-secure check-memory check-situations check-engines check-neighbours check-processors check-machines check-scripts check-bench check-deb check-docs check-builds check-build-clang ci-long clean
