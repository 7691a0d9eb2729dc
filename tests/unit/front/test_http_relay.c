/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "front/http_relay.h"
#include "lib/io.h"

#define MUCH (4u << 20)

/* A relay, plain on both sides, and the far ends of both. */
struct between {
	struct loop *loop;
	struct http_relay *relay;
	int outer, inner;
	bool ended;
	enum err why;
};

/* What one far end sends and the other one gets, whenever the loop has turned. */
struct flow {
	int from, to;
	size_t sent, got, want;
	bool reads;
	bool wrong;
};

static void on_ended(void *arg, enum err why)
{
	struct between *between = arg;

	between->ended = true;
	between->why = why;
}

static void begin(struct between *between)
{
	int outer[2], inner[2];

	*between = (struct between){ .loop = loop_new() };
	io_pair(outer);
	io_pair(inner);
	between->outer = outer[1];
	between->inner = inner[1];
	between->relay = http_relay_new(between->loop, outer[0], NULL, inner[0], on_ended, between);
}

static void finish(struct between *between)
{
	if (!between->ended)
		http_relay_abort(between->relay);
	loop_free(between->loop);
	close(between->outer);
	if (between->inner >= 0)
		close(between->inner);
}

static bool step(void *arg)
{
	static uint8_t room[50000];
	struct flow *flow = arg;
	size_t left = flow->want - flow->sent;
	ssize_t n;

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = (uint8_t)((flow->sent + i) % 251);
	n = write(flow->from, room, left < sizeof(room) ? left : sizeof(room));
	flow->sent += n > 0 ? (size_t)n : 0;
	n = flow->reads ? read(flow->to, room, 20000) : 0;
	for (ssize_t i = 0; i < n; i++)
		flow->wrong |= room[i] != (uint8_t)((flow->got + (size_t)i) % 251);
	flow->got += n > 0 ? (size_t)n : 0;
	return flow->got == flow->want;
}

/* A side that takes nothing stops the other one, and whatever was held goes on when it takes again. */
static void flows(int from, int to, struct between *between)
{
	struct flow flow = { .from = from, .to = to, .want = MUCH };

	assert_false(io_until(between->loop, step, &flow, 100));
	/* Two sockets' buffers, and what the relay holds. */
	assert_in_range(flow.sent, 100000, 2u << 20);
	flow.reads = true;
	assert_true(io_until(between->loop, step, &flow, 10000));
	assert_false(flow.wrong);
}

static void much_flows_to_slow_readers(void **state)
{
	struct between between;

	(void)state;
	begin(&between);
	flows(between.outer, between.inner, &between);
	flows(between.inner, between.outer, &between);
	assert_false(between.ended);
	finish(&between);
}

static bool has_ended(void *arg)
{
	return ((struct between *)arg)->ended;
}

static void the_last_answer_goes_out(void **state)
{
	struct between between;
	char room[16];

	(void)state;
	begin(&between);
	assert_int_equal(write(between.inner, "answer", 6), 6);
	close(between.inner);
	between.inner = -1;
	assert_false(io_until(between.loop, has_ended, &between, 50));
	assert_int_equal(read(between.outer, room, sizeof(room)), 6);
	assert_true(io_until(between.loop, has_ended, &between, 3000));
	finish(&between);
}

static void a_proxy_that_goes_ends_it(void **state)
{
	struct between between;
	char room[16];

	(void)state;
	begin(&between);
	shutdown(between.outer, SHUT_RDWR);
	assert_true(io_until(between.loop, has_ended, &between, 3000));
	assert_int_equal(read(between.inner, room, sizeof(room)), 0);
	finish(&between);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(much_flows_to_slow_readers),
		cmocka_unit_test(the_last_answer_goes_out),
		cmocka_unit_test(a_proxy_that_goes_ends_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
