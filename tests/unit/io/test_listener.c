/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "io/listener.h"
#include "lib/io.h"

struct fixture {
	struct loop *loop;
	struct listener *listener;
	char dir[64];
	char path[96];
	unsigned accepted;
	unsigned wanted;
	unsigned pause_after; /* 0: never */
	int last;
	bool keep; /* accepted descriptors stay open in fds */
	int fds[1200];
};

static void on_accepted(void *arg, int fd)
{
	struct fixture *f = arg;

	f->last = fcntl(fd, F_GETFL);
	f->fds[f->accepted++] = fd;
	if (!f->keep)
		close(fd);
	if (f->pause_after && f->accepted == f->pause_after)
		listener_pause(f->listener, true);
}

static bool enough(void *arg)
{
	struct fixture *f = arg;

	return f->accepted >= f->wanted;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	io_mkdir(f->dir);
	snprintf(f->path, sizeof(f->path), "%s/s.sock", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	listener_free(f->listener);
	loop_free(f->loop);
	io_rmdir(f->dir);
	free(f);
	return 0;
}

static enum err listen_on(struct fixture *f, struct listener_address address, const char **error)
{
	return listener_new(f->loop, &address, on_accepted, f, error, &f->listener);
}

static void refused(struct fixture *f, struct listener_address address, enum err want,
		    const char *word)
{
	const char *error = NULL;

	assert_int_equal(listen_on(f, address, &error), want);
	assert_non_null(error);
	if (!strstr(error, word))
		fail_msg("\"%s\" does not say \"%s\"", error, word);
	f->listener = NULL;
}

static void listens(struct fixture *f, struct listener_address address)
{
	const char *error = "";

	if (listen_on(f, address, &error))
		fail_msg("%s", error);
}

static int connect_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(to.sun_path, path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int connect_tcp(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static struct listener_address tcp(const char *host, uint16_t port)
{
	return (struct listener_address){ .kind = LISTENER_TCP, .host = host, .port = port };
}

static struct listener_address file(const char *path, unsigned mode)
{
	return (struct listener_address){ .kind = LISTENER_UNIX, .host = path, .mode = mode };
}

static void test_no_address(void **state)
{
	struct fixture *f = *state;

	refused(f, tcp("localhost", 0), ERR_RANGE, "localhost");
	refused(f, tcp("", 0), ERR_RANGE, "no numeric");
	refused(f, tcp(NULL, 0), ERR_RANGE, "no numeric");
	refused(f, tcp("300.1.1.1", 0), ERR_RANGE, "300.1.1.1");
	/* Not an address of this machine (RFC 5737). */
	refused(f, tcp("192.0.2.1", 0), ERR_IO, "assign");
}

static void test_port_taken(void **state)
{
	struct fixture *f = *state;
	struct listener *first;

	listens(f, tcp("127.0.0.1", 0));
	first = f->listener;
	assert_int_not_equal(listener_port(first), 0);
	refused(f, tcp("127.0.0.1", listener_port(first)), ERR_IO, "in use");
	f->listener = first;
}

static void test_both_families_on_one_port(void **state)
{
	struct fixture *f = *state;
	struct listener *six = NULL;
	const char *error = "";
	enum err err = ERR_IO;

	/* A connection of another program may have the same port in IPv4, but not time after time. */
	for (int i = 0; err && i < 20; i++) {
		listener_free(six);
		if (listen_on(f, tcp("::", 0), &error)) {
			skip(); /* no IPv6 here */
			return;
		}
		six = f->listener;
		f->listener = NULL;
		err = listen_on(f, tcp("0.0.0.0", listener_port(six)), &error);
	}
	listener_free(six);
	if (err)
		fail_msg("%s", error);
}

static void test_names_too_long_or_empty(void **state)
{
	struct fixture *f = *state;
	char name[120];

	memset(name, 'n', sizeof(name));
	name[108] = '\0';
	refused(f, file(name, 0600), ERR_RANGE, "107");
	refused(f, file("", 0600), ERR_RANGE, "107");
	refused(f, (struct listener_address){ .kind = LISTENER_ABSTRACT, .host = name }, ERR_RANGE, "107");
	refused(f, (struct listener_address){ .kind = LISTENER_ABSTRACT, .host = "" }, ERR_RANGE, "107");
}

static void test_other_files_stay(void **state)
{
	struct fixture *f = *state;
	char link[110];
	struct stat st;
	int fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	refused(f, file(f->path, 0600), ERR_IO, "no socket");
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, 8);
	snprintf(link, sizeof(link), "%s/link", f->dir);
	assert_int_equal(symlink(f->path, link), 0);
	refused(f, file(link, 0600), ERR_IO, "no socket");
	unlink(link);
	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0700), 0);
	refused(f, file(f->path, 0600), ERR_IO, "no socket");
}

static void test_directory_that_cannot_be(void **state)
{
	struct fixture *f = *state;
	char path[110];

	snprintf(path, sizeof(path), "%s/a/b/s.sock", f->dir);
	refused(f, file(path, 0600), ERR_IO, "cannot make directory");
}

static void test_unknown_group(void **state)
{
	struct fixture *f = *state;
	struct listener_address a = file(f->path, 0660);
	struct stat st;

	a.group = "no-such-group-here";
	refused(f, a, ERR_IO, "no-such-group-here");
	/* Nothing is left behind. */
	assert_int_equal(stat(f->path, &st), -1);
}

static void test_live_socket_stays(void **state)
{
	struct fixture *f = *state;
	struct listener *first;
	int fd;

	listens(f, file(f->path, 0600));
	first = f->listener;
	refused(f, file(f->path, 0600), ERR_IO, "another process");
	f->listener = first;
	fd = connect_unix(f->path);
	assert_true(fd >= 0);
	f->wanted = 2; /* the second one's attempt, and ours */
	assert_true(io_until(f->loop, enough, f, 2000));
	close(fd);
}

static void test_dead_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	struct stat st;

	strcpy(to.sun_path, f->path);
	assert_int_equal(bind(dead, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(dead, 1), 0);
	close(dead);
	assert_int_equal(connect_unix(f->path), -1);
	listens(f, file(f->path, 0600));
	fd = connect_unix(f->path);
	assert_true(fd >= 0);
	close(fd);
	listener_free(f->listener);
	f->listener = NULL;
	assert_int_equal(stat(f->path, &st), -1);
}

static void test_replaced_file_is_not_removed(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int fd;

	listens(f, file(f->path, 0600));
	/* Another process took the path over, as at a restart. */
	unlink(f->path);
	fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	listener_free(f->listener);
	f->listener = NULL;
	assert_int_equal(stat(f->path, &st), 0);
}

static void test_mode_group_and_directory(void **state)
{
	struct fixture *f = *state;
	char path[110], gid[16];
	struct listener_address a;
	struct stat st;
	mode_t old = umask(0077);

	snprintf(path, sizeof(path), "%s/run/s.sock", f->dir);
	snprintf(gid, sizeof(gid), "%u", (unsigned)getgid());
	a = file(path, 0660);
	a.group = gid;
	listens(f, a);
	umask(old);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_gid, getgid());
	listener_free(f->listener);
	f->listener = NULL;
	snprintf(path, sizeof(path), "%s/run", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
}

static void test_abstract_name_is_padded(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct listener_address a = { .kind = LISTENER_ABSTRACT };
	char name[40];
	int exact, padded;

	snprintf(name, sizeof(name), "mtlsguard-test-%d", (int)getpid());
	a.host = name;
	listens(f, a);
	memcpy(to.sun_path + 1, name, strlen(name));
	padded = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	exact = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(padded, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(connect(exact, (struct sockaddr *)&to,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					     strlen(name))),
			 -1);
	close(padded);
	close(exact);
}

static void test_accepted_sockets_do_not_block(void **state)
{
	struct fixture *f = *state;
	int fd;

	listens(f, tcp("127.0.0.1", 0));
	fd = connect_tcp(listener_port(f->listener));
	f->wanted = 1;
	assert_true(io_until(f->loop, enough, f, 2000));
	assert_true(f->last & O_NONBLOCK);
	close(fd);
}

static void test_pause_keeps_the_rest_waiting(void **state)
{
	struct fixture *f = *state;
	int fds[10];

	listens(f, file(f->path, 0600));
	f->pause_after = 3;
	for (int i = 0; i < 10; i++)
		assert_true((fds[i] = connect_unix(f->path)) >= 0);
	io_turn(f->loop, 20);
	/* Not one more than allowed, though all were there in the same wake-up. */
	assert_int_equal(f->accepted, 3);
	f->pause_after = 0;
	f->wanted = 10;
	listener_pause(f->listener, false);
	assert_true(io_until(f->loop, enough, f, 2000));
	for (int i = 0; i < 10; i++)
		close(fds[i]);
}

static void test_thousand_at_once(void **state)
{
	struct fixture *f = *state;
	static int fds[1000];
	struct rlimit old, more;

	getrlimit(RLIMIT_NOFILE, &old);
	more = (struct rlimit){ old.rlim_max, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
	listens(f, file(f->path, 0600));
	for (int i = 0; i < 1000; i++)
		assert_true((fds[i] = connect_unix(f->path)) >= 0);
	f->wanted = 1000;
	assert_true(io_until(f->loop, enough, f, 5000));
	for (int i = 0; i < 1000; i++)
		close(fds[i]);
	setrlimit(RLIMIT_NOFILE, &old);
}

static void test_descriptors_run_out(void **state)
{
	struct fixture *f = *state;
	int fds[8];
	struct rlimit old, tight;
	int64_t cpu;

	listens(f, tcp("127.0.0.1", 0));
	f->keep = true;
	for (int i = 0; i < 8; i++)
		assert_true((fds[i] = connect_tcp(listener_port(f->listener))) >= 0);
	io_turn(f->loop, 0);
	getrlimit(RLIMIT_NOFILE, &old);
	for (unsigned i = 0; i < f->accepted; i++)
		close(f->fds[i]);
	f->accepted = 0;
	for (int i = 0; i < 8; i++) {
		close(fds[i]);
		assert_true((fds[i] = connect_tcp(listener_port(f->listener))) >= 0);
	}
	/* Room for three more than are open. */
	tight = (struct rlimit){ (rlim_t)fds[7] + 4, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	cpu = (int64_t)clock();
	io_turn(f->loop, 300);
	cpu = (int64_t)clock() - cpu;
	assert_true(f->accepted < 8);
	/* It rests meanwhile; accepting again and again would have used all of the 300 ms. */
	assert_true(cpu < CLOCKS_PER_SEC / 10);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	f->wanted = 8;
	assert_true(io_until(f->loop, enough, f, 2000));
	for (int i = 0; i < 8; i++) {
		close(fds[i]);
		close(f->fds[i]);
	}
}

static void test_peers(void **state)
{
	struct peer peer;
	int pair[2];
	char want[32];

	(void)state;
	peer_of(-1, &peer);
	assert_string_equal(peer.text, "");
	io_pair(pair);
	peer_of(pair[0], &peer);
	snprintf(want, sizeof(want), "unix:uid=%u", (unsigned)getuid());
	assert_string_equal(peer.text, want);
	assert_true(peer.is_unix && peer.has_uid && peer.uid == getuid());
	close(pair[0]);
	close(pair[1]);
	io_pair_tcp(pair);
	peer_of(pair[0], &peer);
	assert_memory_equal(peer.text, "127.0.0.1:", 10);
	assert_false(peer.is_unix || peer.has_uid || peer.v6);
	assert_memory_equal(peer.address, "\x7f\0\0\1", 4);
	close(pair[0]);
	close(pair[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_address),
		TEST(test_port_taken),
		TEST(test_both_families_on_one_port),
		TEST(test_names_too_long_or_empty),
		TEST(test_other_files_stay),
		TEST(test_directory_that_cannot_be),
		TEST(test_unknown_group),
		TEST(test_live_socket_stays),
		TEST(test_dead_socket_is_replaced),
		TEST(test_replaced_file_is_not_removed),
		TEST(test_mode_group_and_directory),
		TEST(test_abstract_name_is_padded),
		TEST(test_accepted_sockets_do_not_block),
		TEST(test_pause_keeps_the_rest_waiting),
		TEST(test_thousand_at_once),
		TEST(test_descriptors_run_out),
		TEST(test_peers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
