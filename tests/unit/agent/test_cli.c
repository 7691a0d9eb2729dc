/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli.h"
#include "cmd.h"

struct parsed {
	bool flag;
	const char *text;
	struct cli_list list, arguments;
	int code;
};

static struct parsed parse(int argc, const char *const *words)
{
	struct parsed p = { 0 };
	const struct cli_option rows[] = {
		{ "flag", 'f', NULL, "a flag", &p.flag, NULL, NULL },
		{ "text", 't', "TEXT", "a text", NULL, &p.text, NULL },
		{ "list", 0, "ITEM", "a list", NULL, NULL, &p.list },
		{ 0 },
	};
	const struct cli_command command = { "test", "", "About.", rows };

	p.code = cli_parse(&command, argc, (char **)(uintptr_t)words, &p.arguments);
	return p;
}

#define PARSE(...) parse((int)(sizeof((const char *[]){ "test", __VA_ARGS__ }) / sizeof(char *)), \
			 (const char *[]){ "test", __VA_ARGS__ })

static void done(struct parsed *p)
{
	cli_list_fini(&p->list);
	cli_list_fini(&p->arguments);
}

static void assert_wrong(struct parsed p)
{
	assert_int_equal(p.code, EXIT_WRONG_USAGE);
	done(&p);
}

static void refuses(void **state)
{
	(void)state;
	assert_wrong(PARSE("--flg"));
	assert_wrong(PARSE("--flag=1"));
	assert_wrong(PARSE("--text"));
	assert_wrong(PARSE("--text", "a", "-t", "b"));
	assert_wrong(PARSE("-x"));
	assert_wrong(PARSE("-ft"));
	assert_wrong(PARSE("--list"));
	assert_wrong(PARSE("--=x"));
}

static void takes(void **state)
{
	struct parsed p = PARSE("-f", "--text=a=b", "--list", "1", "--list=2", "one", "-", "--", "--flag");

	(void)state;
	assert_int_equal(p.code, CLI_GO_ON);
	assert_true(p.flag);
	assert_string_equal(p.text, "a=b");
	assert_int_equal(p.list.count, 2);
	assert_string_equal(p.list.items[1], "2");
	assert_int_equal(p.arguments.count, 3);
	assert_string_equal(p.arguments.items[1], "-");
	assert_string_equal(p.arguments.items[2], "--flag");
	done(&p);
}

static void faults_are_sorted_and_told_once(void **state)
{
	struct diag_list diag = { 0 };

	(void)state;
	diag_add(&diag, DIAG_ERROR, "b", 2, NULL, "two");
	diag_add(&diag, DIAG_LINT, "a", 9, NULL, "nine");
	diag_add(&diag, DIAG_ERROR, "b", 2, "hint", "two");
	diag_add(&diag, DIAG_ERROR, "b", 1, NULL, "one");
	diag_add(&diag, DIAG_WARNING, NULL, 0, NULL, "nowhere");
	cli_sort_faults(&diag);
	assert_int_equal(diag.count, 4);
	assert_int_equal(diag.errors, 2);
	assert_null(diag.items[0].file);
	assert_string_equal(diag.items[1].message, "nine");
	assert_string_equal(diag.items[2].message, "one");
	assert_string_equal(diag.items[3].message, "two");
	diag_fini(&diag);
}

static void bytes_that_are_no_text_become_json(void **state)
{
	json_t *value = cli_json_text(slice_of("a\xff\0b", 4));

	(void)state;
	assert_non_null(value);
	assert_int_equal(json_string_length(value), 6);
	assert_memory_equal(json_string_value(value), "a\xef\xbf\xbd\0b", 6);
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(takes),
		cmocka_unit_test(faults_are_sorted_and_told_once),
		cmocka_unit_test(bytes_that_are_no_text_become_json),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
