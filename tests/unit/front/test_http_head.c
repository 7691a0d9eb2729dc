/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "lib/http_rig.h"
#include "lib/io.h"

#define API HTTP_ASK("api.example.com", "/")
#define GET "GET /auth/envoy/ HTTP/1.1\r\n"
#define HOST "Host: api.example.com\r\n"
#define TEXT_OF(literal) { literal, sizeof(literal) - 1 }

static struct http_rig *end;

static int start(void **state)
{
	(void)state;
	end = http_rig_new();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	http_rig_free(end);
	return 0;
}

struct text {
	const char *ptr;
	size_t len;
};

/* Each on a connection of its own; what comes behind it must not be answered. */
static void assert_refused(const struct text *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got;

		http_rig_connect(end, NULL, HTTP_ENVOY);
		assert_true(http_rig_say(end, texts[i].ptr, texts[i].len));
		(void)http_rig_say(end, API, sizeof(API) - 1);
		if (!http_rig_ends(end, 5000))
			fail_msg("text %zu leaves the connection open", i);
		got = (const char *)end->got.ptr;
		if (strstr(got, "HTTP/1.1 2") || (*got && !strstr(got, "HTTP/1.1 4")))
			fail_msg("text %zu is answered:\n%s", i, got);
	}
}

static void what_is_no_http_is_turned_away(void **state)
{
	static const struct text texts[] = {
		TEXT_OF("GET /auth/envoy/a\0b HTTP/1.1\r\n" HOST "\r\n"),
		TEXT_OF("GET /auth/envoy/\0 HTTP/1.1\r\n" HOST "\r\n"),
		TEXT_OF("GE\0T /auth/envoy/ HTTP/1.1\r\n" HOST "\r\n"),
		TEXT_OF(GET HOST "X: a\0b\r\n\r\n"),
		TEXT_OF(GET HOST "X: \0\r\n\r\n"),
		TEXT_OF(GET HOST "X:\0\0\0\r\nY: 1\r\n\r\n"),
		TEXT_OF(GET "Host: api.example.com\0.evil\r\n\r\n"),
		TEXT_OF(GET HOST "X\0: a\r\n\r\n"),
		TEXT_OF(GET HOST "\0\r\n\r\n"),
		TEXT_OF("GET /auth/envoy/ HTTP/1.1\n" HOST "\r\n"),
		TEXT_OF(GET "Host: api.example.com\n\r\n"),
		TEXT_OF(GET HOST "X: a\n\n"),
		TEXT_OF(GET HOST "X: a\n\0b\r\n\r\n"),
		TEXT_OF(GET HOST "X: a\r\n b\r\n\r\n"),
		TEXT_OF(GET HOST "X: a\r\n\tb\r\nY: 1\r\n\r\n"),
		TEXT_OF(GET " X: a\r\n" HOST "\r\n"),
		TEXT_OF("GET  /auth/envoy/ HTTP/1.1\r\n" HOST "\r\n"),
		TEXT_OF("GET /auth/envoy/  HTTP/1.1\r\n" HOST "\r\n"),
		TEXT_OF("GET /auth/envoy/ HTTP/1.1 \r\n" HOST "\r\n"),
		TEXT_OF("GET /auth/envoy/\r\n" HOST "\r\n"),
		TEXT_OF("GET\r\n" HOST "\r\n"),
		TEXT_OF("GET /auth/envoy/ HTTX/1.1\r\n" HOST "\r\n"),
		TEXT_OF("no HTTP at all\r\n\r\n"),
		TEXT_OF("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
		TEXT_OF(GET HOST "no colon\r\n\r\n"),
	};

	(void)state;
	assert_refused(texts, sizeof(texts) / sizeof(texts[0]));
	/* A CR inside of a value is the pure part's to refuse, and no reason to close. */
	http_rig_connect(end, NULL, HTTP_ENVOY);
	assert_true(http_rig_say(end, GET HOST "X: a\rb\r\n\r\n", sizeof(GET HOST "X: a\rb\r\n\r\n") - 1));
	assert_int_equal(http_rig_hear(end, 1, 5000), 1);
	assert_true(strncmp((char *)end->got.ptr, "HTTP/1.1 400", 12) == 0);
}

/* They are no part of it (RFC 9110 5.5), and libmicrohttpd leaves those behind it. */
static void blanks_around_a_value_are_nothing(void **state)
{
	static const char text[] = GET "Host: \t api.example.com \t\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";

	(void)state;
	assert_true(http_rig_say(end, text, sizeof(text) - 1));
	assert_int_equal(http_rig_hear(end, 1, 5000), 1);
	assert_true(strncmp((char *)end->got.ptr, "HTTP/1.1 200", 12) == 0);
}

/* The bodies are such that each way to read them comes to an end. */
static void bodies_of_two_lengths_are_turned_away(void **state)
{
	static const struct text texts[] = {
		TEXT_OF(GET HOST "Content-Length: 0\r\nContent-Length: 5\r\n\r\n"),
		TEXT_OF(GET HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"),
		TEXT_OF(GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		TEXT_OF(GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		TEXT_OF(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
		TEXT_OF(GET HOST "Transfer-Encoding: identity\r\n\r\n"),
		TEXT_OF(GET HOST "Transfer-Encoding: chunked \r\n\r\n"),
		TEXT_OF(GET HOST "Content-Length: -1\r\n\r\n"),
		TEXT_OF(GET HOST "Content-Length: +1\r\n\r\n"),
		TEXT_OF(GET HOST "Content-Length: 0x1\r\n\r\n"),
		TEXT_OF(GET HOST "Content-Length: 1, 1\r\n\r\n"),
		TEXT_OF(GET HOST "Content-Length: 99999999999999999999\r\n\r\n"),
		TEXT_OF(GET HOST "Content-Length: 18446744073709551615\r\n\r\n"),
		TEXT_OF(GET HOST "Content-Length:\r\n\r\n"),
		TEXT_OF(GET HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n"),
		TEXT_OF(GET HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
		TEXT_OF(GET HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"),
	};

	(void)state;
	assert_refused(texts, sizeof(texts) / sizeof(texts[0]));
}

/* A request with `lines` short header lines, a cookie of `cookies`, `args` arguments, and filled up to size. */
static char *request(size_t lines, size_t cookies, size_t args, size_t size)
{
	struct buf b = buf_capped(0);
	char *text;

	buf_str(&b, "GET /auth/envoy/?");
	for (size_t i = 0; i < args; i++)
		buf_str(&b, "a&");
	buf_str(&b, " HTTP/1.1\r\n" HOST);
	for (size_t i = 0; i < lines; i++)
		buf_str(&b, "a: b\r\n");
	buf_str(&b, "Cookie: a");
	for (size_t i = 0; i < cookies; i++)
		buf_str(&b, ";a");
	buf_str(&b, "\r\nX: ");
	while (b.len + 4 < size)
		buf_u8(&b, 'x');
	buf_str(&b, "\r\n\r\n");
	buf_u8(&b, '\0');
	text = strdup((char *)b.ptr);
	buf_fini(&b);
	return text;
}

/* The status, 0 when the connection just closed. */
static int status_of(const char *text)
{
	http_rig_connect(end, NULL, HTTP_ENVOY);
	assert_true(http_rig_say(end, text, strlen(text)));
	if (http_rig_hear(end, 1, 5000) == 0)
		return 0;
	return atoi((char *)end->got.ptr + 9);
}

static int status_of_size(size_t lines, size_t cookies, size_t args, size_t size)
{
	char *text = request(lines, cookies, args, size);
	int status = status_of(text);

	free(text);
	return status;
}

static void large_heads_are_served(void **state)
{
	(void)state;
	assert_int_equal(status_of_size(0, 0, 0, 60 * 1024), 200);
	assert_int_equal(status_of_size(90, 20, 20, 60 * 1024), 200);
	assert_int_equal(status_of_size(400, 0, 0, 8192), 200);
	assert_int_equal(status_of_size(0, 0, 20000, 0), 200);
}

static void larger_ones_are_refused(void **state)
{
	(void)state;
	assert_int_equal(status_of_size(0, 0, 0, HTTP_HEAD_MAX + 1), 400);
	assert_non_null(strstr((char *)end->rig->records.ptr, "head is over 64 KiB"));
	assert_int_equal(status_of_size(0, 0, 0, 200000), 431);
	assert_int_equal(status_of_size(HTTP_LINES_MAX + 1, 0, 0, 0), 400);
	assert_int_equal(status_of_size(20000, 0, 0, 0), 431);
	assert_int_not_equal(status_of_size(0, 20000, 0, 0), 0);
}

/* Whatever is left of a connection's memory, an answer comes: one that just ends may count as the agent's fault. */
static void an_answer_always_comes(void **state)
{
	size_t answers[600] = { 0 }, cookies;

	(void)state;
	for (cookies = 1100; cookies < 1250; cookies++)
		answers[status_of_size(0, cookies, 0, 20000)]++;
	while (cookies > 1000 && status_of_size(0, cookies, 0, 20000) == 431)
		cookies--;
	for (size_t more = 0; more < 130; more++)
		answers[status_of_size(0, cookies, 0, 20000 + more)]++;
	for (size_t lines = 0; lines < HTTP_LINES_MAX; lines += 32)
		answers[status_of_size(lines, 0, 0, 64000)]++;
	assert_int_equal(answers[0], 0);
	for (size_t status = 500; status < 600; status++)
		assert_int_equal(answers[status], 0);
	assert_true(answers[200] > 20);
#if MHD_VERSION < 0x00097701
	/* Later ones take no cookies apart, and have room for all of these. */
	assert_true(answers[403] > 20);
	assert_true(answers[431] > 20);
#endif
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_no_http_is_turned_away), TEST(blanks_around_a_value_are_nothing), TEST(bodies_of_two_lengths_are_turned_away),
		TEST(large_heads_are_served), TEST(larger_ones_are_refused), TEST(an_answer_always_comes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
