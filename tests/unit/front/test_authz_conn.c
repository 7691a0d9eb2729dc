/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "front/authz_conn.h"
#include "io/loop.h"
#include "lib/authz_rig.h"

#define MS INT64_C(1000000)

static struct rig *rig;
static struct loop *loop;
static struct authz_server *server;
static struct h2_peer *peer;
static int fd = -1;
static bool peer_closed, drained;
static unsigned closed;
static struct loop_timer *timer;
static int64_t until;
static const bool *wanted;

static void on_closed(void *arg)
{
	(void)arg;
	closed++;
}

static int start(void **state)
{
	int fds[2];

	(void)state;
	peer_closed = drained = false;
	closed = 0;
	rig = rig_new("return { hosts = { [\"api.example.com\"] = { require = \"none\" } } }", NULL);
	loop = loop_new();
	server = authz_server_new(loop, rig->engine);
	authz_server_on_closed(server, on_closed, NULL);
	peer = h2_peer_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	fd = fds[0];
	authz_server_accept(server, fds[1], NULL, false);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (fd >= 0)
		close(fd);
	fd = -1;
	authz_server_free(server);
	loop_free(loop);
	rig_free(rig);
	h2_peer_free(peer);
	return 0;
}

static void talk(void)
{
	uint8_t room[65536];
	ssize_t n;

	h2_peer_say(peer);
	if (peer->out.len && (n = write(fd, peer->out.ptr, peer->out.len)) > 0)
		buf_drop(&peer->out, (size_t)n);
	while ((n = read(fd, room, sizeof(room))) > 0)
		assert_true(h2_peer_take(peer, slice_of(room, (size_t)n)));
	peer_closed |= n == 0 || (n < 0 && errno == ECONNRESET);
}

static void look(void *arg)
{
	(void)arg;
	if (fd >= 0)
		talk();
	if (*wanted || clock_mono_ns() > until)
		loop_stop(loop);
	else
		loop_timer_set(timer, MS / 2);
}

static bool run_until(const bool *what, int64_t at_most)
{
	wanted = what;
	until = clock_mono_ns() + at_most;
	timer = loop_timer_new(loop, look, NULL);
	loop_timer_set(timer, 0);
	loop_run(loop);
	loop_timer_free(timer);
	return *what;
}

static struct h2_peer_call *ask(void)
{
	const struct check check = { CHECK_GET };
	struct buf message = buf_capped(0);
	struct h2_peer_call *call;

	check_write(&message, &check);
	call = h2_peer_ask(peer, AUTHZ_PATH, buf_slice(&message));
	buf_fini(&message);
	return call;
}

static void calls_are_answered(void **state)
{
	struct h2_peer_call *calls[20];

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		calls[i] = ask();
	for (unsigned i = 0; i < 20; i++) {
		char *words;

		assert_true(run_until(&calls[i]->closed, 5000 * MS));
		words = authz_words(h2_peer_message(calls[i]));
		assert_non_null(strstr(words, "code 0\nok\n"));
		free(words);
	}
	assert_int_equal(authz_server_connections(server), 1);
	assert_int_equal(authz_server_stats(server)->checks, 20);
	assert_true(authz_server_stats(server)->bytes_out > 1000);
}

static void on_drained(void *arg)
{
	*(bool *)arg = true;
}

static void draining_ends_the_connection(void **state)
{
	struct h2_peer_call *call = ask();

	(void)state;
	assert_true(run_until(&call->closed, 5000 * MS));
	authz_server_drain(server, on_drained, &drained);
	assert_true(run_until(&drained, 8000 * MS));
	assert_int_equal(peer->goaways, 1);
	assert_int_equal(closed, 1);
	assert_int_equal(authz_server_connections(server), 0);
}

static void an_idle_server_drains_at_once(void **state)
{
	(void)state;
	close(fd);
	fd = -1;
	authz_server_drain(server, on_drained, &drained);
	assert_true(run_until(&drained, 3000 * MS));
	assert_int_equal(closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls_are_answered, start, stop),
		cmocka_unit_test_setup_teardown(draining_ends_the_connection, start, stop),
		cmocka_unit_test_setup_teardown(an_idle_server_drains_at_once, start, stop),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
