/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SPOP load generator: N connections with M requests in flight each, every
 * answer's verdict checked, latencies in a histogram. Bounded in time and
 * count. Prints one JSON object; exit 1 when an answer was wrong or missing.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/meter.h"
#include "bench/mix.h"
#include "bench/peer.h"

#define SECOND INT64_C(1000000000)
#define GRACE (2 * SECOND)
#define READ_SIZE 262144
#define EVENTS 128

struct options {
	const char *address, *mix, *save_ack, *capabilities;
	unsigned connections, inflight;
	double seconds, warmup, rate;
	uint64_t count;
	pid_t pid;
};

struct slot {
	const struct mix_item *item;
	int64_t since; /* when it was sent, or should have been (--rate) */
	unsigned number;
	bool busy;
};

struct conn {
	int fd;
	bool blocked; /* waits for room in the socket */
	struct slot *slots;
	unsigned *idle, idle_count; /* numbers of the slots that are not busy */
	uint8_t *in;
	size_t in_len, in_room;
	uint8_t *out;
	size_t out_at, out_len, out_room;
	int64_t due; /* --rate: when the next one is to be sent */
};

struct load {
	struct options opt;
	struct mix mix;
	struct conn *conns;
	int epoll;
	uint64_t sent, next, pending;
	struct meter meter;
};

static void save_actions(const struct options *opt, struct slice actions)
{
	FILE *file = fopen(opt->save_ack, "wb");
	if (!file || fwrite(actions.ptr, 1, actions.len, file) != actions.len || fclose(file) != 0)
		die("%s: %s", opt->save_ack, strerror(errno));
}

static void conn_init(struct load *load, struct conn *conn, size_t index)
{
	unsigned inflight = load->opt.inflight;
	size_t largest = 0;
	for (size_t i = 0; i < load->mix.count; i++)
		largest = load->mix.items[i].len > largest ? load->mix.items[i].len : largest;
	conn->slots = calloc(inflight, sizeof(*conn->slots));
	conn->idle = calloc(inflight, sizeof(*conn->idle));
	conn->in_room = READ_SIZE + FRAME_SIZE + 4;
	conn->in = malloc(conn->in_room);
	conn->out_room = largest * inflight;
	conn->out = malloc(conn->out_room);
	if (!conn->slots || !conn->idle || !conn->in || !conn->out)
		die("out of memory");
	for (unsigned i = 0; i < inflight; i++)
		conn->idle[conn->idle_count++] = inflight - 1 - i;
	conn->fd = peer_shake_hands(load->opt.address, load->opt.capabilities);
	if (conn->fd < 0)
		die("%s: %s", load->opt.address, strerror(errno));
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = index };
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		die("epoll_ctl: %s", strerror(errno));
	peer_unblock(conn->fd);
}

/* Makes one more frame out of an idle slot. */
static void conn_stage(struct load *load, struct conn *conn, int64_t since)
{
	const struct mix_item *item = &load->mix.items[load->next++ % load->mix.count];
	unsigned at = conn->idle[--conn->idle_count];
	struct slot *slot = &conn->slots[at];
	slot->item = item;
	slot->since = since;
	slot->number = (slot->number + 1) % MIX_NUMBER_COUNT;
	slot->busy = true;
	mix_stamp(item, conn->out + conn->out_len, at, slot->number, load->next);
	conn->out_len += item->len;
	load->sent++;
	load->pending++;
}

static bool may_send(const struct load *load)
{
	return !load->meter.stopping && (load->opt.count == 0 || load->sent < load->opt.count);
}

static void conn_watch(struct load *load, struct conn *conn, bool output)
{
	if (conn->blocked == output)
		return;
	struct epoll_event event = { .events = output ? EPOLLIN | EPOLLOUT : EPOLLIN,
				     .data.u64 = (uint64_t)(conn - load->conns) };
	conn->blocked = output;
	if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, conn->fd, &event) != 0)
		die("epoll_ctl: %s", strerror(errno));
}

static void conn_flush(struct load *load, struct conn *conn)
{
	while (conn->out_at < conn->out_len) {
		ssize_t n = write(conn->fd, conn->out + conn->out_at, conn->out_len - conn->out_at);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			die("write: %s", strerror(errno));
		conn->out_at += (size_t)n;
	}
	if (conn->out_at == conn->out_len)
		conn->out_at = conn->out_len = 0;
	conn_watch(load, conn, conn->out_len > 0);
}

/* Sends what may be sent now. Frames are staged into an empty buffer only: it never overflows. */
static void conn_fill(struct load *load, struct conn *conn, int64_t now)
{
	int64_t step = load->opt.rate > 0 ?
		(int64_t)((double)load->opt.connections * 1e9 / load->opt.rate) : 0;
	if (conn->out_len == 0) {
		while (conn->idle_count > 0 && may_send(load) && (step == 0 || conn->due <= now)) {
			conn_stage(load, conn, step ? conn->due : now);
			conn->due += step;
		}
	}
	conn_flush(load, conn);
}

static void on_answer(struct load *load, struct conn *conn, struct slice frame, int64_t now)
{
	unsigned at = frame.len >= 9 ? mix_number(frame.ptr + 5) : MIX_NUMBER_COUNT;
	struct slot *slot = at < load->opt.inflight ? &conn->slots[at] : NULL;
	if (frame.len < 9 || frame.ptr[0] != FRAME_ACK || !slot || !slot->busy ||
	    mix_number(frame.ptr + 7) != slot->number)
		die("a frame of type %u that answers nothing", frame.len ? frame.ptr[0] : 0);
	const char *why = "";
	struct slice actions = slice_of(frame.ptr + 9, frame.len - 9);
	if (!mix_answer_right(slot->item, actions, &why))
		meter_wrong(&load->meter, slot->item->verdict, slot->item->reason, why);
	if (load->opt.save_ack) {
		save_actions(&load->opt, actions);
		load->opt.save_ack = NULL;
	}
	slot->busy = false;
	conn->idle[conn->idle_count++] = at;
	load->pending--;
	meter_answer(&load->meter, now - slot->since, slot->item->len, frame.len + 4);
}

static void conn_parse(struct load *load, struct conn *conn, int64_t now)
{
	size_t at = 0;
	while (conn->in_len - at >= 4) {
		const uint8_t *p = conn->in + at;
		size_t len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		if (len > FRAME_SIZE)
			die("a frame of %zu bytes", len);
		if (conn->in_len - at < len + 4)
			break;
		on_answer(load, conn, slice_of(p + 4, len), now);
		at += len + 4;
	}
	memmove(conn->in, conn->in + at, conn->in_len - at);
	conn->in_len -= at;
}

static void on_readable(struct load *load, struct conn *conn)
{
	ssize_t n = read(conn->fd, conn->in + conn->in_len, READ_SIZE);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the agent closed a connection with %" PRIu64 " answers owed: %s",
		    load->pending, n < 0 ? strerror(errno) : "end of stream");
	conn->in_len += (size_t)n;
	int64_t now = clock_mono_ns();
	conn_parse(load, conn, now);
	conn_fill(load, conn, now);
}

/* With --rate the loop wakes when the next request is due. */
static int64_t next_wait(const struct load *load, int64_t now)
{
	int64_t wait = SECOND / 20;
	for (unsigned i = 0; load->opt.rate > 0 && i < load->opt.connections; i++) {
		const struct conn *conn = &load->conns[i];
		if (conn->idle_count > 0 && conn->due - now < wait)
			wait = conn->due - now;
	}
	return wait > 0 ? wait : 0;
}

static void run(struct load *load)
{
	struct epoll_event events[EVENTS];
	int64_t now = clock_mono_ns();
	for (unsigned i = 0; i < load->opt.connections; i++) {
		struct conn *conn = &load->conns[i];
		conn->due = load->opt.rate > 0 ? now + (int64_t)(i * 1e9 / load->opt.rate) : now;
		conn_fill(load, conn, now);
	}
	while (!load->meter.stopping || (load->pending > 0 && now < load->meter.wall_end + GRACE)) {
		int64_t wait = next_wait(load, now);
		struct timespec limit = { wait / SECOND, wait % SECOND };
		int n = epoll_pwait2(load->epoll, events, EVENTS, &limit, NULL);
		if (n < 0 && errno != EINTR)
			die("epoll_wait: %s", strerror(errno));
		for (int i = 0; i < n; i++) {
			struct conn *conn = &load->conns[events[i].data.u64];
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				on_readable(load, conn);
			else
				conn_fill(load, conn, clock_mono_ns());
		}
		now = clock_mono_ns();
		for (unsigned i = 0; load->opt.rate > 0 && i < load->opt.connections; i++)
			conn_fill(load, &load->conns[i], now);
		meter_time(&load->meter, now,
			   load->opt.count > 0 && load->sent >= load->opt.count && load->pending == 0);
	}
}

static const struct option long_options[] = {
	{ "connect", required_argument, NULL, 'a' },	 { "mix", required_argument, NULL, 'm' },
	{ "connections", required_argument, NULL, 'n' }, { "inflight", required_argument, NULL, 'i' },
	{ "seconds", required_argument, NULL, 's' },	 { "warmup", required_argument, NULL, 'w' },
	{ "count", required_argument, NULL, 'c' },	 { "rate", required_argument, NULL, 'r' },
	{ "pid", required_argument, NULL, 'p' },	 { "save-ack", required_argument, NULL, 'o' },
	{ "engine", required_argument, NULL, 'e' },	 { NULL, 0, NULL, 0 },
};

static const char usage[] =
	"usage: load --connect unix:PATH|HOST:PORT --mix FILE [--connections 8] [--inflight 64]\n"
	"            [--seconds 2] [--warmup 0.3] [--count N] [--rate PER_SECOND] [--pid AGENT]\n"
	"            [--save-ack FILE] [--engine old|new]";

/* Whether it speaks like HAProxy up to 3.0 or from 3.1 on. */
static const char *parse_engine(const char *name)
{
	if (strcmp(name, "old") != 0 && strcmp(name, "new") != 0)
		die("%s", usage);
	return name[0] == 'o' ? CAPABILITIES_OLD : CAPABILITIES_NEW;
}

static struct options parse_options(int argc, char **argv)
{
	struct options opt = { .connections = 8, .inflight = 64, .seconds = 2, .warmup = 0.3,
			       .capabilities = CAPABILITIES_OLD };
	for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (c) {
		case 'a': opt.address = optarg; break;
		case 'm': opt.mix = optarg; break;
		case 'o': opt.save_ack = optarg; break;
		case 'e': opt.capabilities = parse_engine(optarg); break;
		case 'n': opt.connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'i': opt.inflight = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'c': opt.count = strtoull(optarg, NULL, 10); break;
		case 's': opt.seconds = strtod(optarg, NULL); break;
		case 'w': opt.warmup = strtod(optarg, NULL); break;
		case 'r': opt.rate = strtod(optarg, NULL); break;
		case 'p': opt.pid = (pid_t)strtol(optarg, NULL, 10); break;
		default: die("%s", usage);
		}
	}
	if (!opt.address || !opt.mix || optind < argc || opt.connections < 1 ||
	    opt.connections > 4096 || opt.inflight < 1 || opt.inflight > 1024 ||
	    opt.seconds <= 0 || opt.seconds > 600)
		die("%s", usage);
	return opt;
}

int main(int argc, char **argv)
{
	static struct load load;
	load.opt = parse_options(argc, argv);
	load.mix = mix_read(load.opt.mix, mix_spop);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.conns = calloc(load.opt.connections, sizeof(*load.conns));
	if (load.epoll < 0 || !load.conns)
		die("%s", strerror(errno));
	for (unsigned i = 0; i < load.opt.connections; i++)
		conn_init(&load, &load.conns[i], i);
	meter_init(&load.meter, load.opt.pid, load.opt.count ? 0 : load.opt.warmup, load.opt.seconds);
	meter_time(&load.meter, clock_mono_ns(), false);
	run(&load);
	meter_print(&load.meter, load.pending);
	return load.meter.wrong || load.pending ? 1 : 0;
}
