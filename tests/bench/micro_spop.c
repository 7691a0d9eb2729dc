/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NOTIFY frames in, ACK frames out, through a whole session and engine with
 * real clocks, certificates in the cache, the headers of the managed transform
 * and a worker that costs nothing: what is left beside sockets and Lua.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config_load.h"
#include "front/spoe.h"
#include "lib/certs.h"
#include "lib/spop_peer.h"

#define CERTS 64
#define BATCH 64
#define RUNS 7

static const char config_text[] =
	"return { listen = { spop = {}, admin = {}, control = {} }, state = \"/tmp/mtlsguard-micro/state\","
	" authorities = { ca = { certificates = \"ca.pem\" } },"
	" hosts = { [\"api.example.com\"] = { authorities = { \"ca\" } }, [\"*.example.org\"] = { authorities = { \"ca\" } } },"
	" workers = { { name = \"w\", script = \"w.lua\", routes = { \"api.example.com/*\" } } },"
	" headers = { managed_transform = true } }";

static struct buf out = { .cap = 0 };

static int64_t now_ns(void *arg)
{
	(void)arg;
	return 0;
}

static struct buf *get_out(void *arg)
{
	(void)arg;
	return &out;
}

static size_t waiting(void *arg)
{
	(void)arg;
	return 0;
}

static void bound(void *arg, size_t max)
{
	(void)arg;
	(void)max;
}

static void flush(void *arg)
{
	(void)arg;
}

static void set_paused(void *arg, bool paused)
{
	(void)arg;
	(void)paused;
}

static void finish(void *arg, int64_t linger_ns)
{
	(void)arg;
	(void)linger_ns;
}

static void complain(void *arg, enum spop_status status, const char *what)
{
	(void)arg;
	fprintf(stderr, "%s (%d)\n", what, (int)status);
	exit(2);
}

static const struct spoe_hooks hooks = { now_ns, get_out, waiting, bound, flush, set_paused, finish, complain };

static enum policy_state start(struct policy_set *set, struct policy_call *call)
{
	(void)set;
	call->result.outcome = POLICY_PASSED;
	call->result.req_del = SLICE_LIT("\x0d" "x-client-name" "\x0b" "x-client-ou");
	call->result.req_set = SLICE_LIT("\x0d" "x-client-name" "\x05" "alice" "\x0b" "x-client-ou" "\x03" "ops");
	return POLICY_DONE;
}

static const struct policy_ops ops = { .start = start };

static void retire(void *arg, struct snapshot *snapshot, struct policy_set *policies)
{
	(void)arg;
	(void)policies;
	snapshot_unref(snapshot);
}

static struct snapshot *make_snapshot(const struct certs *ca)
{
	struct diag_list diag = { 0 };
	struct snapshot *snapshot;
	struct config *config;

	if (system("mkdir -p /tmp/mtlsguard-micro"))
		exit(2);
	certs_write("/tmp/mtlsguard-micro/ca.pem", ca->pem);
	certs_write("/tmp/mtlsguard-micro/w.lua", "return {}\n");
	certs_write("/tmp/mtlsguard-micro/main.lua", config_text);
	if (config_load("/tmp/mtlsguard-micro/main.lua", &diag, &config) ||
	    snapshot_build(config, NULL, &diag, &snapshot)) {
		fprintf(stderr, "%s\n", diag.items[0].message);
		exit(2);
	}
	return snapshot;
}

/* The message of the shipped spoe-mtlsguard.conf. */
static void put_question(struct buf *frames, uint64_t stream, const struct certs *leaf)
{
	const struct named args[] = {
		BINARY("cert", leaf->der), BOOL("used", true), NONE("chain"),
		TEXT("sni", "api.example.com"), TEXT("tls_version", "TLSv1.3"),
		TEXT("tls_cipher", "TLS_AES_256_GCM_SHA384"), BOOL("resumed", false),
		BOOL("early", false), { "src", { .kind = VALUE_IP, .bytes = SLICE_INIT("\x7f\0\0\1") } },
		INT("src_port", 40123), TEXT("method", "GET"), TEXT("scheme", "https"),
		TEXT("host", "api.example.com"), TEXT("path", "/v1/things/42"), TEXT("query", "a=b"),
		TEXT("version", "1.1"), TEXT("hdr_accept", "*/*"), TEXT("id", "7F000001:9CBB_7F000001:01BB_1"),
		NAMED_END,
	};

	peer_notify(frames, stream, 1, args);
}

static struct buf make_frames(const struct certs *ca)
{
	struct buf frames = buf_capped(0);

	for (unsigned i = 0; i < CERTS; i++) {
		struct certs_spec spec = { .subject = "/C=GB/O=Example Ltd/OU=Access Admins/CN=alice",
					   .issuer = ca, .key = i % 2 ? CERTS_RSA : CERTS_EC };
		struct certs *leaf = certs_make(&spec);

		put_question(&frames, 2 * i + 1, leaf);
		certs_free(leaf);
	}
	return frames;
}

static __attribute__((noinline)) void measure(struct spoe_session *session, struct slice frames, unsigned verdicts)
{
	int64_t best = INT64_MAX;

	for (unsigned i = 0; i < RUNS; i++) {
		int64_t before = clock_thread_cpu_ns(), took;

		for (unsigned n = 0; n < verdicts; n += BATCH) {
			out.len = 0;
			if (spoe_feed(session, frames) != frames.len)
				exit(2);
		}
		took = (clock_thread_cpu_ns() - before) / verdicts;
		best = took < best ? took : best;
	}
	printf("%u NOTIFY of %zu bytes, ACK of %zu: %" PRId64 " ns a verdict (best of %d runs)\n", BATCH,
	       frames.len / BATCH, out.len / BATCH, best, RUNS);
}

int main(int argc, char **argv)
{
	struct certs *ca = certs_ca("/C=GB/O=Example Ltd/CN=Example CA", NULL);
	struct inflight inflight = { 0 };
	struct engine_env env = {
		.mono_ns = clock_mono_ns, .wall_s = clock_wall_s, .wall_ns = clock_wall_ns,
		.policy = &ops, .chains = chaincache_new(1 << 20), .inflight = &inflight,
		.retire = retire, .loops = 1,
	};
	struct spoe_stats stats = { 0 };
	struct spoe_shared shared = { .stats = &stats };
	struct buf hello = buf_capped(0), frames = make_frames(ca);
	struct spoe_session *session;
	struct slice acks;
	struct spop_frame ack;

	shared.engine = engine_new(&env, make_snapshot(ca), NULL);
	session = spoe_new(&shared, &hooks, NULL);
	peer_hello(&hello, 16380, "pipelining");
	(void)spoe_feed(session, buf_slice(&hello));
	out.len = 0;
	(void)spoe_feed(session, buf_slice(&frames));
	acks = buf_slice(&out);
	if (!peer_next(&acks, &ack) || strcmp(peer_text(&ack, "verdict"), "allow")) {
		fprintf(stderr, "not allowed: %s\n", peer_text(&ack, "reason"));
		return 2;
	}
	measure(session, buf_slice(&frames), argc > 1 ? (unsigned)atoi(argv[1]) : 1000000);
	spoe_free(session);
	spoe_shared_fini(&shared);
	engine_free(shared.engine);
	chaincache_free(env.chains);
	certs_free(ca);
	buf_fini(&hello);
	buf_fini(&frames);
	buf_fini(&out);
	return 0;
}
