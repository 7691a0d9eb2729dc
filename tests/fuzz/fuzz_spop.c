/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaches: the whole SPOP session with a real engine and snapshot: frame header,
 * HELLO, DISCONNECT, NOTIFY with every data type, fragments, abort, back-pressure,
 * deadlines, drain; canonical host and path; certificates that are none; ACKs of
 * every size, each decoded again. Workers are scripted by the input too.
 *
 * The first byte says how the rest is delivered and whether HELLO was said
 * before. Then the bytes come as HAProxy would send them.
 */
#include <stdlib.h>

#include "lib/certs.h"
#include "lib/spoe_rig.h"

#define SAID_HELLO 0x01u /* a HELLO comes first */
#define SMALL 0x02u	 /* that offers frames of 256 bytes */
#define DRIP 0x04u	 /* one byte at a time */
#define PEND 0x08u	 /* workers wait; they end, or run out of time, or are cancelled */
#define RESPOND 0x10u	 /* workers respond, with a large body */
#define DRAIN 0x20u
#define STUFFED 0x40u	 /* output waits for a while */
#define LOSE 0x80u	 /* the connection is lost with all that is open */

static struct rig *rig;
static struct spoe_shared *shared;

static void stop(void)
{
	spoe_rig_shared_free(shared);
	rig_free(rig);
}

static void start(void)
{
	static const struct rig_file files[] = { { "w.lua", "return {}\n" }, { "ca.pem", NULL }, { NULL, NULL } };
	struct rig_file with_ca[3] = { files[0], files[1], files[2] };
	struct certs *ca = certs_ca("/CN=Fuzz CA", NULL);

	with_ca[1].text = ca->pem;
	rig = rig_new("return { limits = { frame = 16380, message = 20000, inflight = 40 },"
		      " authorities = { ca = { certificates = \"ca.pem\" } },"
		      " hosts = { [\"*\"] = { authorities = { \"ca\" }, require = \"none\" } },"
		      " headers = { managed_transform = true, client_cert = true },"
		      " workers = { { name = \"w\", script = \"w.lua\", routes = { \"*/w/*\" } } },"
		      " decisions = { level = \"all\" } }", with_ca);
	shared = spoe_rig_shared(rig);
	atexit(stop);
	certs_free(ca);
}

static struct policy_result result_of(unsigned how)
{
	static uint8_t body[20000];
	struct policy_result result = { .outcome = POLICY_PASSED };

	if (how & RESPOND)
		result = (struct policy_result){ .outcome = POLICY_RESPONDED, .status = 200,
						 .body = slice_of(body, (how & SMALL) ? sizeof(body) : 300) };
	return result;
}

/* Whatever came in: what goes out are whole frames, ACKs with an action or a goodbye. */
static void check_output(struct spoe_rig *peer)
{
	struct spop_disconnect goodbye;
	struct spop_frame frame;

	while (spoe_rig_next(peer, &frame)) {
		if (frame.payload.len > 16380 - 64)
			abort();
		if (frame.type == SPOP_ACK) {
			const char *verdict = peer_text(&frame, "verdict");

			if (peer_actions(&frame) == 0)
				abort();
			/* An empty NOTIFY alone has no verdict. */
			if (!verdict[0] && peer_actions(&frame) != 1)
				abort();
		} else if (frame.type == SPOP_AGENT_DISCONNECT) {
			if (spop_disconnect_decode(frame.payload, &goodbye))
				abort();
		} else if (frame.type != SPOP_AGENT_HELLO) {
			abort();
		}
	}
	peer->seen = 0;
	buf_reset(&peer->out);
}

static void deliver(struct spoe_rig *peer, struct slice bytes, unsigned how)
{
	if (how & STUFFED)
		peer->waiting = SPOE_OUT_MAX + 1;
	if (how & DRIP)
		spoe_rig_drip(peer, slice_sub(bytes, 0, 2000));
	else
		spoe_rig_send(peer, bytes);
	check_output(peer);
	peer->waiting = (size_t)-1;
	spoe_writable(peer->session);
	spoe_rig_again(peer);
	check_output(peer);
}

static void end(struct spoe_rig *peer, unsigned how)
{
	if (how & DRAIN)
		spoe_drain(peer->session);
	if (how & LOSE)
		return;
	for (unsigned i = 0; rig->pending_count && i < 3; i++)
		rig_complete(rig, rig->pending_count / 2, result_of(how));
	spoe_rig_sleep(peer, 30 * INT64_C(1000000000));
	check_output(peer);
	/* Deadlines have answered what is left. */
	if (rig->pending_count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how = size ? data[0] : 0;
	struct buf hello = buf_capped(0);
	struct spoe_rig *peer;

	if (!rig)
		start();
	peer = spoe_rig_new(rig, shared);
	rig->state = how & PEND ? POLICY_PENDING : POLICY_DONE;
	rig->result = result_of(how);
	if (how & SAID_HELLO) {
		peer_hello(&hello, how & SMALL ? 256 : 16380, "pipelining");
		spoe_rig_send(peer, buf_slice(&hello));
		buf_fini(&hello);
	}
	if (size)
		deliver(peer, slice_of(data + 1, size - 1), how);
	end(peer, how);
	spoe_rig_free(peer);
	if (rig->pending_count || rig->inflight.count)
		abort();
	buf_reset(&rig->records);
	return 0;
}
