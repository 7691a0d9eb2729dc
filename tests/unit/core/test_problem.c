/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/problem.h"
#include "lib/bytes.h"

static struct arena arena;
static struct request req;

/* A refusal of a client that accepts this; NULL: the proxy doesn't say. */
static void refuse(enum reason reason, const char *accept, bool tell_reason)
{
	arena_fini(&arena);
	arena_init(&arena, 65536);
	request_init(&req, &arena);
	if (accept)
		assert_int_equal(request_set_arg(&req, SLICE_LIT("hdr_accept"), (struct value){
			.kind = VALUE_TEXT, .bytes = slice_str(accept) }), ERR_OK);
	req.verdict.reason = reason;
	req.verdict.status = reason_status(reason);
	req.verdict.id = SLICE_LIT("0123456789abcdef01234567");
	problem_write(&req, tell_reason);
}

static int stop(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void forms_by_accept(void **state)
{
	static const struct {
		const char *accept;
		enum problem_form form;
	} cases[] = {
		{ "", PROBLEM_JSON },
		{ "*/*", PROBLEM_JSON },
		{ "image/png", PROBLEM_JSON },
		{ "text/html", PROBLEM_HTML },
		{ "TEXT/HTML", PROBLEM_HTML },
		{ "text/plain", PROBLEM_TEXT },
		{ "text/*", PROBLEM_TEXT },
		{ "application/json", PROBLEM_JSON },
		{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PROBLEM_HTML },
		{ "application/problem+json;q=0.1, text/html;q=0.2", PROBLEM_HTML },
		{ "text/html;q=0.2, text/plain;q=0.3, application/*;q=0.1", PROBLEM_TEXT },
		{ "text/html;q=0, */*", PROBLEM_JSON },
		{ "text/html;level=1;q=0.5, application/json;q=0.4", PROBLEM_HTML },
		{ "text/html;q=0.5, application/json;q=0.5", PROBLEM_JSON },
		{ "text/html;q=1.0, application/json;q=0.999", PROBLEM_HTML },
		{ "text/plain;q=0.01, text/html;q=0.001, application/json;q=0", PROBLEM_TEXT },
		{ ";;;,,q=,;q=;q=x, text/html", PROBLEM_HTML },
		{ "text/html;q=", PROBLEM_HTML },
		{ "*/*;q=0.5, text/html;Q=0.9", PROBLEM_HTML },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(problem_form(slice_str(cases[i].accept)), cases[i].form);
}

static void json_for_every_reason(void **state)
{
	(void)state;
	for (enum reason reason = 0; reason < REASON_WORKER_RESPONSE; reason++) {
		char type[64];
		json_t *json;

		if (reason == REASON_ALLOWED)
			continue;
		refuse(reason, NULL, true);
		json = json_loadb((const char *)req.verdict.body.ptr, req.verdict.body.len,
				  JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(json);
		assert_int_equal(json_object_size(json), 5);
		snprintf(type, sizeof(type), "urn:mtlsguard:%s", reason_name(reason));
		assert_string_equal(json_string_value(json_object_get(json, "type")), type);
		assert_string_equal(json_string_value(json_object_get(json, "title")), reason_title(reason));
		assert_int_equal(json_integer_value(json_object_get(json, "status")), reason_status(reason));
		assert_string_equal(json_string_value(json_object_get(json, "reason")), reason_name(reason));
		assert_string_equal(json_string_value(json_object_get(json, "id")), "0123456789abcdef01234567");
		json_decref(json);
		assert_slice(req.verdict.content_type, "application/problem+json");
	}
}

static bool holds(const char *text)
{
	struct slice s = slice_str(text), body = req.verdict.body;

	for (size_t i = 0; i + s.len <= body.len; i++)
		if (slice_eq(slice_sub(body, i, s.len), s))
			return true;
	return false;
}

/* refusals.detail = "id": nothing of the reason, in any form or for any status. */
static void the_id_alone(void **state)
{
	static const char *const accepts[] = { "application/json", "text/plain", "text/html" };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (enum reason reason = REASON_HOST_UNKNOWN; reason < REASON_WORKER_RESPONSE; reason++) {
			refuse(reason, accepts[i], false);
			assert_true(holds("0123456789abcdef01234567"));
			assert_false(holds(reason_name(reason)));
			assert_false(holds(reason_title(reason)));
			assert_false(holds("ertificate"));
		}
}

static void text_and_html(void **state)
{
	(void)state;
	refuse(REASON_CERTIFICATE_REQUIRED, "text/plain", true);
	assert_slice(req.verdict.body, "403 A client certificate is required\nreason: certificate_required\n"
				       "id: 0123456789abcdef01234567\n");
	assert_slice(req.verdict.content_type, "text/plain; charset=utf-8");
	refuse(REASON_CERTIFICATE_REQUIRED, "text/html", true);
	assert_true(holds("<title>403 A client certificate is required</title>"));
	assert_true(holds("<code>certificate_required</code>"));
	assert_true(holds("<code>0123456789abcdef01234567</code>"));
	assert_slice(req.verdict.content_type, "text/html; charset=utf-8");
}

static void headers_of_the_answer(void **state)
{
	struct header_cursor cursor = { 0 };
	struct slice name, value;

	(void)state;
	refuse(REASON_BAD_REQUEST, NULL, true);
	assert_true(header_block_next_pair(&req.verdict.res_set, &cursor, &name, &value));
	assert_slice(name, "content-type");
	assert_slice(value, "application/problem+json");
	assert_true(header_block_next_pair(&req.verdict.res_set, &cursor, &name, &value));
	assert_slice(name, "cache-control");
	assert_slice(value, "no-store");
	assert_false(header_block_next_pair(&req.verdict.res_set, &cursor, &name, &value));
}

static void without_memory_there_is_no_body(void **state)
{
	(void)state;
	arena_fini(&arena);
	arena_init(&arena, 100);
	request_init(&req, &arena);
	req.verdict.reason = REASON_BAD_REQUEST;
	problem_write(&req, true);
	assert_int_equal(req.verdict.body.len, 0);
	assert_int_equal(req.verdict.res_set.count, 0);
	assert_int_equal(req.verdict.content_type.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_memory_there_is_no_body),
		cmocka_unit_test(the_id_alone),
		cmocka_unit_test(forms_by_accept),
		cmocka_unit_test(json_for_every_reason),
		cmocka_unit_test(text_and_html),
		cmocka_unit_test(headers_of_the_answer),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, stop);
}
