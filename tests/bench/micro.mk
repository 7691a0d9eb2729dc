# SPDX-License-Identifier: Apache-2.0
# What one SPOP verdict costs without sockets: build/tests/bench/micro_spop [verdicts].

$(BUILD)/tests/bench/micro_spop: $(BUILD)/tests/bench/micro_spop.o $(TESTLIB) $(LIBRARY)
	$(CC) $(OPT) $(LTO) $(LDFLAGS_ALL) $^ -lcmocka $(PKG_LIBS) -o $@
