/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/io.h"
#include "lib/server.h"
#include "svc/http_get.h"

static struct server server;
static struct loop *loop;
static struct http_client *client;

struct seen {
	unsigned done;
	struct http_result result;
};

static void on_done(void *arg, struct http_result *result)
{
	struct seen *seen = arg;

	seen->done++;
	bulk_fini(&seen->result.body);
	seen->result = *result;
	seen->result.body = http_take_body(result);
}

static bool is_done(void *arg)
{
	return ((struct seen *)arg)->done > 0;
}

static int set_up(void **state)
{
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:9/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:9/", 1);
	server_start(&server, NULL);
	loop = loop_new();
	client = http_client_new(loop, &(struct http_limits){ .connections = 8, .per_host = 2, .requests = 16 });
	return loop && client ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	http_client_free(client);
	loop_free(loop);
	server_stop(&server);
	return 0;
}

static struct http_request usual(const char *url, struct seen *seen)
{
	*seen = (struct seen){ 0 };
	return (struct http_request){ .url = url, .max_bytes = 1 << 20, .timeout_ms = 3000,
				      .on_done = on_done, .arg = seen };
}

static enum err run(const struct http_request *request, struct seen *seen)
{
	assert_non_null(http_start(client, request));
	assert_int_equal(seen->done, 0);
	assert_true(io_until(loop, is_done, seen, 8000));
	assert_int_equal(seen->done, 1);
	if (seen->result.err) {
		assert_int_equal(seen->result.body.len, 0);
		assert_true(seen->result.why[0] != '\0');
	}
	return seen->result.err;
}

static enum err get(const char *path, struct seen *seen)
{
	struct http_request request = usual(server_url(&server, path), seen);

	return run(&request, seen);
}

static void assert_body(struct seen *seen, const char *want)
{
	assert_true(slice_eq(bulk_slice(&seen->result.body), slice_str(want)));
	bulk_fini(&seen->result.body);
}

static void refuses_other_schemes(void **state)
{
	static const char *const bad[] = { "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x",
					   "http://", "nonsense://x" };
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_request request = usual(bad[i], &seen);

		if (http_start(client, &request) == NULL)
			continue;
		assert_true(io_until(loop, is_done, &seen, 3000));
		assert_int_equal(seen.result.err, ERR_USAGE);
	}
	assert_int_equal(get("/to-file", &seen), ERR_USAGE);
	assert_int_equal(get("/to-ftp", &seen), ERR_USAGE);
}

static void refuses_addresses(void **state)
{
	struct http_request request;
	struct seen seen;

	(void)state;
	assert_int_equal(get("/to-metadata", &seen), ERR_USAGE);
	request = usual("http://169.254.169.254/", &seen);
	assert_int_equal(run(&request, &seen), ERR_USAGE);
	request = usual("http://[fe80::1]/", &seen);
	assert_int_equal(run(&request, &seen), ERR_USAGE);
	request = usual(server_url(&server, "/ok"), &seen);
	request.public_only = true;
	assert_int_equal(run(&request, &seen), ERR_USAGE);
	request = usual("http://localhost/", &seen);
	request.public_only = true;
	assert_int_equal(run(&request, &seen), ERR_USAGE);
}

static void bounds_sizes(void **state)
{
	struct seen seen;
	struct http_request request = usual(server_url(&server, "/bomb"), &seen);
	int64_t start = clock_mono_ns();

	(void)state;
	/* Whatever it may become: nothing that is meant packs like that. */
	request.max_bytes = 1 << 30;
	assert_int_equal(run(&request, &seen), ERR_LIMIT);
	assert_int_equal(get("/endless", &seen), ERR_LIMIT);
	assert_int_equal(get("/large", &seen), ERR_LIMIT);
	assert_int_equal(get("/bomb", &seen), ERR_LIMIT);
	assert_true(clock_mono_ns() - start < INT64_C(8000000000));
}

/* The body of an answer is put on the budget that its request names. */
static void bounds_what_is_held_together(void **state)
{
	struct bulk_budget *budget = bulk_budget_new(NULL, 8);
	struct seen first, second;
	struct http_request request = usual(server_url(&server, "/ok"), &first);

	(void)state;
	request.budget = budget;
	assert_int_equal(run(&request, &first), ERR_OK);
	request.arg = &second;
	second = (struct seen){ 0 };
	assert_int_equal(run(&request, &second), ERR_MEMORY);
	assert_non_null(strstr(second.result.why, "held at the same time"));
	bulk_fini(&first.result.body);
	second = (struct seen){ 0 };
	assert_int_equal(run(&request, &second), ERR_OK);
	bulk_fini(&second.result.body);
	bulk_budget_end(budget);
}

static void bounds_time(void **state)
{
	struct http_request request;
	struct seen seen;

	(void)state;
	request = usual(server_url(&server, "/slow"), &seen);
	request.timeout_ms = 500;
	assert_int_equal(run(&request, &seen), ERR_TIMEOUT);
	request = usual(server_url(&server, "/mute"), &seen);
	request.timeout_ms = 300;
	assert_int_equal(run(&request, &seen), ERR_TIMEOUT);
}

static void tells_what_went_wrong(void **state)
{
	struct http_request request;
	struct seen seen;

	(void)state;
	assert_int_equal(get("/lie", &seen), ERR_IO);
	assert_int_equal(get("/reset", &seen), ERR_IO);
	assert_int_equal(get("/loop", &seen), ERR_USAGE);
	assert_int_equal(get("/missing", &seen), ERR_NOT_FOUND);
	assert_non_null(strstr(seen.result.why, "404"));
	request = usual("http://127.0.0.1:1/", &seen);
	assert_int_equal(run(&request, &seen), ERR_IO);
}

static void gets_bodies(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(get("/ok", &seen), ERR_OK);
	assert_body(&seen, "hello");
	assert_int_equal(get("/hop", &seen), ERR_OK);
	assert_string_equal(seen.result.etag, "");
	assert_body(&seen, "hello");
	assert_int_equal(get("/zipped", &seen), ERR_OK);
	assert_int_equal(seen.result.body.len, 5000);
	bulk_fini(&seen.result.body);
}

static void asks_with_conditions(void **state)
{
	struct http_request request;
	struct seen seen;

	(void)state;
	assert_int_equal(get("/tagged", &seen), ERR_OK);
	assert_string_equal(seen.result.etag, "\"one\"");
	assert_string_equal(seen.result.last_modified, "Sat, 01 Jan 2022 00:00:00 GMT");
	assert_body(&seen, "tagged");
	request = usual(server_url(&server, "/tagged"), &seen);
	request.etag = "\"one\"";
	assert_int_equal(run(&request, &seen), ERR_OK);
	assert_int_equal(seen.result.status, 304);
	assert_int_equal(seen.result.body.len, 0);
}

static void posts(void **state)
{
	struct http_request request;
	struct seen seen;

	(void)state;
	request = usual(server_url(&server, "/"), &seen);
	request.body = SLICE_LIT("a\0b");
	request.content_type = "application/ocsp-request";
	assert_int_equal(run(&request, &seen), ERR_OK);
	assert_true(slice_eq(bulk_slice(&seen.result.body), SLICE_LIT("application/ocsp-request:a\0b")));
	bulk_fini(&seen.result.body);
}

static void bounds_concurrency(void **state)
{
	struct seen seen[6];
	unsigned long most = 0;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct http_request request = usual(server_url(&server, "/wait"), &seen[i]);

		assert_non_null(http_start(client, &request));
	}
	for (size_t i = 0; i < 6; i++) {
		assert_true(io_until(loop, is_done, &seen[i], 5000));
		assert_int_equal(seen[i].result.err, ERR_OK);
		most = strtoul((char *)seen[i].result.body.ptr, NULL, 10);
		assert_true(most <= 2);
		bulk_fini(&seen[i].result.body);
	}
}

static void refuses_too_many_and_cancels(void **state)
{
	struct http_get *gets[16];
	struct seen seen, more;

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct http_request request = usual(server_url(&server, "/mute"), &seen);

		gets[i] = http_start(client, &request);
		assert_non_null(gets[i]);
	}
	assert_null(http_start(client, &(struct http_request){ .url = "http://127.0.0.1/", .max_bytes = 1,
							       .timeout_ms = 100, .on_done = on_done, .arg = &more }));
	io_turn(loop, 50);
	for (size_t i = 0; i < 16; i++)
		http_cancel(gets[i]);
	io_turn(loop, 100);
	assert_int_equal(seen.done, 0);
	assert_int_equal(get("/ok", &seen), ERR_OK);
	assert_body(&seen, "hello");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_other_schemes),
		cmocka_unit_test(refuses_addresses),
		cmocka_unit_test(bounds_sizes),
		cmocka_unit_test(bounds_what_is_held_together),
		cmocka_unit_test(bounds_time),
		cmocka_unit_test(tells_what_went_wrong),
		cmocka_unit_test(gets_bodies),
		cmocka_unit_test(asks_with_conditions),
		cmocka_unit_test(posts),
		cmocka_unit_test(bounds_concurrency),
		cmocka_unit_test(refuses_too_many_and_cancels),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
