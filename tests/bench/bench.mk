# SPDX-License-Identifier: Apache-2.0
# The tools of `make bench`: they stand on agent/base alone, so that a fault in the agent's codec shows.

BENCH_TOOLS := $(patsubst %,$(BUILD)/tests/bench/%,load idle_agent grpc_load idle_authz bad http_load crowd material biglist)
BENCH_BASE  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard agent/base/*.c))
BENCH_PARTS := $(patsubst %,$(BUILD)/tests/bench/%.o,peer https mix check meter histogram)

.PHONY: bench-tools
bench-tools: $(BENCH_TOOLS)

$(BUILD)/tests/bench/material: $(BUILD)/tests/lib/certs.o

$(BENCH_TOOLS): %: %.o $(BENCH_PARTS) $(BENCH_BASE)
	$(CC) $(NO_LTO) $(LDFLAGS_ALL) $^ -lssl -lcrypto -lnghttp2 -o $@

-include $(BENCH_TOOLS:=.d) $(BENCH_PARTS:.o=.d)
