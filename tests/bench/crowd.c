/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients with good and bad certificates who ask at a set rate over HTTPS
 * connections that stay open, whatever becomes of the answers; each request
 * leaves a line in the log:
 *
 *     BEGIN END CLIENT STATUS
 *
 * with times in microseconds of the monotonic clock, the client's place on the
 * command line, and status 0 where the connection ended without an answer.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "bench/https.h"
#include "bench/peer.h"

#define CONNECTIONS_MAX 256
#define SECOND INT64_C(1000000000)
#define STACK (128 * 1024)

struct sample {
	int64_t begin, end;
	unsigned client;
	int status;
};

struct options {
	const char *address, *host, *log;
	unsigned connections, client_count;
	char **clients; /* PEM files, or "-" for no certificate */
	double rate, seconds;
};

static struct options opt = { .host = "api.example.com", .connections = 64, .rate = 2000, .seconds = 5 };
static int64_t first_at, end_at;
static char request[256];

struct conn {
	pthread_t thread;
	unsigned index, client;
	SSL_CTX *ctx;
	SSL *tls;
	struct sample *samples;
	size_t count, room;
};

static void conn_open(struct conn *conn)
{
	https_close(conn->tls);
	conn->tls = https_connect(conn->ctx, opt.address, opt.host);
}

static int exchange(struct conn *conn)
{
	int len = (int)strlen(request);
	return conn->tls && SSL_write(conn->tls, request, len) == len ? https_read(conn->tls) : 0;
}

static void conn_ask(struct conn *conn)
{
	struct sample sample = { .begin = clock_mono_ns(), .client = conn->client };
	sample.status = exchange(conn);
	sample.end = clock_mono_ns();
	if (conn->count < conn->room)
		conn->samples[conn->count++] = sample;
	if (sample.status == 0)
		conn_open(conn);
}

static void sleep_until(int64_t at)
{
	struct timespec when = { at / SECOND, at % SECOND };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		continue;
}

/* Asks when it is due; one that is late asks at once, so that the rate holds over all. */
static void *conn_run(void *arg)
{
	struct conn *conn = arg;
	int64_t step = (int64_t)(opt.connections * 1e9 / opt.rate);
	int64_t due = first_at + step * conn->index / opt.connections;
	for (; due < end_at; due += step) {
		sleep_until(due);
		conn_ask(conn);
		if (clock_mono_ns() >= end_at)
			break;
	}
	return NULL;
}

static void conn_init(struct conn *conn, unsigned index)
{
	conn->index = index;
	conn->client = index % opt.client_count;
	const char *pem = opt.clients[conn->client];
	conn->ctx = https_context(strcmp(pem, "-") ? pem : NULL);
	conn->room = (size_t)(opt.rate * opt.seconds / opt.connections) + 2;
	conn->samples = calloc(conn->room, sizeof(*conn->samples));
	conn_open(conn);
	if (!conn->samples || !conn->tls)
		die("%s: no TLS connection: %s", opt.address, strerror(errno));
}

static void write_log(const struct conn *conns)
{
	FILE *file = fopen(opt.log, "w");
	if (!file)
		die("%s: %s", opt.log, strerror(errno));
	for (unsigned i = 0; i < opt.connections; i++)
		for (size_t n = 0; n < conns[i].count; n++) {
			const struct sample *s = &conns[i].samples[n];
			fprintf(file, "%" PRId64 " %" PRId64 " %u %d\n", s->begin / 1000, s->end / 1000,
				s->client, s->status);
		}
	if (fclose(file) != 0)
		die("%s: %s", opt.log, strerror(errno));
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "connect", required_argument, NULL, 'a' }, { "host", required_argument, NULL, 'h' },
		{ "connections", required_argument, NULL, 'n' }, { "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' }, { "log", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'a': opt.address = optarg; break;
		case 'h': opt.host = optarg; break;
		case 'l': opt.log = optarg; break;
		case 'n': opt.connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'r': opt.rate = strtod(optarg, NULL); break;
		case 's': opt.seconds = strtod(optarg, NULL); break;
		default: break;
		}
	}
	opt.clients = argv + optind;
	opt.client_count = (unsigned)(argc - optind);
	if (!opt.address || !opt.log || opt.client_count == 0 || opt.connections < opt.client_count ||
	    opt.connections > CONNECTIONS_MAX || opt.rate < 1 || opt.rate > 1e5 || opt.seconds <= 0 ||
	    opt.seconds > 60)
		die("usage: crowd --connect HOST:PORT --log FILE [--host NAME] [--connections 64]\n"
		    "             [--rate 2000] [--seconds 5] PEM|-...");
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", opt.host);
}

int main(int argc, char **argv)
{
	static struct conn conns[CONNECTIONS_MAX];
	pthread_attr_t attr;
	parse_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < opt.connections; i++)
		conn_init(&conns[i], i);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	first_at = clock_mono_ns() + SECOND / 20;
	end_at = first_at + (int64_t)(opt.seconds * 1e9);
	puts("asking");
	fflush(stdout);
	for (unsigned i = 0; i < opt.connections; i++)
		if (pthread_create(&conns[i].thread, &attr, conn_run, &conns[i]) != 0)
			die("no more threads");
	for (unsigned i = 0; i < opt.connections; i++)
		pthread_join(conns[i].thread, NULL);
	write_log(conns);
	return 0;
}
