/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "lib/worker_run.h"

static void expect_body(struct worker_run *run, const char *body)
{
	worker_run(run);
	if (run->call.result.outcome != POLICY_RESPONDED)
		fail_msg("not answered: %s", worker_run_error(run));
	assert_string_equal(worker_run_body(run), body);
}

static void pairs_of_headers(void **state)
{
	static const uint8_t sent[] = "\x01" "B" "\x01" "1" "\x0a" "set-cookie" "\x03" "c=3" "\x10" "cf-cert-verified" "\x04" "true"
				      "\x01" "a" "\x01" "2" "\x01" "b" "\x01" "3" "\x0a" "Set-Cookie" "\x03" "d=4" "\0";
	struct worker_run *run = worker_run_new(
		"local function told(headers) local t = {} for k, v in pairs(headers) do t[#t + 1] = k .. '=' .. v end\n"
		"return table.concat(t, ';') end\n"
		"return { fetch = function(request) local copy = Request.new(request) local h = copy.headers\n"
		"h:append('b', '4') h:set('a', '5') h:delete('x-none') h:append('SET-cookie', 'e=5')\n"
		"local one = told(h) h:delete('set-cookie') h:delete('B')\n"
		"return Response.new(told(request.headers) .. ' ' .. one .. ' ' .. told(h)) end }");

	(void)state;
	run->headers = slice_of(sent, sizeof(sent));
	expect_body(run, "a=2;b=1, 3;set-cookie=c=3;set-cookie=d=4 "
			 "a=5;b=1, 3, 4;set-cookie=c=3;set-cookie=d=4;set-cookie=e=5 a=5");
	worker_run_free(run);
}

/* CPU time of going through so many headers, the least of three times. */
static int64_t pairs_ns(unsigned count)
{
	struct worker_run *run = worker_run_new(
		"return { fetch = function(request) local n, last = 0, '' for k in pairs(request.headers) do\n"
		"n = n + 1 assert(k > last) last = k end return Response.new(tostring(n)) end }");
	struct buf block = buf_capped(0);
	int64_t least = INT64_MAX;
	char text[16];

	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%05u", i * 7919 % count);
		buf_varstr(&block, slice_str(text));
		buf_varstr(&block, SLICE_EMPTY);
	}
	buf_put(&block, SLICE_LIT("\0\0"));
	run->headers = buf_slice(&block);
	run->config.limits.worker_cpu_ns = 5000000000;
	snprintf(text, sizeof(text), "%u", count);
	for (int i = 0; i < 3; i++) {
		int64_t begun = clock_thread_cpu_ns(), took;

		expect_body(run, text);
		took = clock_thread_cpu_ns() - begun;
		least = took < least ? took : least;
	}
	buf_fini(&block);
	worker_run_free(run);
	return least;
}

/* One walk and a sort: a walk for each name would take a hundred times as long for ten times as many. */
static void pairs_of_very_many_headers(void **state)
{
	(void)state;
	assert_true(pairs_ns(10000) < 40 * pairs_ns(1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_of_headers),
		cmocka_unit_test(pairs_of_very_many_headers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
