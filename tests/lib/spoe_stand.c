/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/spoe_stand.h"

struct rig *rig;
struct spoe_shared *shared;
struct spoe_rig *peer;

void spoe_stand_open(const char *config, const struct rig_file *files)
{
	rig = rig_new(config, files);
	shared = spoe_rig_shared(rig);
	peer = spoe_rig_new(rig, shared);
}

int spoe_stand_close(void **state)
{
	(void)state;
	spoe_rig_free(peer);
	spoe_rig_shared_free(shared);
	rig_free(rig);
	return 0;
}

void spoe_stand_again(void)
{
	spoe_rig_free(peer);
	peer = spoe_rig_new(rig, shared);
}

struct spop_frame spoe_stand_next(void)
{
	struct spop_frame frame;

	assert_true(spoe_rig_next(peer, &frame));
	return frame;
}

void spoe_stand_silent(void)
{
	struct spop_frame frame;

	assert_false(spoe_rig_next(peer, &frame));
}

void spoe_stand_send(struct slice payload)
{
	struct buf frame = buf_capped(0);

	peer_frame(&frame, SPOP_NOTIFY, SPOP_FIN, 7, 1, payload);
	spoe_rig_send(peer, buf_slice(&frame));
	buf_fini(&frame);
}

void spoe_stand_decided(const struct spop_frame *ack, const char *verdict, const char *status, const char *reason)
{
	assert_int_equal(ack->type, SPOP_ACK);
	assert_string_equal(peer_text(ack, "verdict"), verdict);
	assert_string_equal(peer_text(ack, "status"), status);
	assert_string_equal(peer_text(ack, "reason"), reason);
	assert_int_equal(strlen(peer_text(ack, "id")), 24);
}
