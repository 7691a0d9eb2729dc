/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "svc/bulk.h"

#define FIVE SLICE_LIT("12345")

static void takes_no_more_than_it_may(void **state)
{
	struct bulk bulk = { 0 };

	(void)state;
	assert_int_equal(bulk_put(&bulk, FIVE, 10), ERR_OK);
	assert_int_equal(bulk_put(&bulk, FIVE, 9), ERR_LIMIT);
	assert_int_equal(bulk_put(&bulk, FIVE, 10), ERR_OK);
	assert_int_equal(bulk_put(&bulk, SLICE_LIT("6"), 10), ERR_LIMIT);
	assert_true(slice_eq(bulk_slice(&bulk), SLICE_LIT("1234512345")));
	bulk_fini(&bulk);
}

/* What one holds is taken from what another may have, until it is given back; what was refused is not counted. */
static void budgets_bound_what_is_held_together(void **state)
{
	struct bulk_budget *all = bulk_budget_new(NULL, 15), *each = bulk_budget_new(all, 9), *other = bulk_budget_new(all, 20);
	struct bulk a = { .budget = each }, b = { .budget = each }, c = { .budget = other };

	(void)state;
	assert_int_equal(bulk_put(&a, FIVE, 100), ERR_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(bulk_put(&b, FIVE, 100), ERR_MEMORY);
	assert_int_equal(bulk_put(&c, FIVE, 100), ERR_OK);
	assert_int_equal(bulk_put(&c, FIVE, 100), ERR_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(bulk_put(&c, SLICE_LIT("1"), 100), ERR_MEMORY);
	assert_int_equal(c.len, 10);
	bulk_fini(&a);
	assert_int_equal(bulk_put(&b, FIVE, 100), ERR_OK);
	bulk_fini(&b);
	bulk_fini(&c);
	bulk_budget_end(each);
	bulk_budget_end(other);
	bulk_budget_end(all);
}

/* An authority goes while the worker has a list of it: its bytes count above until they are given back. */
static void a_budget_stays_for_what_it_holds(void **state)
{
	struct bulk_budget *all = bulk_budget_new(NULL, 15), *each = bulk_budget_new(all, 15), *other = bulk_budget_new(all, 15);
	struct bulk a = { .budget = each }, b = { .budget = each }, c = { .budget = other };

	(void)state;
	assert_int_equal(bulk_put(&a, FIVE, 100), ERR_OK);
	assert_int_equal(bulk_put(&b, FIVE, 100), ERR_OK);
	bulk_budget_end(each);
	bulk_fini(&a);
	assert_int_equal(bulk_put(&c, SLICE_LIT("12345678901"), 100), ERR_MEMORY);
	bulk_fini(&b);
	assert_int_equal(bulk_put(&c, SLICE_LIT("123456789012345"), 100), ERR_OK);
	bulk_fini(&c);
	bulk_budget_end(other);
	bulk_budget_end(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_no_more_than_it_may),
		cmocka_unit_test(budgets_bound_what_is_held_together),
		cmocka_unit_test(a_budget_stays_for_what_it_holds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
