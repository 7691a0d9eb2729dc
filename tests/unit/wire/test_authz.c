/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/checks.h"
#include "wire/authz.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct check_pair headers[] = {
	{ "user-agent", "curl/8" }, { "accept", "text/html" }, { NULL, NULL }
};
static const struct check_pair extensions[] = { { "proxy_verdict", "verified" }, { NULL, NULL } };

static struct check whole(void)
{
	return (struct check){ CHECK_GET, .headers = headers, .extensions = extensions,
			       .certificate = SLICE_INIT("-----BEGIN") };
}

static void assert_text(struct slice s, const char *text)
{
	if (!slice_eq(s, slice_str(text)))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_FMT(s), text);
}

static void requests_are_read(void **state)
{
	struct buf b = buf_capped(0);
	struct check check = whole();
	struct authz_request request;

	(void)state;
	check_write(&b, &check);
	assert_int_equal(authz_request_decode(buf_slice(&b), &request), ERR_OK);
	assert_text(request.method, "GET");
	assert_text(request.path, "/");
	assert_text(request.host, "api.example.com");
	assert_text(request.scheme, "https");
	assert_text(request.protocol, "HTTP/1.1");
	assert_text(request.source.address, "192.0.2.7");
	assert_int_equal(request.source.port, 4711);
	assert_text(request.source.certificate, "-----BEGIN");
	assert_text(request.destination.address, "127.0.0.1");
	assert_true(request.has_tls && request.has_request && request.has_http);
	assert_text(request.sni, "api.example.com");
	assert_int_equal(request.header_count, 6);
	assert_text(request.headers[4].name, "user-agent");
	assert_text(request.headers[4].value, "curl/8");
	assert_int_equal(request.extension_count, 1);
	assert_text(request.extensions[0].name, "proxy_verdict");
	assert_text(request.extensions[0].value, "verified");
	buf_fini(&b);
}

static void raw_headers_keep_lines_and_bytes(void **state)
{
	static const struct check_pair lines[] = { { "x-a", "1" }, { "x-a", "\xff" }, { NULL, NULL } };
	struct check check = { CHECK_GET, .headers = lines, .header_map = true };
	struct buf b = buf_capped(0);
	struct authz_request request;

	(void)state;
	check_write(&b, &check);
	assert_int_equal(authz_request_decode(buf_slice(&b), &request), ERR_OK);
	assert_int_equal(request.header_count, 6);
	assert_text(request.headers[5].name, "x-a");
	assert_text(request.headers[5].value, "\xff");
	buf_fini(&b);
}

/* An empty one is what it is when nobody sets it: the other holds. */
static void raw_headers_may_be_empty(void **state)
{
	static const uint32_t path[] = { 1, 4, 2, 13, 1 }; /* attributes, request, http, header_map, headers */
	struct buf b = buf_capped(0);
	struct authz_request request;
	size_t begun[COUNT(path)];

	(void)state;
	for (size_t i = 0; i < COUNT(path); i++)
		begun[i] = pb_begin(&b, path[i]);
	pb_bytes(&b, 1, SLICE_LIT("x-a"));
	pb_bytes(&b, 2, SLICE_LIT("1"));
	pb_bytes(&b, 3, SLICE_EMPTY);
	for (size_t i = COUNT(path); i-- > 0;)
		pb_end(&b, begun[i]);
	assert_int_equal(authz_request_decode(buf_slice(&b), &request), ERR_OK);
	assert_int_equal(request.header_count, 1);
	assert_text(request.headers[0].name, "x-a");
	assert_text(request.headers[0].value, "1");
	buf_fini(&b);
}

static void a_connection_has_no_request(void **state)
{
	struct check check = { .address = "::1", .port = 5, .sni = "mqtt.example.com", .no_request = true,
			       .service = "service.example.com" };
	struct buf b = buf_capped(0);
	struct authz_request request;

	(void)state;
	check_write(&b, &check);
	assert_int_equal(authz_request_decode(buf_slice(&b), &request), ERR_OK);
	assert_false(request.has_request || request.has_http);
	assert_text(request.sni, "mqtt.example.com");
	assert_text(request.destination.service, "service.example.com");
	assert_text(request.source.service, "from-a-header");
	buf_reset(&b);
	check.no_http = true;
	check_write(&b, &check);
	assert_int_equal(authz_request_decode(buf_slice(&b), &request), ERR_OK);
	assert_true(request.has_request);
	assert_false(request.has_http);
	buf_fini(&b);
}

/* attributes { … } */
#define ATTR(len, bytes) SLICE_INIT("\x0a" len bytes)

static void faults_are_refused(void **state)
{
	static const struct {
		struct slice message;
		enum err err;
	} cases[] = {
		{ SLICE_INIT(""), ERR_NOT_FOUND },
		{ SLICE_INIT("\x12\x00"), ERR_NOT_FOUND },
		{ SLICE_INIT("\x08\x00"), ERR_TYPE },
		{ SLICE_INIT("\x0a\x00\x0a\x00"), ERR_DUPLICATE },	      /* attributes */
		{ ATTR("\x04", "\x0a\x00\x0a\x00"), ERR_DUPLICATE },	      /* source */
		{ ATTR("\x04", "\x22\x00\x22\x00"), ERR_DUPLICATE },	      /* request */
		{ ATTR("\x06", "\x22\x04\x12\x00\x12\x00"), ERR_DUPLICATE }, /* request.http */
		{ ATTR("\x04", "\x62\x00\x62\x00"), ERR_DUPLICATE },	      /* tls_session */
		{ ATTR("\x08", "\x62\x06\x0a\x01" "a\x0a\x01" "b"), ERR_DUPLICATE }, /* sni */
		{ ATTR("\x06", "\x0a\x04\x2a\x00\x2a\x00"), ERR_DUPLICATE }, /* source.certificate */
		{ ATTR("\x08", "\x0a\x06\x0a\x04\x0a\x00\x12\x00"), ERR_DUPLICATE }, /* two kinds of address */
		{ ATTR("\x08", "\x22\x06\x12\x04\x12\x00\x12\x00"), ERR_DUPLICATE }, /* method */
		{ ATTR("\x08", "\x22\x06\x12\x04\x1a\x00\x1a\x00"), ERR_DUPLICATE }, /* header "" */
		{ ATTR("\x08", "\x22\x06\x12\x04\x1a\x00\x6a\x00"), ERR_DUPLICATE }, /* headers in both forms */
		{ ATTR("\x04", "\x52\x00\x52\x00"), ERR_DUPLICATE },	      /* context_extensions */
		{ ATTR("\x05", "\x62\x03\x0a\x01\xff"), ERR_FORMAT },	      /* no UTF-8 */
		{ ATTR("\x09", "\x22\x07\x12\x05\x1a\x03\x12\x01\xff"), ERR_FORMAT },
		{ ATTR("\x0b", "\x22\x09\x12\x07\x1a\x05\x0a\x01\xff\x12\x00"), ERR_FORMAT },
		{ ATTR("\x0b", "\x22\x09\x12\x07\x1a\x05\x0a\x00\x12\x01\xff"), ERR_FORMAT },
		{ ATTR("\x0a", "\x22\x08\x12\x06\x1a\x04\x0a\x01" "a\x12"), ERR_SHORT }, /* a header's value */
		{ ATTR("\x0b", "\x22\x09\x12\x07\x1a\x05\x0a\x01" "a\x12\x01"), ERR_SHORT },
		{ ATTR("\x02", "\x08\x01"), ERR_TYPE },
		{ ATTR("\x02", "\x50\x01"), ERR_TYPE },
		{ ATTR("\x06", "\x22\x04\x12\x02\x18\x01"), ERR_TYPE },
		{ ATTR("\x06", "\x0a\x04\x0a\x02\x08\x01"), ERR_TYPE },
		{ ATTR("\x01", "\x0b"), ERR_FORMAT },
		{ ATTR("\x03", "\x62\x01\x0b"), ERR_FORMAT },
		{ ATTR("\x02", "\x62\x01"), ERR_SHORT },
	};
	struct authz_request request;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		/* No octet more than that. */
		uint8_t *exact = malloc(cases[i].message.len + 1);
		enum err err;

		memcpy(exact + 1, cases[i].message.ptr, cases[i].message.len);
		err = authz_request_decode(slice_of(exact + 1, cases[i].message.len), &request);
		free(exact);
		if (err != cases[i].err)
			fail_msg("case %zu: %s", i, err_name(err));
	}
}

/* One header; its message ends as those do that have lengths of one octet. */
static void assert_header(const char *head, unsigned filled, struct slice tail, size_t name_len, size_t value_len)
{
	static const uint32_t path[] = { 1, 4, 2, 3 };
	struct buf b = buf_capped(0);
	struct authz_request request;
	size_t begun[COUNT(path)];

	for (size_t i = 0; i < COUNT(path); i++)
		begun[i] = pb_begin(&b, path[i]);
	buf_str(&b, head);
	for (unsigned i = 0; i < filled; i++)
		buf_u8(&b, 'a');
	buf_put(&b, tail);
	for (size_t i = COUNT(path); i-- > 0;)
		pb_end(&b, begun[i]);
	assert_int_equal(authz_request_decode(buf_slice(&b), &request), ERR_OK);
	assert_int_equal(request.header_count, 1);
	assert_int_equal(request.headers[0].name.len, name_len);
	assert_int_equal(request.headers[0].value.len, value_len);
	buf_fini(&b);
}

static void lengths_of_two_octets_are_read(void **state)
{
	struct buf unknown = buf_capped(0);

	(void)state;
	assert_header("\x0a\x80\x01", 127, SLICE_LIT("\x12" "\x12\x11" "12345678901234567"), 128, 17);
	assert_header("\x0a\x80\x01", 128, SLICE_LIT("\x12\x01" "v"), 128, 1);
	/* A length of nothing, and then a field of 125 octets that nobody knows. */
	buf_put(&unknown, SLICE_LIT("\x0a\x01" "a" "\x12\x80\x00" "\x2a\x7d"));
	for (unsigned i = 0; i < 125; i++)
		buf_u8(&unknown, 'u');
	assert_header("", 0, buf_slice(&unknown), 1, 0);
	buf_fini(&unknown);
}

/* A policy must not depend on how Envoy's later releases grow, nor on metadata: 100 levels of it are bytes. */
static void unknown_fields_and_metadata_are_passed_over(void **state)
{
	struct buf b = buf_capped(0), deep = buf_capped(0);
	struct authz_request request;
	size_t begun;

	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		buf_u8(&deep, 0x2a);
	begun = pb_begin(&b, 1);
	pb_number(&b, 3, 7);
	pb_bytes(&b, 11, buf_slice(&deep));
	pb_bytes(&b, 13, buf_slice(&deep));
	pb_bytes(&b, 99, buf_slice(&deep));
	buf_put(&b, SLICE_LIT("\x81\x10" "12345678\x85\x10" "1234"));
	pb_end(&b, begun);
	assert_int_equal(authz_request_decode(buf_slice(&b), &request), ERR_OK);
	assert_false(request.has_http);
	buf_fini(&b);
	buf_fini(&deep);
}

static enum err decode_many(unsigned count, bool map, const char *last)
{
	struct buf b = buf_capped(0);
	size_t attributes = pb_begin(&b, 1), request = pb_begin(&b, 4), http = pb_begin(&b, 2);
	size_t list = map ? pb_begin(&b, 13) : 0, pair;
	struct authz_request out;
	enum err err;

	for (unsigned i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x-%u", i);
		pair = pb_begin(&b, map ? 1 : 3);
		pb_bytes(&b, 1, slice_str(i + 1 == count && last ? last : name));
		pb_end(&b, pair);
	}
	if (map)
		pb_end(&b, list);
	pb_end(&b, http);
	pb_end(&b, request);
	pb_end(&b, attributes);
	err = authz_request_decode(buf_slice(&b), &out);
	buf_fini(&b);
	return err;
}

static void headers_are_counted_and_all_different(void **state)
{
	(void)state;
	assert_int_equal(decode_many(AUTHZ_HEADERS_MAX, false, NULL), ERR_OK);
	assert_int_equal(decode_many(AUTHZ_HEADERS_MAX + 1, false, NULL), ERR_LIMIT);
	assert_int_equal(decode_many(AUTHZ_HEADERS_MAX, true, NULL), ERR_OK);
	assert_int_equal(decode_many(AUTHZ_HEADERS_MAX + 1, true, NULL), ERR_LIMIT);
	for (unsigned i = 0; i < 200; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x-%u", i);
		assert_int_equal(decode_many(201, false, name), ERR_DUPLICATE);
		assert_int_equal(decode_many(201, true, name), ERR_OK);
	}
}

/* Cut anywhere, a request is refused or reads as one that lacks what was cut off. */
static void cut_requests_are_refused(void **state)
{
	struct buf b = buf_capped(0);
	struct check check = whole();
	struct authz_request request;

	(void)state;
	check_write(&b, &check);
	for (size_t n = 0; n < b.len; n++)
		assert_int_not_equal(authz_request_decode(slice_of(b.ptr, n), &request), ERR_OK);
	buf_fini(&b);
}

static void assert_bytes(struct buf *b, struct slice bytes)
{
	if (!slice_eq(buf_slice(b), bytes))
		fail_msg("%zu bytes, not the %zu expected", b->len, bytes.len);
	buf_reset(b);
}

static void answers_have_the_canonical_bytes(void **state)
{
	struct buf b = buf_capped(0);

	(void)state;
	authz_put_status(&b, AUTHZ_OK);
	authz_end(&b, authz_begin_ok(&b));
	assert_bytes(&b, SLICE_LIT("\x0a\x00\x1a\x00"));
	authz_put_status(&b, AUTHZ_PERMISSION_DENIED);
	authz_end(&b, authz_begin_denied(&b, 403));
	assert_bytes(&b, SLICE_LIT("\x0a\x02\x08\x07\x12\x05\x0a\x03\x08\x93\x03"));
	authz_put_status(&b, AUTHZ_UNAUTHENTICATED);
	authz_end(&b, authz_begin_denied(&b, 401));
	assert_bytes(&b, SLICE_LIT("\x0a\x02\x08\x10\x12\x05\x0a\x03\x08\x91\x03"));
	authz_put_header(&b, AUTHZ_HEADERS, SLICE_LIT("x-a"), SLICE_LIT("1"), false);
	assert_bytes(&b, SLICE_LIT("\x12\x0c\x0a\x08\x0a\x03x-a\x12\x01" "1\x12\x00"));
	authz_put_header(&b, AUTHZ_HEADERS, SLICE_LIT("x-a"), SLICE_LIT("1"), true);
	assert_bytes(&b, SLICE_LIT("\x12\x0e\x0a\x08\x0a\x03x-a\x12\x01" "1\x12\x02\x08\x01"));
	authz_put_removal(&b, SLICE_LIT("x-a"));
	assert_bytes(&b, SLICE_LIT("\x2a\x03x-a"));
	authz_put_body(&b, SLICE_LIT("no"));
	authz_put_body(&b, SLICE_EMPTY);
	assert_bytes(&b, SLICE_LIT("\x1a\x02no"));
	buf_fini(&b);
}

static void metadata_is_a_struct_of_strings(void **state)
{
	struct buf b = buf_capped(0);
	size_t begun = authz_begin_metadata(&b);

	(void)state;
	authz_put_metadata(&b, SLICE_LIT("id"), SLICE_LIT("42"));
	authz_end(&b, begun);
	assert_bytes(&b, SLICE_LIT("\x22\x0c\x0a\x0a\x0a\x02id\x12\x04\x1a\x02" "42"));
	buf_fini(&b);
}

/* The bare denial is what stands there whenever nothing better does: it denies. */
static void the_bare_denial_denies(void **state)
{
	struct reader r = reader_of(authz_bare_deny);
	struct pb_field field;

	(void)state;
	assert_true(pb_next(&r, &field));
	assert_int_equal(field.number, 1);
	assert_true(slice_eq(field.bytes, SLICE_LIT("\x08\x07")));
	assert_true(pb_next(&r, &field));
	assert_int_equal(field.number, 2);
	assert_false(pb_next(&r, &field));
	assert_int_equal(reader_err(&r), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_are_refused),
		cmocka_unit_test(lengths_of_two_octets_are_read),
		cmocka_unit_test(cut_requests_are_refused),
		cmocka_unit_test(headers_are_counted_and_all_different),
		cmocka_unit_test(unknown_fields_and_metadata_are_passed_over),
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(raw_headers_keep_lines_and_bytes),
		cmocka_unit_test(raw_headers_may_be_empty),
		cmocka_unit_test(a_connection_has_no_request),
		cmocka_unit_test(answers_have_the_canonical_bytes),
		cmocka_unit_test(metadata_is_a_struct_of_strings),
		cmocka_unit_test(the_bare_denial_denies),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
