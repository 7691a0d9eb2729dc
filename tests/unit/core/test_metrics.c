/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/metrics.h"

static size_t bucket_for(int64_t ns)
{
	struct metrics metrics = { 0 };
	size_t i = 0;

	metrics_decision(&metrics, VERDICT_ALLOW, REASON_ALLOWED, ns);
	while (metrics.buckets[i] == 0)
		i++;
	return i;
}

static void buckets_hold_what_is_up_to_their_bound(void **state)
{
	(void)state;
	assert_int_equal(bucket_for(-5), 0);
	assert_int_equal(bucket_for(0), 0);
	assert_int_equal(bucket_for(1), 0);
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		assert_int_equal(bucket_for(metrics_bound_ns(i)), i);
		assert_int_equal(bucket_for(metrics_bound_ns(i) + 1), i + 1);
	}
	assert_int_equal(bucket_for(INT64_MAX), METRICS_BUCKETS);
}

static void loops_are_summed(void **state)
{
	static struct metrics a, b;
	const struct metrics *const loops[] = { &a, &b };
	struct buf out = buf_capped(0);
	const char *text;

	(void)state;
	metrics_decision(&a, VERDICT_ALLOW, REASON_ALLOWED, 500);
	metrics_decision(&b, VERDICT_ALLOW, REASON_ALLOWED, 1500);
	metrics_decision(&b, VERDICT_DENY, REASON_CERTIFICATE_REQUIRED, 500);
	metric_add(&a.observed[REASON_BAD_REQUEST], 3);
	metrics_write(&out, loops, 2);
	buf_u8(&out, 0);
	text = (const char *)out.ptr;
	assert_non_null(strstr(text, "mtlsguard_decisions_total{verdict=\"allow\",reason=\"allowed\"} 2\n"));
	assert_non_null(strstr(text, "{verdict=\"deny\",reason=\"certificate_required\"} 1\n"));
	assert_non_null(strstr(text, "{verdict=\"deny\",reason=\"overloaded\"} 0\n"));
	assert_non_null(strstr(text, "mtlsguard_observed_total{reason=\"bad_request\"} 3\n"));
	assert_non_null(strstr(text, "mtlsguard_decision_seconds_bucket{le=\"1e-06\"} 2\n"));
	assert_non_null(strstr(text, "mtlsguard_decision_seconds_bucket{le=\"2e-06\"} 3\n"));
	assert_non_null(strstr(text, "mtlsguard_decision_seconds_bucket{le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(text, "mtlsguard_decision_seconds_count 3\n"));
	assert_non_null(strstr(text, "mtlsguard_decision_seconds_sum 0.000002500\n"));
	assert_null(strstr(text, "{verdict=\"allow\",reason=\"overloaded\"}"));
	buf_fini(&out);
}

/* OpenMetrics: a family's lines stand together, with its type first. */
static void every_sample_has_its_type_above_it(void **state)
{
	static struct metrics none;
	const struct metrics *const loops[] = { &none };
	struct buf out = buf_capped(0);
	char family[128] = "", *line, *rest;

	(void)state;
	metrics_write(&out, loops, 1);
	buf_u8(&out, 0);
	for (line = strtok_r((char *)out.ptr, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "# TYPE %127s", family) == 1 || strncmp(line, "# HELP ", 7) == 0)
			continue;
		assert_true(strncmp(line, family, strlen(family)) == 0);
	}
	buf_fini(&out);
}

static void one_counter_and_one_gauge(void **state)
{
	struct buf out = buf_capped(0);

	(void)state;
	metrics_one(&out, "a_b", "counter", "Words.", 7);
	metrics_one(&out, "c", "gauge", "More.", UINT64_MAX);
	buf_u8(&out, 0);
	assert_string_equal((const char *)out.ptr, "# TYPE a_b counter\n# HELP a_b Words.\na_b_total 7\n"
			    "# TYPE c gauge\n# HELP c More.\nc 18446744073709551615\n");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_hold_what_is_up_to_their_bound),
		cmocka_unit_test(loops_are_summed),
		cmocka_unit_test(every_sample_has_its_type_above_it),
		cmocka_unit_test(one_counter_and_one_gauge),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
