/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "haproxy_cfg.h"

/* The words of every line, one line each, sections by their name in brackets. */
static void flatten(const struct haproxy_cfg *cfg, struct buf *out)
{
	for (size_t s = 0; s < cfg->section_count; s++) {
		const struct haproxy_section *section = &cfg->sections[s];

		buf_printf(out, "<%s%s %s>\n", section->scope, section->kind, section->name);
		for (size_t i = 0; i < section->count; i++) {
			const struct haproxy_line *line = &cfg->lines[section->first + i];

			buf_printf(out, "%u:", line->number);
			for (size_t k = 0; k < line->count; k++)
				buf_printf(out, "[%s]", line->words[k]);
			buf_u8(out, '\n');
		}
	}
	buf_u8(out, '\0');
}

static void assert_reads(const char *text, unsigned version, const char *expected)
{
	struct buf out = buf_capped(0);
	struct haproxy_cfg cfg;

	assert_int_equal(haproxy_cfg_read(slice_str(text), "f", version, &cfg), ERR_OK);
	flatten(&cfg, &out);
	assert_string_equal((const char *)out.ptr, expected);
	buf_fini(&out);
	haproxy_cfg_fini(&cfg);
}

static void nothing(void **state)
{
	(void)state;
	assert_reads("", 206, "");
	assert_reads("\n \t\r\n# only words\n   # more\n", 206, "");
}

static void words(void **state)
{
	(void)state;
	assert_reads("frontend f # g\n bind :1\n", 206, "<frontend f>\n2:[bind][:1]\n");
	assert_reads("x 'a b' \"c d\" e\\ f 'g\\h' \"i\\\"j\" k#l", 206,
		     "< >\n1:[x][a b][c d][e f][g\\h][i\"j][k]\n");
	assert_reads("x \"\" 'open\n y\n", 206, "< >\n1:[x][][open]\n2:[y]\n");
}

static void lines_that_go_on(void **state)
{
	(void)state;
	assert_reads("global\n a \\\n  b \\\n c\n d\n", 206, "<global >\n2:[a][b][c]\n5:[d]\n");
	assert_reads("a \\", 206, "< >\n1:[a][\\]\n");
}

static void scopes_of_an_spoe_file(void **state)
{
	(void)state;
	assert_reads("[e]\nspoe-agent a\n x\n[g]\nspoe-message m\n", 206,
		     "<[e] >\n<[e]spoe-agent a>\n3:[x]\n<[g] >\n<[g]spoe-message m>\n");
}

#define BRANCHES "global\n.if version_atleast(3.1)\n new\n.elif version_atleast(3.0)\n middle\n.else\n old\n.endif\n always\n"

static void conditions_on_the_version(void **state)
{
	(void)state;
	assert_reads(BRANCHES, 206, "<global >\n7:[old]\n9:[always]\n");
	assert_reads(BRANCHES, 300, "<global >\n5:[middle]\n9:[always]\n");
	assert_reads(BRANCHES, 301, "<global >\n3:[new]\n9:[always]\n");
	assert_reads(".if !version_before(3.1-dev4)\n a\n.endif\n", 304, "< >\n2:[a]\n");
	assert_reads(".if version_before(3.1)\n a\n.endif\n", 301, "");
	assert_reads(".if 0\n.if 1\n a\n.endif\n b\n.else\n c\n.endif\n", 206, "< >\n7:[c]\n");
}

static void conditions_on_anything_else(void **state)
{
	(void)state;
	assert_reads(".if defined(X)\n a\n.else\n b\n.endif\n", 206, "< >\n2:[a]\n4:[b]\n");
	assert_reads(".if version_atleast(3.1) && defined(X)\n a\n.endif\n", 206, "< >\n2:[a]\n");
	assert_reads(".if version_atleast(x)\n a\n.endif\n.endif\n.else\n b\n", 206, "< >\n2:[a]\n6:[b]\n");
	assert_reads(".notice \"x\"\n a\n", 206, "< >\n2:[a]\n");
}

static void conditions_too_deep(void **state)
{
	struct buf text = buf_capped(0);

	(void)state;
	for (int i = 0; i < 80; i++)
		buf_str(&text, ".if 1\n");
	buf_str(&text, "deep\n");
	for (int i = 0; i < 80; i++)
		buf_str(&text, ".endif\n");
	buf_str(&text, "out\n");
	buf_u8(&text, '\0');
	assert_reads((const char *)text.ptr, 206, "< >\n162:[out]\n");
	buf_fini(&text);
}

static void finds(void **state)
{
	struct haproxy_cfg cfg;

	(void)state;
	assert_int_equal(haproxy_cfg_read(SLICE_LIT("frontend a from d\n bind :1 ssl crt x\nfrontend b\n"), "f", 206, &cfg),
			 ERR_OK);
	assert_string_equal(haproxy_cfg_section(&cfg, "frontend", NULL)->name, "a");
	assert_string_equal(haproxy_cfg_section(&cfg, "frontend", "a")->from, "d");
	assert_int_equal(haproxy_cfg_section(&cfg, "frontend", "b")->number, 3);
	assert_null(haproxy_cfg_section(&cfg, "backend", NULL));
	assert_string_equal(haproxy_line_after(&cfg.lines[0], "crt"), "x");
	assert_null(haproxy_line_after(&cfg.lines[0], "x"));
	assert_true(haproxy_line_has(&cfg.lines[0], "ssl"));
	assert_false(haproxy_line_has(&cfg.lines[0], "crt-list"));
	assert_true(haproxy_line_is(&cfg.lines[0], "bind", ":1"));
	assert_false(haproxy_line_is(&cfg.lines[0], "bind", "ssl"));
	haproxy_cfg_fini(&cfg);
}

static void too_large(void **state)
{
	struct buf text = buf_capped(0);
	struct haproxy_cfg cfg;

	(void)state;
	memset(buf_want(&text, 9u << 20), ' ', 9u << 20);
	buf_added(&text, 9u << 20);
	assert_int_equal(haproxy_cfg_read(buf_slice(&text), "f", 206, &cfg), ERR_LIMIT);
	haproxy_cfg_fini(&cfg);
	text.len = 0;
	for (size_t i = 0; i < 2u << 20; i++)
		buf_put(&text, SLICE_LIT("a \n"));
	assert_int_equal(haproxy_cfg_read(buf_slice(&text), "f", 206, &cfg), ERR_LIMIT);
	haproxy_cfg_fini(&cfg);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(words),
		cmocka_unit_test(lines_that_go_on),
		cmocka_unit_test(scopes_of_an_spoe_file),
		cmocka_unit_test(conditions_on_the_version),
		cmocka_unit_test(conditions_on_anything_else),
		cmocka_unit_test(conditions_too_deep),
		cmocka_unit_test(finds),
		cmocka_unit_test(too_large),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
