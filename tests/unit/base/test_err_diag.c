/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/err.h"

static void test_errors_outside_the_table(void **state)
{
	(void)state;
	assert_string_equal(err_name((enum err)ERR_COUNT), "unknown");
	assert_string_equal(err_name((enum err)-1), "unknown");
	assert_non_null(err_text((enum err)4711));
	assert_int_equal(err_class((enum err)4711), ERR_CLASS_INTERNAL);
}

static void test_every_error_has_its_row(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_COUNT; i++) {
		assert_non_null(err_name((enum err)i));
		assert_non_null(err_text((enum err)i));
		assert_true((err_class((enum err)i) == ERR_CLASS_NONE) == (i == ERR_OK));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(err_name((enum err)i), err_name((enum err)j));
	}
}

static void test_faults_are_copied_and_counted(void **state)
{
	struct diag_list list = { 0 };
	char file[] = "a.lua", hint[] = "try this";

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		diag_add(&list, i % 2 ? DIAG_WARNING : DIAG_ERROR, i % 3 ? file : NULL, i,
			 i % 5 ? hint : NULL, "fault %u of %s", i, "many");
	file[0] = hint[0] = 'X';
	assert_int_equal(list.count, 100);
	assert_int_equal(list.errors, 50);
	assert_null(list.items[0].file);
	assert_null(list.items[0].hint);
	assert_string_equal(list.items[1].file, "a.lua");
	assert_string_equal(list.items[1].hint, "try this");
	assert_string_equal(list.items[99].message, "fault 99 of many");
	assert_int_equal(list.items[99].line, 99);
	assert_int_equal(list.items[99].severity, DIAG_WARNING);
	diag_fini(&list);
	assert_int_equal(list.count, 0);
	diag_fini(&list);
}

static void test_names_of_severities(void **state)
{
	(void)state;
	assert_string_equal(diag_severity_name(DIAG_ERROR), "error");
	assert_string_equal(diag_severity_name(DIAG_WARNING), "warning");
	assert_string_equal(diag_severity_name(DIAG_LINT), "lint");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_outside_the_table),
		cmocka_unit_test(test_every_error_has_its_row),
		cmocka_unit_test(test_faults_are_copied_and_counted),
		cmocka_unit_test(test_names_of_severities),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
