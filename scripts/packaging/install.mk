# SPDX-License-Identifier: MIT
# install.mk - install, uninstall and the Debian packages, included by the Makefile
#
# DESTDIR stands before every path where a package is made.  LIBDIR is absolute, or
# relative to PREFIX: lib64, lib/x86_64-linux-gnu.

PREFIX ?= /usr/local
LIBDIR ?= lib

prefix     := $(abspath $(PREFIX))
libdir     := $(if $(filter /%,$(LIBDIR)),$(abspath $(LIBDIR)),$(prefix)/$(LIBDIR))
includedir := $(prefix)/include
mandir     := $(prefix)/share/man
# What only the command uses.
ownlibdir  := $(prefix)/lib/seamalloc

VERSION := $(shell sed -n 's/^.define SEAMALLOC_VERSION "\(.*\)"/\1/p' include/seamalloc.h)
PACKAGING := $(BUILD)/packaging
MODULES := $(filter-out $(addprefix scripts/lib/,demo.py workloads.py),$(wildcard scripts/lib/*.py))

define newline


endef

# All that is installed: "MODE SOURCE TARGET" is a file, "link TO TARGET" a symbolic link.
# `uninstall` reads the same list.
define INSTALLED
644 $(BUILD)/libseamalloc.so $(libdir)/libseamalloc.so.$(VERSION)
link libseamalloc.so.$(VERSION) $(libdir)/libseamalloc.so.$(SOVERSION)
link libseamalloc.so.$(SOVERSION) $(libdir)/libseamalloc.so
644 $(BUILD)/libseamalloc-secure.so $(libdir)/libseamalloc-secure.so.$(VERSION)
link libseamalloc-secure.so.$(VERSION) $(libdir)/libseamalloc-secure.so.$(SOVERSION)
link libseamalloc-secure.so.$(SOVERSION) $(libdir)/libseamalloc-secure.so
644 $(BUILD)/libseamalloc.a $(libdir)/libseamalloc.a
644 $(PACKAGING)/seamalloc.pc $(libdir)/pkgconfig/seamalloc.pc
644 $(PACKAGING)/seamalloc-config.cmake $(libdir)/cmake/seamalloc/seamalloc-config.cmake
644 $(PACKAGING)/seamalloc-config-version.cmake $(libdir)/cmake/seamalloc/seamalloc-config-version.cmake
644 include/seamalloc.h $(includedir)/seamalloc.h
644 include/seamalloc_heap.h $(includedir)/seamalloc_heap.h
644 include/seamalloc_region.h $(includedir)/seamalloc_region.h
644 docs/man/seamalloc.3 $(mandir)/man3/seamalloc.3
644 include/seamalloc_message.h $(includedir)/seamalloc_message.h
644 docs/man/seamalloc_message.3 $(mandir)/man3/seamalloc_message.3
644 docs/man/seamalloc_heap.3 $(mandir)/man3/seamalloc_heap.3
644 docs/man/seamalloc_region.3 $(mandir)/man3/seamalloc_region.3
755 $(BUILD)/seamalloc $(prefix)/bin/seamalloc
644 docs/man/seamalloc.1 $(mandir)/man1/seamalloc.1
link $(libdir)/libseamalloc.so.$(SOVERSION) $(ownlibdir)/libseamalloc.so
644 $(BUILD)/libseamalloc-freelist.so $(ownlibdir)/libseamalloc-freelist.so
644 $(BUILD)/libseamalloc-watermark.so $(ownlibdir)/libseamalloc-watermark.so
755 $(BUILD)/measure $(ownlibdir)/measure
$(foreach file,$(MODULES),644 $(file) $(ownlibdir)/$(notdir $(file))$(newline))
endef

# What says where the library is, made anew each time: the place may have changed.
GENERATED := seamalloc.pc seamalloc-config.cmake seamalloc-config-version.cmake

$(GENERATED:%=$(PACKAGING)/%): $(PACKAGING)/%: scripts/packaging/%.in
	@mkdir -p $(@D)
	$(Q)sed -e 's,@PREFIX@,$(prefix),' -e 's,@LIBDIR@,$(libdir),' -e 's,@INCLUDEDIR@,$(includedir),' \
		-e 's,@VERSION@,$(VERSION),' -e 's,@SOVERSION@,$(SOVERSION),' $< >$@

install uninstall: export INSTALL_LIST = $(INSTALLED)

install: all $(GENERATED:%=$(PACKAGING)/%) ## libraries, header, command and manual pages into PREFIX
	$(Q)scripts/packaging/install-files $(PACKAGING)/made '$(DESTDIR)' $(libdir)

uninstall: ## remove what `make install` with the same PREFIX and LIBDIR has installed
	$(Q)scripts/packaging/install-files --remove $(PACKAGING)/made '$(DESTDIR)' $(libdir)

deb: ## Debian packages, in build/deb; needs debhelper and lintian, but not root
	$(Q)scripts/setup --for deb
	$(Q)scripts/packaging/build-deb $(BUILD)/deb $(VERSION)

.PHONY: install uninstall deb $(GENERATED:%=$(PACKAGING)/%)
