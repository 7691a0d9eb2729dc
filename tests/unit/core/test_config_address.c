/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "core/config_address.h"

static void no_v4(void **state)
{
	static const char *const texts[] = { "", "1", "1.2.3", "1.2.3.4.", ".1.2.3.4", "1.2.3.4.5",
		"256.1.1.1", "01.2.3.4", "1.2.3.-4", "1.2.3. 4", "a.b.c.d", "1..2.3", "1.2.3.4 " };
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(address_read_v4(slice_str(texts[i]), out));
	assert_true(address_read_v4(SLICE_LIT("10.0.255.1"), out));
	assert_memory_equal(out, "\x0a\x00\xff\x01", 4);
}

static void no_v6(void **state)
{
	static const char *const texts[] = { "", ":", ":::", "1::2::3", "12345::", "::g", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:", ":1", "1.2.3.4",
		"1.2.3.4::", "::1.2.3", "::1.2.3.4:5", "fe80::1%eth0", "[::1]", "1:2:3:4:5:6:7:1.2.3.4" };
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(address_read_v6(slice_str(texts[i]), out));
}

static void v6(void **state)
{
	static const struct { const char *text, *hex; } good[] = {
		{ "::", "00000000000000000000000000000000" },
		{ "::1", "00000000000000000000000000000001" },
		{ "1::", "00010000000000000000000000000000" },
		{ "2001:DB8::a:0b", "20010db80000000000000000000a000b" },
		{ "1:2:3:4:5:6:7:8", "00010002000300040005000600070008" },
		{ "1:2:3:4:5:6:7::", "00010002000300040005000600070000" },
		{ "::ffff:1.2.3.4", "00000000000000000000ffff01020304" },
		{ "1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint8_t out[16];
		char hex[33] = "";
		struct buf b = buf_fixed(hex, 32);

		assert_true(address_read_v6(slice_str(good[i].text), out));
		text_hex(&b, slice_of(out, 16), false);
		assert_string_equal(hex, good[i].hex);
	}
}

static void networks(void **state)
{
	static const char *const bad[] = { "", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "::1/64",
		"::/129", "10.0.0.0/-1", "10.0.0.0/8/8", "host/8", "10.0.0.0/08x" };
	struct listen_network network;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(address_read_network(slice_str(bad[i]), &network));
	assert_true(address_read_network(SLICE_LIT("10.64.0.0/10"), &network));
	assert_false(network.v6);
	assert_int_equal(network.prefix, 10);
	assert_memory_equal(network.address, "\x0a\x40\x00\x00", 4);
	assert_true(address_read_network(SLICE_LIT("2001:db8::/32"), &network));
	assert_true(network.v6);
	assert_int_equal(network.prefix, 32);
	assert_true(address_read_network(SLICE_LIT("0.0.0.0/0"), &network));
	assert_int_equal(network.prefix, 0);
	assert_true(address_read_network(SLICE_LIT("127.0.0.1"), &network));
	assert_int_equal(network.prefix, 32);
	assert_true(address_read_network(SLICE_LIT("::1"), &network));
	assert_int_equal(network.prefix, 128);
}

static void no_listen_address(void **state)
{
	static const char *const bad[] = { "", ":", "9640", ":9640", "127.0.0.1", "127.0.0.1:",
		"127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:1x", "localhost:9640", "*:9640", "::1:9640",
		"[::1]", "[::1:9640", "[::1]9640", "[127.0.0.1]:1", "[]:1", "unix:", "unix:@", "unix",
		"tcp:127.0.0.1:1", "127.0.0.1:96 40" };
	char longest[128] = "unix:";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct listen_entry entry = { 0 };
		const char *why = NULL;

		assert_int_equal(address_read_listen(slice_str(bad[i]), &entry, &why), ERR_FORMAT);
		assert_non_null(why);
		assert_null(entry.host);
	}
	memset(longest + 5, 'p', 108);
	{
		struct listen_entry entry = { 0 };
		const char *why;

		assert_int_equal(address_read_listen(slice_str(longest), &entry, &why), ERR_FORMAT);
		assert_string_equal(why, "the path of a unix socket has at most 107 bytes");
		assert_int_equal(address_read_listen(slice_of(longest, 112), &entry, &why), ERR_OK);
		free(entry.host);
	}
}

static void listen_addresses(void **state)
{
	static const struct {
		const char *text, *host;
		enum address_kind kind;
		unsigned port;
		bool loopback;
	} good[] = {
		{ "127.0.0.1:9640", "127.0.0.1", ADDRESS_TCP, 9640, true },
		{ "127.9.9.9:0", "127.9.9.9", ADDRESS_TCP, 0, true },
		{ "0.0.0.0:80", "0.0.0.0", ADDRESS_TCP, 80, false },
		{ "[::1]:65535", "::1", ADDRESS_TCP, 65535, true },
		{ "[::]:1", "::", ADDRESS_TCP, 1, false },
		{ "unix:/run/x.sock", "/run/x.sock", ADDRESS_UNIX, 0, false },
		{ "unix:@name", "name", ADDRESS_ABSTRACT, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct listen_entry entry = { 0 };
		const char *why;

		assert_int_equal(address_read_listen(slice_str(good[i].text), &entry, &why), ERR_OK);
		assert_int_equal(entry.kind, good[i].kind);
		assert_string_equal(entry.host, good[i].host);
		assert_int_equal(entry.port, good[i].port);
		if (entry.kind == ADDRESS_TCP)
			assert_int_equal(address_is_loopback(&entry), good[i].loopback);
		free(entry.host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_v4), cmocka_unit_test(no_v6), cmocka_unit_test(v6),
		cmocka_unit_test(networks), cmocka_unit_test(no_listen_address),
		cmocka_unit_test(listen_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
