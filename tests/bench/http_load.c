/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTPS load generator with client certificates, for the row with HAProxy in
 * front: a blocking thread a connection, each with one of the certificates,
 * kept open. Reports the CPU time that a process (HAProxy) used a request.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/histogram.h"
#include "bench/https.h"
#include "bench/peer.h"

#define CONNECTIONS_MAX 256

enum phase { PHASE_WARMUP, PHASE_MEASURE, PHASE_END };

struct options {
	const char *address, *leaves, *host;
	unsigned connections, leaf_count;
	double seconds, warmup;
	pid_t pid;
};

static struct options opt = { .host = "bench.example.com", .connections = 32, .leaf_count = 1,
			      .seconds = 2, .warmup = 0.5 };
static atomic_int phase;

struct client {
	pthread_t thread;
	unsigned index;
	SSL *tls;
	uint64_t good, bad;
	struct histogram latency;
};

static SSL *connect_tls(unsigned index)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/leaf-%u.pem", opt.leaves, index % opt.leaf_count);
	SSL_CTX *ctx = https_context(path);
	SSL *tls = https_connect(ctx, opt.address, opt.host);
	SSL_CTX_free(ctx);
	if (!tls)
		die("%s: no TLS connection: %s", opt.address, strerror(errno));
	return tls;
}

static void *client_run(void *arg)
{
	struct client *client = arg;
	char request[512];
	int len = snprintf(request, sizeof(request),
			   "GET /bench/%u HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n\r\n",
			   client->index, opt.host);
	while (atomic_load(&phase) != PHASE_END) {
		int64_t begin = clock_mono_ns();
		int status = SSL_write(client->tls, request, len) == len ?
			https_read(client->tls) : 0;
		if (status == 0)
			die("the proxy closed a connection");
		if (atomic_load(&phase) != PHASE_MEASURE)
			continue;
		client->good += status == 200;
		client->bad += status != 200;
		histogram_add(&client->latency, clock_mono_ns() - begin);
	}
	return NULL;
}

static void wait_seconds(double seconds)
{
	usleep((useconds_t)(seconds * 1e6));
}

static void measure(struct client *clients)
{
	for (unsigned i = 0; i < opt.connections; i++)
		if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0)
			die("no more threads");
	wait_seconds(opt.warmup);
	int64_t cpu = peer_cpu_ns(opt.pid), wall = clock_mono_ns();
	atomic_store(&phase, PHASE_MEASURE);
	wait_seconds(opt.seconds);
	atomic_store(&phase, PHASE_END);
	cpu = peer_cpu_ns(opt.pid) - cpu;
	wall = clock_mono_ns() - wall;
	static struct histogram all;
	uint64_t good = 0, bad = 0;
	for (unsigned i = 0; i < opt.connections; i++) {
		pthread_join(clients[i].thread, NULL);
		good += clients[i].good;
		bad += clients[i].bad;
		histogram_merge(&all, &clients[i].latency);
	}
	double requests = good + bad ? (double)(good + bad) : 1.0;
	printf("{\"requests\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"rate\": %.0f, "
	       "\"proxy_cpu_us\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	       good + bad, bad, requests * 1e9 / (double)wall, (double)cpu / 1e3 / requests,
	       (double)histogram_at(&all, 0.5) / 1e3, (double)histogram_at(&all, 0.99) / 1e3);
	exit(bad || good == 0);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "connect", required_argument, NULL, 'a' }, { "leaves", required_argument, NULL, 'l' },
		{ "leaf-count", required_argument, NULL, 'k' }, { "host", required_argument, NULL, 'h' },
		{ "connections", required_argument, NULL, 'n' }, { "seconds", required_argument, NULL, 's' },
		{ "warmup", required_argument, NULL, 'w' }, { "pid", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'a': opt.address = optarg; break;
		case 'l': opt.leaves = optarg; break;
		case 'h': opt.host = optarg; break;
		case 'k': opt.leaf_count = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'n': opt.connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 's': opt.seconds = strtod(optarg, NULL); break;
		case 'w': opt.warmup = strtod(optarg, NULL); break;
		case 'p': opt.pid = (pid_t)strtol(optarg, NULL, 10); break;
		default: break;
		}
	}
	if (!opt.address || !opt.leaves || opt.connections < 1 || opt.leaf_count < 1 ||
	    opt.connections > CONNECTIONS_MAX || opt.seconds <= 0 || opt.seconds > 600)
		die("usage: http_load --connect HOST:PORT --leaves DIR [--leaf-count 1] [--host NAME]\n"
		    "                 [--connections 32] [--seconds 2] [--warmup 0.5] [--pid PROXY]");
}

int main(int argc, char **argv)
{
	static struct client clients[CONNECTIONS_MAX];
	parse_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < opt.connections; i++) {
		clients[i].index = i;
		clients[i].tls = connect_tls(i);
	}
	measure(clients);
}
