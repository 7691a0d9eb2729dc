/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envoy's side of ext_authz as a load generator: N HTTP/2 connections with M
 * Check calls in flight each, every answer's verdict checked. Bounded in time
 * and count. Prints one JSON object; exit 1 when an answer was wrong or missing.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/check.h"
#include "bench/meter.h"
#include "bench/peer.h"

#define SECOND INT64_C(1000000000)
#define GRACE (2 * SECOND)
#define READ_SIZE 262144
#define EVENTS 128
#define ANSWER_MAX 65536

/* What Envoy announces. */
#define STREAM_WINDOW (16 << 20)
#define CONNECTION_WINDOW (24 << 20)

struct options {
	const char *address, *mix, *save_answer;
	unsigned connections, inflight;
	double seconds, warmup;
	uint64_t count;
	pid_t pid;
	bool hold;
};

/* One call at a time. */
struct slot {
	struct conn *conn;
	const struct mix_item *item;
	int64_t since;
	uint8_t *body;
	size_t sent;
	bool is_ok;	 /* :status 200 */
	bool has_status; /* grpc-status 0 */
	struct buf answer;
	struct slot *next; /* idle ones */
};

struct conn {
	struct load *load;
	int fd;
	bool blocked; /* waits for room in the socket */
	nghttp2_session *session;
	struct slot *slots, *idle;
	struct buf out;
};

struct load {
	struct options opt;
	struct mix mix;
	struct conn *conns;
	int epoll;
	uint64_t sent, pending;
	int64_t now;
	struct meter meter;
};

static void save_answer(const struct options *opt, struct slice answer)
{
	FILE *file = fopen(opt->save_answer, "wb");
	if (!file || fwrite(answer.ptr, 1, answer.len, file) != answer.len || fclose(file) != 0)
		die("%s: %s", opt->save_answer, strerror(errno));
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
			 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct slot *slot = source->ptr;
	size_t left = slot->item->len - slot->sent, n = left < room ? left : room;
	(void)session;
	(void)stream;
	(void)arg;
	memcpy(to, slot->body + slot->sent, n);
	slot->sent += n;
	if (n == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define NV(n, v) { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, sizeof(v) - 1, \
		   NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE }

/* Sends one more call out of an idle slot. */
static void conn_stage(struct load *load, struct conn *conn)
{
	static const nghttp2_nv headers[] = {
		NV(":method", "POST"), NV(":scheme", "http"),
		NV(":path", "/envoy.service.auth.v3.Authorization/Check"), NV(":authority", "mtlsguard"),
		NV("te", "trailers"), NV("grpc-timeout", "1000m"), NV("content-type", "application/grpc"),
		NV("x-tls-version", "TLSv1.3"), NV("x-envoy-internal", "true"),
		NV("x-forwarded-for", "127.0.0.1"), NV("x-envoy-expected-rq-timeout-ms", "1000"),
	};
	struct slot *slot = conn->idle;
	nghttp2_data_provider body = { .source.ptr = slot, .read_callback = read_body };
	conn->idle = slot->next;
	slot->item = &load->mix.items[load->sent++ % load->mix.count];
	slot->since = load->now;
	slot->sent = 0;
	slot->is_ok = slot->has_status = false;
	buf_reset(&slot->answer);
	check_stamp(slot->item, slot->body, load->sent);
	load->pending++;
	if (nghttp2_submit_request(conn->session, NULL, headers, sizeof(headers) / sizeof(headers[0]),
				   &body, slot) < 0)
		die("no more streams");
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct slot *slot = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct slice key = slice_of(name, name_len), text = slice_of(value, value_len);
	(void)flags;
	(void)arg;
	if (slot && slice_eq(key, SLICE_LIT(":status")))
		slot->is_ok = slice_eq(text, SLICE_LIT("200"));
	else if (slot && slice_eq(key, SLICE_LIT("grpc-status")))
		slot->has_status = slice_eq(text, SLICE_LIT("0"));
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
		   size_t len, void *arg)
{
	struct slot *slot = nghttp2_session_get_stream_user_data(session, stream);
	(void)flags;
	(void)arg;
	if (slot)
		buf_put(&slot->answer, slice_of(data, len));
	return 0;
}

/* A call is over, well or not. */
static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
	struct slot *slot = nghttp2_session_get_stream_user_data(session, stream);
	if (!slot)
		return 0;
	struct load *load = slot->conn->load;
	struct slice answer = buf_slice(&slot->answer);
	const char *why = code ? "the stream was reset" : "an error instead of an answer";
	(void)arg;
	if (code || !slot->is_ok || !slot->has_status || !check_answer_right(slot->item, answer, &why))
		meter_wrong(&load->meter, slot->item->verdict, slot->item->reason, why);
	else if (load->opt.save_answer) {
		save_answer(&load->opt, slice_sub(answer, CHECK_PREFIX, answer.len));
		load->opt.save_answer = NULL;
	}
	meter_answer(&load->meter, load->now - slot->since, slot->item->len, answer.len);
	slot->next = slot->conn->idle;
	slot->conn->idle = slot;
	load->pending--;
	return 0;
}

static void make_session(struct conn *conn)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1024 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
	};
	nghttp2_session_callbacks *back;
	if (nghttp2_session_callbacks_new(&back))
		die("out of memory");
	nghttp2_session_callbacks_set_on_header_callback(back, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(back, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(back, on_close);
	if (nghttp2_session_client_new(&conn->session, back, conn) ||
	    nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, 3) ||
	    nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW))
		die("out of memory");
	nghttp2_session_callbacks_del(back);
}

static void conn_init(struct load *load, struct conn *conn)
{
	size_t largest = 0;
	for (size_t i = 0; i < load->mix.count; i++)
		largest = load->mix.items[i].len > largest ? load->mix.items[i].len : largest;
	conn->load = load;
	conn->out = buf_capped(0);
	conn->slots = calloc(load->opt.inflight, sizeof(*conn->slots));
	if (!conn->slots)
		die("out of memory");
	for (unsigned i = 0; i < load->opt.inflight; i++) {
		struct slot *slot = &conn->slots[i];
		*slot = (struct slot){ .conn = conn, .body = malloc(largest), .next = conn->idle,
				       .answer = buf_capped(ANSWER_MAX) };
		if (!slot->body)
			die("out of memory");
		conn->idle = slot;
	}
	make_session(conn);
	conn->fd = peer_connect(load->opt.address);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
	if (conn->fd < 0 || epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		die("%s: %s", load->opt.address, strerror(errno));
	peer_unblock(conn->fd);
}

static void conn_watch(struct load *load, struct conn *conn, bool output)
{
	struct epoll_event event = { .events = output ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = conn };
	if (conn->blocked == output)
		return;
	conn->blocked = output;
	if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, conn->fd, &event) != 0)
		die("epoll_ctl: %s", strerror(errno));
}

/* All that HTTP/2 has to say, with one write. */
static void conn_flush(struct load *load, struct conn *conn)
{
	const uint8_t *bytes;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(conn->session, &bytes)) > 0)
		buf_put(&conn->out, slice_of(bytes, (size_t)n));
	if (n < 0)
		die("HTTP/2: %s", nghttp2_strerror((int)n));
	if (conn->out.len) {
		n = write(conn->fd, conn->out.ptr, conn->out.len);
		if (n < 0 && errno != EAGAIN)
			die("write: %s", strerror(errno));
		buf_drop(&conn->out, n > 0 ? (size_t)n : 0);
	}
	conn_watch(load, conn, conn->out.len > 0);
}

static void conn_fill(struct load *load, struct conn *conn)
{
	while (conn->idle && !load->meter.stopping &&
	       (load->opt.count == 0 || load->sent < load->opt.count))
		conn_stage(load, conn);
	conn_flush(load, conn);
}

static void on_readable(struct load *load, struct conn *conn)
{
	static uint8_t in[READ_SIZE];
	ssize_t n = read(conn->fd, in, sizeof(in));
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the agent closed a connection with %" PRIu64 " answers owed: %s", load->pending,
		    n < 0 ? strerror(errno) : "end of stream");
	load->now = clock_mono_ns();
	ssize_t taken = nghttp2_session_mem_recv(conn->session, in, (size_t)n);
	if (taken < 0)
		die("HTTP/2: %s", nghttp2_strerror((int)taken));
	conn_fill(load, conn);
}

static void run(struct load *load)
{
	struct epoll_event events[EVENTS];
	struct meter *meter = &load->meter;
	load->now = clock_mono_ns();
	for (unsigned i = 0; i < load->opt.connections; i++)
		conn_fill(load, &load->conns[i]);
	while (!meter->stopping || (load->pending > 0 && load->now < meter->wall_end + GRACE)) {
		int n = epoll_wait(load->epoll, events, EVENTS, 50);
		if (n < 0 && errno != EINTR)
			die("epoll_wait: %s", strerror(errno));
		for (int i = 0; i < n; i++) {
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				on_readable(load, events[i].data.ptr);
			else
				conn_fill(load, events[i].data.ptr);
		}
		load->now = clock_mono_ns();
		meter_time(meter, load->now,
			   load->opt.count > 0 && load->sent >= load->opt.count && load->pending == 0);
	}
}

static const char usage[] =
	"usage: grpc_load --connect unix:PATH|HOST:PORT --mix FILE [--connections 4] [--inflight 64]\n"
	"                 [--seconds 2] [--warmup 0.3] [--count N] [--pid AGENT] [--save-answer FILE]\n"
	"                 [--hold]     keep the connections until standard input ends";

static struct options parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "connect", required_argument, NULL, 'a' },	 { "mix", required_argument, NULL, 'm' },
		{ "connections", required_argument, NULL, 'n' }, { "inflight", required_argument, NULL, 'i' },
		{ "seconds", required_argument, NULL, 's' },	 { "warmup", required_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'c' },	 { "pid", required_argument, NULL, 'p' },
		{ "save-answer", required_argument, NULL, 'o' }, { "hold", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options opt = { .connections = 4, .inflight = 64, .seconds = 2, .warmup = 0.3 };
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'a': opt.address = optarg; break;
		case 'm': opt.mix = optarg; break;
		case 'o': opt.save_answer = optarg; break;
		case 'n': opt.connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'i': opt.inflight = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'c': opt.count = strtoull(optarg, NULL, 10); break;
		case 's': opt.seconds = strtod(optarg, NULL); break;
		case 'w': opt.warmup = strtod(optarg, NULL); break;
		case 'p': opt.pid = (pid_t)strtol(optarg, NULL, 10); break;
		case 'h': opt.hold = true; break;
		default: die("%s", usage);
		}
	}
	if (!opt.address || !opt.mix || optind < argc || opt.connections < 1 ||
	    opt.connections > 4096 || opt.inflight < 1 || opt.inflight > 256 ||
	    opt.seconds <= 0 || opt.seconds > 600)
		die("%s", usage);
	return opt;
}

static void allow_many_sockets(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	static struct load load;
	load.opt = parse_options(argc, argv);
	load.mix = mix_read(load.opt.mix, check_form);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.conns = calloc(load.opt.connections, sizeof(*load.conns));
	if (load.epoll < 0 || !load.conns)
		die("%s", strerror(errno));
	allow_many_sockets();
	for (unsigned i = 0; i < load.opt.connections; i++)
		conn_init(&load, &load.conns[i]);
	meter_init(&load.meter, load.opt.pid, load.opt.count ? 0 : load.opt.warmup, load.opt.seconds);
	meter_time(&load.meter, clock_mono_ns(), false);
	run(&load);
	meter_print(&load.meter, load.pending);
	if (load.opt.hold)
		for (int c = 0; c != EOF; c = getchar())
			continue;
	return load.meter.wrong || load.pending ? 1 : 0;
}
