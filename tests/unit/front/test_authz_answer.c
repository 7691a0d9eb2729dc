/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "front/authz_answer.h"
#include "lib/bytes.h"
#include "lib/certs.h"
#include "lib/chance.h"
#include "lib/rig.h"

/* What a certificate's answers have in common is kept encoded: it must not show. */
#define ROUNDS 3000
#define PAIRS_ALL 5

static struct chance chance = { 20261125 };
static struct certs *root, *middle, *alice;
static struct rig *rig;

static const char *const switches[] = {
	"managed_transform = true, client_cert = true", "managed_transform = true, forward_certificate = true",
	"client_cert = true", "managed_transform = false",
};

static void use_config(const char *headers)
{
	char config[512];

	snprintf(config, sizeof(config),
		 "return { authorities = { ca = { certificates = \"ca.pem\" } },"
		 " hosts = { [\"w.example.com\"] = { authorities = { \"ca\" } } },"
		 " workers = { { name = \"w\", script = \"w.lua\", routes = { \"w.example.com/*\" } } },"
		 " headers = { %s, owned = { \"x-client-\", \"x-user\" } } }", headers);
	rig_reload(rig, config);
}

static int start(void **state)
{
	struct rig_file files[] = { { "ca.pem", NULL }, { "w.lua", "return {}\n" }, { NULL, NULL } };

	(void)state;
	root = certs_ca("/CN=Root", NULL);
	middle = certs_ca("/CN=Middle", root);
	alice = certs_leaf("/O=Example/CN=alice", middle);
	files[0].text = root->pem;
	rig = rig_new("return { authorities = { ca = { certificates = \"ca.pem\" } },"
		      " hosts = { [\"w.example.com\"] = { authorities = { \"ca\" } } } }", files);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rig_free(rig);
	certs_free(alice);
	certs_free(middle);
	certs_free(root);
	return 0;
}

/* Of a route, whose Client-Cert is none of the client's headers. */
static struct rig_request *ask(struct slice headers)
{
	return rig_ask(rig, (struct named[]){ TEXT("host", "w.example.com"), TEXT("sni", "w.example.com"),
					      BINARY("cert", alice->der), BINARY("chain", middle->der),
					      BINARY("headers", headers), TEXT("hdr_client_cert", "x"), NAMED_END });
}

/* Names that are ours and others, and what a worker may set them to; few are no UTF-8. */
static struct slice some_name(void)
{
	static const struct slice names[] = {
		SLICE_INIT("x-client-name"), SLICE_INIT("x-user"), SLICE_INIT("X_User"), SLICE_INIT("cf-cert-verified"),
		SLICE_INIT("CF-Cert-SKI"), SLICE_INIT("Client-Cert"), SLICE_INIT("cf-access-jwt-assertion"),
		SLICE_INIT("client-cert-chain"), SLICE_INIT("cf-client-cert-sha256"), SLICE_INIT("cookie"),
		SLICE_INIT("x-a"), SLICE_INIT("X-A"), SLICE_INIT("x-b"), SLICE_INIT("x-mtls-a"),
	};

	return chance_once_in(&chance, 200) ? SLICE_LIT("x-\xff") : names[chance_below(&chance, sizeof(names) / sizeof(names[0]))];
}

static struct slice some_block(struct buf *b, bool pairs)
{
	size_t count = chance_below(&chance, PAIRS_ALL);

	buf_reset(b);
	while (count--) {
		buf_varstr(b, some_name());
		if (pairs)
			buf_varstr(b, chance_once_in(&chance, 100) ? SLICE_LIT("\xc3") : SLICE_LIT("v"));
	}
	return buf_slice(b);
}

static enum err encode(struct buf *b, const struct rig_request *request)
{
	unsigned undeletable;

	buf_reset(b);
	return authz_answer_encode(b, &request->req, &undeletable);
}

/* As it would be without anything kept, when it is kept, and when it is found again. */
static void compare(struct rig_request *request, unsigned *failed)
{
	struct slice *place = request->req.verdict.encoded_edits;
	struct buf plain = buf_capped(0), kept = buf_capped(0);
	enum err err;

	assert_non_null(place);
	request->req.verdict.encoded_edits = NULL;
	err = encode(&plain, request);
	request->req.verdict.encoded_edits = place;
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(encode(&kept, request), err);
		assert_bytes(buf_slice(&kept), buf_slice(&plain));
		assert_true(place->len > 0);
	}
	*failed += err != ERR_OK;
	buf_fini(&plain);
	buf_fini(&kept);
}

static void what_is_kept_does_not_show(void **state)
{
	struct buf sent = buf_capped(0), set = buf_capped(0), del = buf_capped(0);
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct rig_request *request;

		if (i % (ROUNDS / 4) == 0)
			use_config(switches[i / (ROUNDS / 4)]);
		(void)some_block(&sent, true);
		buf_put(&sent, SLICE_LIT("\0\0"));
		rig->result = (struct policy_result){
			.outcome = POLICY_PASSED, .req_set = some_block(&set, true), .req_del = some_block(&del, false),
		};
		request = ask(buf_slice(&sent));
		assert_int_equal(request->req.verdict.kind, VERDICT_ALLOW);
		compare(request, &failed);
		rig_done(request);
	}
	assert_in_range(failed, 1, ROUNDS / 2);
	buf_fini(&sent);
	buf_fini(&set);
	buf_fini(&del);
}

static void as_many_headers_fit_as_without(void **state)
{
	struct buf set = buf_capped(0);
	unsigned failed = 0;

	(void)state;
	use_config(switches[0]);
	for (unsigned count = 0; count < 410; count++) {
		struct rig_request *request;

		rig->result = (struct policy_result){ .outcome = POLICY_PASSED, .req_set = buf_slice(&set) };
		request = ask(SLICE_LIT("\0\0"));
		compare(request, &failed);
		rig_done(request);
		buf_varstr(&set, count % 2 ? SLICE_LIT("x-a") : SLICE_LIT("x-b"));
		buf_varstr(&set, SLICE_LIT("v"));
	}
	assert_in_range(failed, 1, 100);
	buf_fini(&set);
}

static void it_is_used(void **state)
{
	/* One removal, and one header that says nothing. */
	static const uint8_t other[] = { 0, 0, 0, 3, 0x2a, 0x01, 'r', 0x12, 0x00 };
	struct buf b = buf_capped(0);
	struct rig_request *request;
	struct slice *place;

	(void)state;
	use_config(switches[3]);
	rig->result = (struct policy_result){ .outcome = POLICY_PASSED };
	request = ask(SLICE_LIT("\0\0"));
	place = request->req.verdict.encoded_edits;
	assert_int_equal(encode(&b, request), ERR_OK);
	free((void *)(uintptr_t)place->ptr);
	*place = slice_of(malloc(sizeof(other)), sizeof(other));
	memcpy((void *)(uintptr_t)place->ptr, other, sizeof(other));
	assert_int_equal(encode(&b, request), ERR_OK);
	assert_bytes(slice_sub(buf_slice(&b), 0, 9), SLICE_LIT("\x0a\x00\x1a\x05\x2a\x01r\x12\x00"));
	buf_fini(&b);
	rig_done(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_does_not_show),
		cmocka_unit_test(as_many_headers_fit_as_without),
		cmocka_unit_test(it_is_used),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start, stop);
}
