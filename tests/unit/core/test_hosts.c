/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/hosts.h"

/* Patterns of the tests that have few. */
#define MOST 7

/* All that matches, best first, as "3 1 0". */
static void matches(const struct host_index *index, const char *host, const char *wanted)
{
	struct host_walk walk = { .host = slice_str(host) };
	char found[128] = "";
	const struct host_rule *rule;

	while ((rule = host_index_next(index, &walk)))
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%u",
			 found[0] ? " " : "", rule->number);
	if (strcmp(found, wanted))
		fail_msg("%s: \"%s\", not \"%s\"", host, found, wanted);
	assert_null(host_index_next(index, &walk));
}

static enum err put(struct host_index *index, const char *pattern, struct host_rule *rule)
{
	return host_index_put(index, slice_str(pattern), rule);
}

static const struct host_rule *named(const struct host_index *index, const char *name)
{
	struct host_name asked = host_index_expect(index, slice_str(name));

	return host_index_named(index, &asked);
}

static struct host_index *index_of(const char *const *patterns)
{
	struct host_index *index = host_index_new(MOST);

	for (size_t i = 0; patterns[i]; i++) {
		struct host_rule rule = { .number = (uint32_t)i };

		assert_int_equal(put(index, patterns[i], &rule), ERR_OK);
	}
	return index;
}

static void empty(void **state)
{
	static const char *const none[] = { NULL };
	struct host_index *index = index_of(none);

	(void)state;
	matches(index, "a", "");
	matches(index, "", "");
	host_index_free(index);
	host_index_free(NULL);
}

static void no_match(void **state)
{
	static const char *const patterns[] = { "a.example", "*.b.example", NULL };
	struct host_index *index = index_of(patterns);

	(void)state;
	matches(index, "b.example", "");
	matches(index, "xb.example", "");
	matches(index, "x.a.example", "");
	matches(index, "example", "");
	matches(index, "a.example.", "");
	matches(index, ".b.example", "1");
	matches(index, "b.example.b", "");
	host_index_free(index);
}

static void longest_wins(void **state)
{
	static const char *const patterns[] = { "*", "*.example", "*.b.example", "a.b.example",
						"*b.example", "*a.b.example", NULL };
	struct host_index *index = index_of(patterns);

	(void)state;
	matches(index, "a.b.example", "3 5 2 4 1 0");
	matches(index, "x.a.b.example", "5 2 4 1 0");
	matches(index, "b.example", "4 1 0");
	matches(index, "c.b.example", "2 4 1 0");
	matches(index, "c.example", "1 0");
	matches(index, "cb.example", "1 0");
	matches(index, "example", "0");
	matches(index, "[::1]", "0");
	host_index_free(index);
}

static void only_the_star(void **state)
{
	static const char *const patterns[] = { "*", NULL };
	struct host_index *index = index_of(patterns);
	struct host_rule rule = { .number = 7 };

	(void)state;
	matches(index, "a.example", "0");
	matches(index, "", "0");
	assert_null(named(index, ""));
	assert_null(named(index, "*"));
	assert_int_equal(put(index, "b", &rule), ERR_OK);
	assert_int_equal(named(index, "b")->number, 7);
	assert_null(named(index, "a"));
	matches(index, "b", "7 0");
	matches(index, "c", "0");
	host_index_free(index);
}

static void twice(void **state)
{
	static const char *const patterns[] = { "a", "*.a", "*a", "*", NULL };
	struct host_index *index = index_of(patterns);

	(void)state;
	for (size_t i = 0; patterns[i]; i++) {
		struct host_rule rule = { .number = 99 };

		assert_int_equal(put(index, patterns[i], &rule), ERR_DUPLICATE);
		assert_int_equal(rule.number, i);
	}
	host_index_free(index);
}

static void many(void **state)
{
	enum { COUNT = 20000 };
	struct host_index *index = host_index_new(COUNT);
	char (*names)[32] = calloc(COUNT, sizeof(*names));

	(void)state;
	assert_non_null(names);
	for (size_t i = 0; i < COUNT; i++) {
		struct host_rule rule = { .number = (uint32_t)i };

		snprintf(names[i], sizeof(names[i]), "%sh%zu.example", i % 2 ? "*." : "", i);
		assert_int_equal(put(index, names[i], &rule), ERR_OK);
	}
	matches(index, "h19998.example", "19998");
	matches(index, "x.h19999.example", "19999");
	matches(index, "h19999.example", "");
	host_index_free(index);
	free(names);
}

/* Names of every length up to the longest one: short ones stand in the index's slots, long ones elsewhere. */
static void every_length(void **state)
{
	enum { LONGEST = 253 };
	struct host_index *index = host_index_new(2 * LONGEST);
	char name[LONGEST + 1];

	(void)state;
	for (uint32_t len = 1; len <= LONGEST; len++) {
		struct host_rule rule = { .number = len, .set = ~len, .routes = 7, .require = REQUIRE_NONE, .l4 = true };

		memset(name, 'a', len);
		name[len] = '\0';
		assert_int_equal(put(index, name, &rule), ERR_OK);
		name[len - 1] = 'b';
		rule.number = 1000 + len;
		assert_int_equal(put(index, name, &rule), ERR_OK);
	}
	for (uint32_t len = 1; len <= LONGEST; len++) {
		memset(name, 'a', len);
		name[len] = '\0';
		assert_int_equal(named(index, name)->number, len);
		assert_int_equal(named(index, name)->set, ~len);
		assert_int_equal(named(index, name)->routes, 7);
		assert_true(named(index, name)->require == REQUIRE_NONE && named(index, name)->l4);
		assert_false(named(index, name)->observe || named(index, name)->raw_paths);
		name[len - 1] = 'b';
		assert_int_equal(named(index, name)->number, 1000 + len);
		name[len - 1] = 'c';
		assert_null(named(index, name));
	}
	host_index_free(index);
}

static void bad_patterns(void **state)
{
	static const char *const bad[] = { "", "*.", "**", "*.*", "a.*", "a*b", "*.a*", "a:1", "a.", "*.a.",
					   "a..b", "a b", "*.[::1]", "\xc3\xa9", "a/b", "**.a" };
	const char *why;
	char *out;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_int_equal(host_pattern_read(slice_str(bad[i]), true, &out, &why), ERR_FORMAT);
		assert_non_null(why);
	}
	assert_int_equal(host_pattern_read(SLICE_LIT("*a"), false, &out, &why), ERR_FORMAT);
}

static void good_patterns(void **state)
{
	static const char *const good[][2] = { { "*", "*" }, { "A.Example", "a.example" }, { "*.B", "*.b" },
					       { "*C.d", "*c.d" }, { "[::A]", "[::a]" } };
	const char *why;
	char *out;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(host_pattern_read(slice_str(good[i][0]), true, &out, &why), ERR_OK);
		assert_string_equal(out, good[i][1]);
		free(out);
	}
}

static void meetings(void **state)
{
	static const struct { const char *a, *b; bool meet; } pairs[] = {
		{ "a", "b", false }, { "a", "a", true }, { "*", "a", true }, { "*.b", "*", true },
		{ "*.b", "b", false }, { "*b", "b", true }, { "*.b", "a.b", true }, { "*.b", "ab", false },
		{ "*b", "ab", false }, { "*.b", "*.a.b", true }, { "*.b", "*.c", false }, { "*b", "*.x.b", true },
		{ "*.ab", "*.b", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct slice a = slice_str(pairs[i].a), b = slice_str(pairs[i].b);

		assert_int_equal(host_patterns_meet(a, b), pairs[i].meet);
		assert_int_equal(host_patterns_meet(b, a), pairs[i].meet);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty), cmocka_unit_test(no_match), cmocka_unit_test(longest_wins),
		cmocka_unit_test(only_the_star), cmocka_unit_test(twice),
		cmocka_unit_test(many), cmocka_unit_test(every_length), cmocka_unit_test(bad_patterns),
		cmocka_unit_test(good_patterns), cmocka_unit_test(meetings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
