/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/deny.h"

static struct verify_node node(void)
{
	struct verify_node node = { .serial = { 1, 2, 3 }, .serial_len = 3, .ski = { 9, 8 }, .ski_len = 2 };

	memset(node.sha256, 0x5a, sizeof(node.sha256));
	memset(node.spki_sha256, 0xa5, sizeof(node.spki_sha256));
	return node;
}

static bool hit(enum deny_kind kind, const void *octets, size_t len, const struct verify_node *node)
{
	struct deny_entry entry = { .kind = kind, .octets = (uint8_t *)(uintptr_t)octets, .len = len };
	struct deny_set *set = deny_new(&entry, 1);
	bool found = deny_hit(set, node);

	deny_free(set);
	return found;
}

static void misses(void **state)
{
	struct verify_node n = node();
	uint8_t other[64];

	(void)state;
	assert_null(deny_new(NULL, 0));
	deny_free(NULL);
	assert_false(hit(DENY_SERIAL, "\x01\x02", 2, &n));
	assert_false(hit(DENY_SERIAL, "\x01\x02\x03\x00", 4, &n));
	assert_false(hit(DENY_SERIAL, "\x00\x01\x02\x03", 4, &n));
	assert_false(hit(DENY_SERIAL, "\x09\x08", 2, &n));
	assert_false(hit(DENY_SKI, "\x01\x02\x03", 3, &n));
	assert_false(hit(DENY_SKI, "\x09", 1, &n));
	memset(other, 0x5a, sizeof(other));
	assert_false(hit(DENY_SPKI, other, 32, &n));
	assert_false(hit(DENY_SHA256, other, 31, &n));
	other[31] = 0;
	assert_false(hit(DENY_SHA256, other, 32, &n));
	/* Lengths that nothing has. */
	assert_false(hit(DENY_SHA256, other, 64, &n));
	assert_false(hit(DENY_SERIAL, other, 64, &n));
	assert_false(hit(DENY_SERIAL, other, 0, &n));
	n.serial_len = 0;
	n.ski_len = 0;
	assert_false(hit(DENY_SERIAL, "\0", 1, &n));
	assert_false(hit(DENY_SKI, "\0", 1, &n));
}

static void hits(void **state)
{
	struct verify_node n = node();

	(void)state;
	assert_true(hit(DENY_SERIAL, "\x01\x02\x03", 3, &n));
	assert_true(hit(DENY_SKI, "\x09\x08", 2, &n));
	assert_true(hit(DENY_SHA256, n.sha256, 32, &n));
	assert_true(hit(DENY_SPKI, n.spki_sha256, 32, &n));
	memset(n.serial, 0xff, sizeof(n.serial));
	n.serial_len = 20;
	assert_true(hit(DENY_SERIAL, n.serial, 20, &n));
	memset(n.ski, 7, sizeof(n.ski));
	n.ski_len = 64;
	assert_true(hit(DENY_SKI, n.ski, 64, &n));
}

static void many(void **state)
{
	enum { COUNT = 50000 };
	struct deny_entry *entries = calloc(COUNT, sizeof(*entries));
	uint8_t (*octets)[4] = calloc(COUNT, sizeof(*octets));
	struct verify_node n = node();
	struct deny_set *set;

	(void)state;
	assert_non_null(entries);
	assert_non_null(octets);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t serial = (i + 1) * 2654435761u | 1u << 31;

		memcpy(octets[i], &serial, 4);
		entries[i] = (struct deny_entry){ DENY_SERIAL, octets[i], 4 };
	}
	set = deny_new(entries, COUNT);
	for (size_t i = 0; i < COUNT; i += 997) {
		memcpy(n.serial, octets[i], 4);
		n.serial_len = 4;
		assert_true(deny_hit(set, &n));
		n.serial_len = 3;
		assert_false(deny_hit(set, &n));
	}
	deny_free(set);
	free(entries);
	free(octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misses), cmocka_unit_test(hits), cmocka_unit_test(many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
