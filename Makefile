# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets; their texts are the comments behind "##".

BUILD     ?= build
PREFIX    ?= /usr/local
SANITIZER ?=
# SLP makes wide loads of what was stored in pieces a moment before, which waits for the stores.
OPT       ?= -O3 -fno-tree-slp-vectorize
CC        ?= gcc
PYTHON    ?= python3

VERSION   := 0.1.0
PACKAGES  := libev libssl libcrypto jansson libmicrohttpd libcurl libxxhash libsystemd libnghttp2 lua5.4
# Asked only when something is built: `make deps` has to run where pkg-config is not there yet.
PKG_CFLAGS = $(shell pkg-config --cflags $(filter-out libev,$(PACKAGES)) 2>/dev/null)
PKG_LIBS   = $(shell pkg-config --libs $(filter-out libev,$(PACKAGES)) 2>/dev/null) -lev -lmsgpackc

comma    := ,
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough -Werror
# uthash's hash falls through without saying so, which only clang finds in a system header's macro.
ifneq ($(findstring clang,$(CC)),)
WARNINGS += -Wno-implicit-fallthrough
endif
HARDEN   := -fstack-protector-strong -fPIE
ifeq ($(SANITIZER),)
HARDEN   += -D_FORTIFY_SOURCE=2
SAN      :=
else
SAN      := $(foreach s,$(subst $(comma), ,$(SANITIZER)),-fsanitize=$(s)) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -g
endif
# The program is optimised as a whole: a tenth less time a verdict. Tests link the plain code of the same objects.
ifeq ($(SANITIZER)$(COVERAGE)$(findstring clang,$(CC)),)
LTO      ?= -flto=auto -ffat-lto-objects
NO_LTO   := -fno-lto
endif
# Libraries are called through their own addresses, not through stubs: a call of a worker is a hundred calls of Lua's.
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DMTLSGUARD_VERSION='"$(VERSION)"' -Iagent $(OPT) -fno-plt -g $(WARNINGS) \
	$(HARDEN) $(SAN) $(COVERAGE) $(PKG_CFLAGS) -MMD -MP $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -pthread $(SAN) $(COVERAGE) $(LDFLAGS)

SOURCES  := $(sort $(wildcard agent/*.c agent/*/*.c))
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY  := $(BUILD)/libmtlsguard.a
PROGRAM  := $(BUILD)/mtlsguard
DOCUMENTS := $(addprefix $(BUILD)/,mtlsguard.1 mtlsguard.lua.5 mtlsguard.lua.example)
UNIT     := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*/test_*.c))
SCENARIO := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/scenario/test_*.c))
FUZZ     := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
TESTLIB  := $(patsubst tests/%.c,$(BUILD)/tests/%.o,$(wildcard tests/lib/*.c))
ORACLES  := $(filter %_oracle,$(UNIT))
TESTS    := $(UNIT) $(SCENARIO) $(FUZZ)

.PHONY: help all deps man check test e2e bench fuzz cover lint format install demo clean tests floors
.SECONDARY:
.DELETE_ON_ERROR:

all: $(PROGRAM) floors ## build the agent: build/mtlsguard (BUILD=dir, SANITIZER=address|undefined|thread)

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='|' read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

deps: ## install the Debian packages that building and testing need (as root)
	sh tests/env/deps.sh

$(BUILD)/agent/%.o: agent/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LTO) -c $< -o $@

$(LIBRARY): $(filter-out $(BUILD)/agent/main.o $(BUILD)/agent/doc_main.o,$(OBJECTS))
	@rm -f $@
	ar rcs $@ $^

$(PROGRAM): $(BUILD)/agent/main.o $(LIBRARY)
	$(CC) $(OPT) -fno-plt $(LTO) $(LDFLAGS_ALL) $^ $(PKG_LIBS) -o $@

$(BUILD)/doc: $(BUILD)/agent/doc_main.o $(LIBRARY)
	$(CC) $(NO_LTO) $(LDFLAGS_ALL) $^ $(PKG_LIBS) -o $@

$(DOCUMENTS): $(BUILD)/%: $(BUILD)/doc
	$(BUILD)/doc $* > $@

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Itests $(TEST_CFLAGS) -c $< -o $@

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TESTLIB) $(LIBRARY)
	$(CC) $(NO_LTO) $(LDFLAGS_ALL) $^ -lcmocka $(PKG_LIBS) $(TEST_LIBS) -o $@

# Tests named _oracle compare with libprotobuf-c, which the agent does not use. Generated code has warnings of its own.
$(BUILD)/tests/lib/authz.pb-c.c $(BUILD)/tests/lib/authz.pb-c.h &: tests/lib/authz.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=tests/lib --c_out=$(BUILD)/tests/lib $<

$(BUILD)/tests/lib/authz.pb-c.o: $(BUILD)/tests/lib/authz.pb-c.c
	$(CC) $(CFLAGS_ALL) -w -c $< -o $@

$(ORACLES:=.o): TEST_CFLAGS = -isystem $(BUILD)/tests
$(ORACLES:=.o): $(BUILD)/tests/lib/authz.pb-c.h
$(ORACLES): TEST_LIBS = -lprotobuf-c
$(ORACLES): $(BUILD)/tests/lib/authz.pb-c.o

$(BUILD)/tests/scenario/%: $(BUILD)/tests/scenario/%.o $(TESTLIB) $(LIBRARY)
	$(CC) $(NO_LTO) $(LDFLAGS_ALL) $^ -lcmocka $(PKG_LIBS) -o $@

# Without libFuzzer a target is linked with a driver that replays files.
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(TESTLIB) $(LIBRARY)
	$(CC) $(NO_LTO) $(LDFLAGS_ALL) $^ -lcmocka $(PKG_LIBS) -o $@

tests: $(PROGRAM) $(DOCUMENTS) $(TESTS)

man: $(DOCUMENTS) ## write the man pages and the annotated example

floors: ## check who includes whom, lengths of files and functions
	@$(PYTHON) tests/check/floors.py

check: tests floors ## the quick tests, under a minute: unit, scenario, commands, fuzz seeds
	@BUILD=$(BUILD) tests/run unit scenario cmd fuzz

test: all ## every test, with real proxies; the last line counts them
	@BUILD=$(BUILD) tests/run

e2e: tests ## the tests against every HAProxy branch
	@BUILD=$(BUILD) tests/run e2e-2.6 e2e-3.0 e2e-3.2 e2e-3.4

bench: all ## measure against a do-nothing agent (ARGS=--quick for a short run)
	$(MAKE) --no-print-directory BUILD=$(BUILD) bench-tools
	$(PYTHON) tests/bench/bench.py --build $(BUILD) $(ARGS)

fuzz: ## run every fuzz target with libFuzzer (FUZZ_SECONDS=30 each)
	BUILD=$(BUILD)-fuzz sh tests/fuzz/run.sh $(or $(FUZZ_SECONDS),30)

cover: ## line coverage of check, as text
	$(MAKE) BUILD=$(BUILD)-cover OPT=-O0 COVERAGE=--coverage check
	cd $(BUILD)-cover && gcov -n $$(find agent -name '*.gcda') 2>/dev/null | \
		awk '/^File .*agent\//{f=$$2} /^Lines/ && f{print f, $$2, $$4; f=""}' | sort

lint: floors ## static checks: clang's warnings and analyzer, shellcheck where it is installed
	@CFLAGS='$(filter-out -fno-sanitize-recover=all -DMTLSGUARD_VERSION=%,$(CFLAGS_ALL)) -DMTLSGUARD_VERSION="$(VERSION)"' sh tests/check/lint.sh

format: ## lay the C sources out (clang-format, kernel style)
	clang-format -i $(wildcard agent/*.[ch] agent/*/*.[ch] tests/*/*.[ch] tests/unit/*/*.c)

install: $(PROGRAM) $(DOCUMENTS) ## install the agent, man pages, examples and HAProxy files under $(DESTDIR)$(PREFIX)
	install -Dm755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/mtlsguard
	install -Dm644 $(BUILD)/mtlsguard.1 $(DESTDIR)$(PREFIX)/share/man/man1/mtlsguard.1
	install -Dm644 $(BUILD)/mtlsguard.lua.5 $(DESTDIR)$(PREFIX)/share/man/man5/mtlsguard.lua.5
	install -Dm644 $(BUILD)/mtlsguard.lua.example $(DESTDIR)$(PREFIX)/share/mtlsguard/mtlsguard.lua.example
	install -d $(DESTDIR)$(PREFIX)/share/mtlsguard/haproxy $(DESTDIR)$(PREFIX)/share/mtlsguard/lua
	cp -R haproxy-conf/. $(DESTDIR)$(PREFIX)/share/mtlsguard/haproxy/
	cp -R lua/. $(DESTDIR)$(PREFIX)/share/mtlsguard/lua/
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@BINDIR@|$(PREFIX)/bin|' docker/mtlsguard.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/mtlsguard.service
	install -Dm644 docker/mtlsguard.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/mtlsguard.conf

demo: ## show it: PKI, agent, HAProxy, origin, requests being decided (DEMO_ONCE=1: then exit)
	@sh tests/env/deps.sh
	@$(MAKE) --no-print-directory -j"$$(nproc)" BUILD=$(BUILD) all >/dev/null
	@BUILD=$(BUILD) $(PYTHON) tests/env/demo.py

clean: ## remove what was built
	rm -rf build build-asan build-tsan build-fuzz build-cover

-include tests/bench/bench.mk
-include tests/bench/micro.mk
-include $(OBJECTS:.o=.d) $(TESTS:=.d) $(TESTLIB:.o=.d)
