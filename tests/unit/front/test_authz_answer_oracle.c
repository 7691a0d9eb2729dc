/* SPDX-License-Identifier: Apache-2.0 */
/* CheckResponses that the agent writes, as libprotobuf-c reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "front/authz_answer.h"
#include "lib/authz.pb-c.h"
#include "lib/bytes.h"
#include "lib/chance.h"
#include "wire/authz.h"

#define ANSWERS 2000
#define LINES_MAX 16

static struct chance chance;
static struct arena arena;

struct line {
	struct slice name, value;
	bool append;
};

struct lines {
	size_t count;
	struct line lines[LINES_MAX];
};

static struct slice some_text(void)
{
	static uint8_t room[20000];

	return arena_copy(&arena, chance_text(&chance, room));
}

/* Lines of different names; `mark` is the first letter of them. */
static void make_lines(struct lines *out, char mark)
{
	out->count = chance_below(&chance, LINES_MAX);
	for (size_t i = 0; i < out->count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%c-%zu", mark, i);
		out->lines[i] = (struct line){ arena_copy(&arena, slice_str(name)), some_text(),
					       chance_once_in(&chance, 2) };
	}
}

/* The message of `bytes`, whose every field is one that Envoy knows too. */
static Oracle__CheckResponse *unpack(struct slice bytes)
{
	Oracle__CheckResponse *response = oracle__check_response__unpack(NULL, bytes.len, bytes.ptr);

	assert_non_null(response);
	assert_int_equal(response->base.n_unknown_fields, 0);
	assert_non_null(response->status);
	assert_int_equal(response->status->base.n_unknown_fields, 0);
	return response;
}

static void assert_same(ProtobufCBinaryData theirs, struct slice wanted)
{
	assert_bytes(slice_of(theirs.data, theirs.len), wanted);
}

static void compare_lines(size_t count, Oracle__HeaderOption **options, const struct lines *wanted)
{
	assert_int_equal(count, wanted->count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(options[i]->base.n_unknown_fields + options[i]->header->base.n_unknown_fields, 0);
		assert_same(options[i]->header->key, wanted->lines[i].name);
		assert_same(options[i]->header->value, wanted->lines[i].value);
		assert_int_equal(options[i]->header->raw_value.len, 0);
		/* Left out it has meant different things. */
		assert_non_null(options[i]->append);
		assert_int_equal(options[i]->append->value, wanted->lines[i].append);
		assert_int_equal(options[i]->append_action, 0);
	}
}

static void compare_metadata(const Oracle__Struct *metadata, const struct lines *wanted)
{
	assert_non_null(metadata);
	assert_int_equal(metadata->n_fields, wanted->count);
	for (size_t i = 0; i < wanted->count; i++) {
		assert_same(metadata->fields[i]->key, wanted->lines[i].name);
		assert_int_equal(metadata->fields[i]->value->kind_case, ORACLE__VALUE__KIND_TEXT);
		assert_same(metadata->fields[i]->value->text, wanted->lines[i].value);
	}
}

static const Oracle__Denied *denied_of(const Oracle__CheckResponse *response, int status)
{
	assert_int_equal(response->answer_case, ORACLE__CHECK_RESPONSE__ANSWER_DENIED);
	assert_int_equal(response->denied->base.n_unknown_fields, 0);
	assert_non_null(response->denied->status);
	assert_int_equal(response->denied->status->code, status);
	return response->denied;
}

static int begin(void **state)
{
	(void)state;
	chance.state = 20261125;
	arena_init(&arena, 16 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void put_lines(struct buf *b, enum authz_header_field field, const struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		authz_put_header(b, field, lines->lines[i].name, lines->lines[i].value, lines->lines[i].append);
}

static void the_parts_are_what_was_written(void **state)
{
	struct buf b = buf_capped(0);

	(void)state;
	for (unsigned i = 0; i < ANSWERS; i++) {
		struct lines set, response_set, metadata;
		Oracle__CheckResponse *response;
		size_t begun;

		arena_reset(&arena);
		buf_reset(&b);
		make_lines(&set, 'a');
		make_lines(&response_set, 'b');
		make_lines(&metadata, 'c');
		authz_put_status(&b, AUTHZ_OK);
		begun = authz_begin_ok(&b);
		put_lines(&b, AUTHZ_HEADERS, &set);
		for (size_t j = 0; j < metadata.count; j++)
			authz_put_removal(&b, metadata.lines[j].name);
		put_lines(&b, AUTHZ_RESPONSE_HEADERS, &response_set);
		authz_end(&b, begun);
		begun = authz_begin_metadata(&b);
		for (size_t j = 0; j < metadata.count; j++)
			authz_put_metadata(&b, metadata.lines[j].name, metadata.lines[j].value);
		authz_end(&b, begun);
		response = unpack(buf_slice(&b));
		assert_int_equal(response->answer_case, ORACLE__CHECK_RESPONSE__ANSWER_OK);
		compare_lines(response->ok->n_headers, response->ok->headers, &set);
		compare_lines(response->ok->n_response_headers, response->ok->response_headers, &response_set);
		assert_int_equal(response->ok->n_headers_to_remove, metadata.count);
		for (size_t j = 0; j < metadata.count; j++)
			assert_same(response->ok->headers_to_remove[j], metadata.lines[j].name);
		compare_metadata(response->metadata, &metadata);
		oracle__check_response__free_unpacked(response, NULL);
	}
	buf_fini(&b);
}

static void the_bare_denial_is_one(void **state)
{
	Oracle__CheckResponse *response = unpack(authz_bare_deny);
	const Oracle__Denied *denied = denied_of(response, 403);

	(void)state;
	assert_int_equal(response->status->code, AUTHZ_PERMISSION_DENIED);
	assert_int_equal(denied->n_headers + denied->body.len, 0);
	oracle__check_response__free_unpacked(response, NULL);
}

/* A block of the names alone, or of the pairs, of those lines whose place in `which` has a bit. */
static struct slice block_of(const struct lines *lines, bool pairs, unsigned which)
{
	struct buf b = buf_capped(0);
	struct slice block;

	for (size_t i = 0; i < lines->count; i++) {
		if (!(which >> i & 1))
			continue;
		buf_varstr(&b, lines->lines[i].name);
		if (pairs)
			buf_varstr(&b, lines->lines[i].value);
	}
	block = arena_copy(&arena, buf_slice(&b));
	buf_fini(&b);
	return block;
}

static void add(struct header_block *block, struct slice part)
{
	assert_int_equal(header_block_add(block, part), ERR_OK);
}

/* The client has sent the lines in `sent`; those in `gone` are removed before they are set. */
static void take_headers(struct request *req, const struct lines *lines, unsigned sent, unsigned gone)
{
	struct slice pairs = block_of(lines, true, sent);
	uint8_t *p = arena_take(&arena, pairs.len + 2);

	assert_non_null(p);
	if (pairs.len)
		memcpy(p, pairs.ptr, pairs.len);
	memcpy(p + pairs.len, "\0\0", 2);
	req->args[ARG_HEADERS] = (struct value){ .kind = VALUE_BINARY, .bytes = slice_of(p, pairs.len + 2) };
	add(&req->verdict.req_set, block_of(lines, true, ~0u));
	add(&req->verdict.req_del, block_of(lines, false, gone));
}

static void make_request(struct request *req, enum verdict_kind kind, enum reason reason)
{
	arena_reset(&arena);
	request_init(req, &arena);
	verdict_clear(&req->verdict);
	req->verdict.kind = kind;
	req->verdict.reason = reason;
	req->verdict.id = SLICE_LIT("0123456789abcdef");
	req->verdict.status = reason_status(reason);
}

static Oracle__CheckResponse *encoded(const struct request *req, unsigned *undeletable)
{
	struct buf b = buf_capped(0);
	Oracle__CheckResponse *response;
	const struct lines told = {
		3, { { SLICE_INIT("verdict"), slice_str(verdict_name(req->verdict.kind)), false },
		     { SLICE_INIT("reason"), slice_str(reason_name(req->verdict.reason)), false },
		     { SLICE_INIT("id"), req->verdict.id, false } }
	};

	assert_int_equal(authz_answer_encode(&b, req, undeletable), ERR_OK);
	response = unpack(buf_slice(&b));
	compare_metadata(response->metadata, &told);
	buf_fini(&b);
	return response;
}

static void only_an_allow_has_code_0(void **state)
{
	struct request req;

	(void)state;
	for (int kind = VERDICT_DENY; kind <= VERDICT_RESPOND; kind++) {
		for (int reason = 0; reason < REASON_COUNT; reason++) {
			bool allowed = kind == VERDICT_ALLOW && reason == REASON_ALLOWED;
			Oracle__CheckResponse *response;
			unsigned undeletable;

			make_request(&req, (enum verdict_kind)kind, (enum reason)reason);
			response = encoded(&req, &undeletable);
			assert_int_equal(response->status->code == 0, allowed);
			assert_int_equal(response->answer_case == ORACLE__CHECK_RESPONSE__ANSWER_OK, allowed);
			oracle__check_response__free_unpacked(response, NULL);
		}
	}
}

static void allows_say_what_the_verdict_does(void **state)
{
	struct request req;

	(void)state;
	for (unsigned i = 0; i < ANSWERS; i++) {
		struct lines set, removed, response_set;
		unsigned sent = (unsigned)chance_below(&chance, 1u << LINES_MAX);
		unsigned gone = (unsigned)chance_below(&chance, 1u << LINES_MAX);
		Oracle__CheckResponse *response;
		unsigned undeletable;

		make_request(&req, VERDICT_ALLOW, REASON_ALLOWED);
		make_lines(&set, 'a');
		make_lines(&removed, 'b');
		make_lines(&response_set, 'c');
		take_headers(&req, &set, sent, gone);
		add(&req.verdict.req_del, block_of(&removed, false, ~0u));
		add(&req.verdict.res_set, block_of(&response_set, true, ~0u));
		add(&req.verdict.res_del, block_of(&response_set, false, gone));
		add(&req.verdict.res_del, block_of(&removed, false, ~0u));
		for (unsigned j = 0; j < LINES_MAX; j++) {
			set.lines[j].append = (sent & ~gone) >> j & 1;
			response_set.lines[j].append = ~gone >> j & 1;
		}
		response = encoded(&req, &undeletable);
		assert_int_equal(response->status->code, 0);
		assert_int_equal(undeletable, removed.count);
		compare_lines(response->ok->n_headers, response->ok->headers, &set);
		compare_lines(response->ok->n_response_headers, response->ok->response_headers, &response_set);
		assert_int_equal(response->ok->n_headers_to_remove, removed.count);
		for (size_t j = 0; j < removed.count; j++)
			assert_same(response->ok->headers_to_remove[j], removed.lines[j].name);
		oracle__check_response__free_unpacked(response, NULL);
	}
}

static void refusals_say_what_the_verdict_does(void **state)
{
	static const struct {
		int status, told;
	} statuses[] = { { 0, 403 }, { 42, 403 }, { 199, 403 }, { 200, 200 }, { 302, 302 }, { 401, 401 }, { 599, 599 }, { 600, 403 } };
	struct request req;

	(void)state;
	for (unsigned i = 0; i < ANSWERS; i++) {
		size_t which = chance_below(&chance, sizeof(statuses) / sizeof(statuses[0]));
		Oracle__CheckResponse *response;
		const Oracle__Denied *denied;
		struct lines set;
		unsigned undeletable;

		make_request(&req, i % 2 ? VERDICT_DENY : VERDICT_RESPOND,
			     i % 2 ? REASON_CERTIFICATE_INVALID : REASON_WORKER_RESPONSE);
		make_lines(&set, 'a');
		for (size_t j = 0; j < LINES_MAX; j++)
			set.lines[j].append = false;
		add(&req.verdict.res_set, block_of(&set, true, ~0u));
		req.verdict.status = statuses[which].status;
		req.verdict.body = some_text();
		response = encoded(&req, &undeletable);
		assert_int_equal(response->status->code,
				 statuses[which].status == 401 ? AUTHZ_UNAUTHENTICATED : AUTHZ_PERMISSION_DENIED);
		denied = denied_of(response, statuses[which].told);
		compare_lines(denied->n_headers, denied->headers, &set);
		assert_same(denied->body, req.verdict.body);
		oracle__check_response__free_unpacked(response, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bare_denial_is_one),
		cmocka_unit_test(only_an_allow_has_code_0),
		cmocka_unit_test(the_parts_are_what_was_written),
		cmocka_unit_test(allows_say_what_the_verdict_does),
		cmocka_unit_test(refusals_say_what_the_verdict_does),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, end);
}
