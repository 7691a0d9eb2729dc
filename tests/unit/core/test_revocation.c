/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/certcache.h"
#include "lib/bytes.h"
#include "lib/certs.h"
#include "lib/crls.h"
#include "lib/rig.h"
#include "pki/x509.h"

/* What is decided about certificates that may be revoked, over a whole engine with a clock of the test's own. */
static struct certs *root, *middle, *alice, *bob, *child, *pointed, *asked;

/* The one who answers: questions stand here until the test ends the wait. */
static struct {
	struct revocation_wait *wait;
	unsigned asks, cancels, looks;
	bool refuses; /* says that there is nothing to wait for */
	bool has_record;
	struct ocsp_record record;
} responder;

static bool respond_ocsp(void *arg, const struct revocation_question *question, int64_t now,
			 struct ocsp_record *out)
{
	(void)arg, (void)now;
	assert_true(question->cert.len && question->issuer.len && question->serial_len);
	responder.looks++;
	*out = responder.record;
	return responder.has_record;
}

static bool respond_ask(void *arg, struct revocation_wait *wait)
{
	(void)arg;
	assert_null(responder.wait);
	if (responder.refuses)
		return false;
	responder.asks++;
	responder.wait = wait;
	return true;
}

static void respond_cancel(void *arg, struct revocation_wait *wait)
{
	(void)arg;
	assert_ptr_equal(wait, responder.wait);
	responder.wait = NULL;
	responder.cancels++;
}

static const struct revocation_ops ops = { respond_ocsp, respond_ask, respond_cancel };

static void end_wait(void)
{
	struct revocation_wait *wait = responder.wait;

	responder.wait = NULL;
	wait->on_done(wait);
}

#define POINT "http://crl.example/1.crl"

static int start_all(void **state)
{
	const char *const point[] = { "crlDistributionPoints=URI:" POINT, NULL };
	const char *const aia[] = { "authorityInfoAccess=OCSP;URI:http://ocsp.example/", NULL };

	(void)state;
	root = certs_ca("/CN=Root", NULL);
	middle = certs_ca("/CN=Middle", root);
	alice = certs_make(&(struct certs_spec){ .subject = "/CN=alice", .issuer = root, .serial = "0A" });
	bob = certs_make(&(struct certs_spec){ .subject = "/CN=bob", .issuer = root, .serial = "0B" });
	child = certs_leaf("/CN=child", middle);
	pointed = certs_make(&(struct certs_spec){ .subject = "/CN=pointed", .issuer = root, .serial = "0D",
						   .extensions = point });
	asked = certs_make(&(struct certs_spec){ .subject = "/CN=asked", .issuer = root, .serial = "0E",
						 .extensions = aia });
	rig_revocation = &ops;
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	certs_free(asked);
	certs_free(pointed);
	certs_free(child);
	certs_free(bob);
	certs_free(alice);
	certs_free(middle);
	certs_free(root);
	return 0;
}

/* A rig whose one authority "ca" has that revocation table. */
static struct rig *rig_with(const char *revocation, const char *host)
{
	struct rig_file files[] = { { "ca.pem", root->pem }, { NULL, NULL } };
	char config[1000];

	memset(&responder, 0, sizeof(responder));
	snprintf(config, sizeof(config),
		 "return { authorities = { ca = { certificates = \"ca.pem\", revocation = { %s } } },"
		 " hosts = { [\"*\"] = { authorities = { \"ca\" } %s } } }", revocation, host);
	return rig_new(config, files);
}

static struct revlist *list_of(const struct crls_spec *spec)
{
	struct slice der = crls_make(spec);
	struct revlist *list;
	struct crl crl;
	uint8_t key[32];

	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_true(x509_issuer_key(spec->issuer->x509, key));
	assert_int_equal(revlist_build(&crl, NULL, key, false, &list), ERR_OK);
	free((void *)(uintptr_t)der.ptr);
	return list;
}

/* A state with up to three lists, each a source "/1.crl", "/2.crl" … of the authority. */
static void know(struct rig *rig, const struct crls_spec *specs, size_t count)
{
	static const char *const names[] = { "/1.crl", "/2.crl", "/3.crl" };
	struct revocation *state = revocation_new();

	for (size_t i = 0; i < count; i++) {
		struct source_list list = { .list = list_of(&specs[i]), .verified = true };
		struct revocation_source source = { .kind = SOURCE_FILE, .name = names[i], .lists = &list,
						    .list_count = 1 };

		revocation_put(state, "ca", &source);
		revlist_unref(list.list);
	}
	engine_revocation(rig->engine, state);
}

#define KNOW(rig, ...) know(rig, (struct crls_spec[]){ __VA_ARGS__ },                              \
			    sizeof((struct crls_spec[]){ __VA_ARGS__ }) / sizeof(struct crls_spec))
#define LISTS "crl = { \"/1.crl\", \"/2.crl\", \"/3.crl\" }"

static struct rig_request *ask(struct rig *rig, const struct certs *leaf)
{
	return rig_ask(rig, (struct named[]){ BINARY("cert", leaf->der), BINARY("chain", middle->der),
					      NAMED_END });
}

static void is(struct rig *rig, const struct certs *leaf, enum reason reason, enum revocation_status status,
	       const char *source)
{
	struct rig_request *request = ask(rig, leaf);
	struct tls_facts facts;

	assert_int_equal(request->state, ENGINE_DONE);
	assert_string_equal(reason_name(request->req.verdict.reason), reason_name(reason));
	tls_facts_get(&request->req, &facts);
	assert_string_equal(revocation_status_name(facts.revocation), revocation_status_name(status));
	assert_string_equal(facts.revocation_source, source);
	/* Another answer changes nothing of what verification said. */
	assert_true(request->req.cert->facts[FACT_ISSUER_SERIAL].len > 0);
	if (reason != REASON_ALLOWED)
		assert_string_equal(request->req.stage, "requirement");
	rig_done(request);
}

static void nothing_known(void **state)
{
	struct rig *rig = rig_with(LISTS, "");

	(void)state;
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	rig_free(rig);
	rig = rig_with(LISTS ", when_unknown = \"allow\"", "");
	is(rig, alice, REASON_ALLOWED, REVOCATION_UNKNOWN, "");
	rig_free(rig);
	rig = rig_with("", "");
	is(rig, alice, REASON_ALLOWED, REVOCATION_UNCHECKED, "");
	rig_free(rig);
	rig = rig_with("deny = { \"0B\" }", "");
	is(rig, alice, REASON_ALLOWED, REVOCATION_GOOD, "deny");
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "deny");
	rig_free(rig);
}

static const struct crls_entry has_bob[] = { { .serial = "0B", .reason = 1 }, { 0 } };

static void a_list_revokes_what_is_cached(void **state)
{
	struct rig *rig = rig_with(LISTS, "");
	uint64_t verified;

	(void)state;
	KNOW(rig, { .issuer = root });
	is(rig, bob, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	is(rig, alice, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	verified = engine_metrics(rig->engine)->verifications;
	KNOW(rig, { .issuer = root, .entries = has_bob });
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	is(rig, alice, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	KNOW(rig, { .issuer = root });
	is(rig, bob, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	/* No signature of theirs was checked again. */
	assert_int_equal(engine_metrics(rig->engine)->verifications, verified);
	assert_true(engine_metrics(rig->engine)->revocation_looks > 0);
	rig_free(rig);
}

static void lists_end(void **state)
{
	struct rig *rig = rig_with(LISTS, "");
	struct rig_request *request;

	(void)state;
	KNOW(rig, { .issuer = root, .next_update = CERTS_NOW + 1, .entries = has_bob });
	request = ask(rig, alice);
	assert_int_equal(request->req.verdict.until, CERTS_NOW + 1);
	rig_done(request);
	rig_sleep(1000000000);
	is(rig, alice, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	rig_sleep(1000000000);
	is(rig, alice, REASON_REVOCATION_STALE, REVOCATION_STALE, "crl");
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	/* A clock that goes back is believed, too. */
	rig_wall_s -= 2;
	rig_mono_ns += 1000000000;
	is(rig, alice, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	rig_free(rig);
	rig = rig_with(LISTS ", grace = 10", "");
	KNOW(rig, { .issuer = root, .next_update = CERTS_NOW + 1 });
	rig_sleep(2000000000);
	is(rig, alice, REASON_ALLOWED, REVOCATION_STALE, "crl");
	rig_sleep(9000000000);
	is(rig, alice, REASON_ALLOWED, REVOCATION_STALE, "crl");
	rig_sleep(1000000000);
	is(rig, alice, REASON_REVOCATION_STALE, REVOCATION_STALE, "crl");
	rig_free(rig);
}

/* Two CAs share a name: what an indirect list says of that name counts for the certificates of both. */
static void a_name_that_two_share(void **state)
{
	static const char *const extensions[] = { "issuingDistributionPoint=critical,@idp", NULL };
	static const char *const point[] = { "crlDistributionPoints=cdp", NULL };
	const char *conf = "[cdp]\nCRLissuer=dirName:lister\n[lister]\nCN=Lister\n";
	struct certs *lister = certs_ca("/CN=Lister", NULL);
	struct certs *twins[] = { certs_ca("/CN=Twin", NULL), certs_ca("/CN=Twin", NULL) };
	const struct crls_entry entries[] = { { .serial = "0B", .issuer = twins[0] }, { 0 } };
	char anchors[8192];
	struct rig_file files[] = { { "ca.pem", anchors }, { NULL, NULL } };
	struct rig *rig;

	(void)state;
	snprintf(anchors, sizeof(anchors), "%s%s%s", lister->pem, twins[0]->pem, twins[1]->pem);
	rig = rig_new("return { authorities = { ca = { certificates = \"ca.pem\", revocation = { " LISTS " } } },"
		      " hosts = { [\"*\"] = { authorities = { \"ca\" } } } }", files);
	KNOW(rig, { .issuer = lister, .entries = entries, .extensions = extensions, .conf = "[idp]\nindirectCRL=TRUE\n" });
	for (size_t i = 0; i < 2; i++) {
		struct certs *good = certs_make(&(struct certs_spec){ .subject = "/CN=good", .issuer = twins[i],
			.serial = "0A", .extensions = point, .conf = conf });
		struct certs *bad = certs_make(&(struct certs_spec){ .subject = "/CN=bad", .issuer = twins[i],
			.serial = "0B", .extensions = point, .conf = conf });

		is(rig, bad, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
		is(rig, good, REASON_ALLOWED, REVOCATION_GOOD, "crl");
		certs_free(good);
		certs_free(bad);
	}
	rig_free(rig);
	for (size_t i = 0; i < 2; i++)
		certs_free(twins[i]);
	certs_free(lister);
}

static void revoked_until_a_newer_list(void **state)
{
	struct rig *rig = rig_with(LISTS ", when_unknown = \"allow\"", "");
	const struct crls_spec old = { .issuer = root, .this_update = CERTS_NOW - 7200,
				       .next_update = CERTS_NOW - 3600, .entries = has_bob };

	(void)state;
	know(rig, &old, 1);
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	is(rig, alice, REASON_ALLOWED, REVOCATION_STALE, "crl");
	KNOW(rig, old, { .issuer = root, .this_update = CERTS_NOW - 7201 });
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	KNOW(rig, old, { .issuer = root, .this_update = CERTS_NOW - 60 });
	is(rig, bob, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	KNOW(rig, { .issuer = root, .this_update = CERTS_NOW - 60 },
	     { .issuer = root, .this_update = CERTS_NOW - 30, .entries = has_bob });
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	rig_free(rig);
}

static void dates_to_come(void **state)
{
	const struct crls_entry entries[] = { { .serial = "0B", .date = CERTS_NOW + 5 }, { 0 } };
	struct rig *rig = rig_with(LISTS, "");

	(void)state;
	KNOW(rig, { .issuer = root, .entries = entries });
	is(rig, bob, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	rig_sleep(4000000000);
	is(rig, bob, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	rig_sleep(1000000000);
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	/* A list from tomorrow answers for nobody today. */
	KNOW(rig, { .issuer = root, .this_update = CERTS_NOW + 3600, .next_update = CERTS_NOW + 7200 });
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	rig_sleep(INT64_C(3600000000000));
	is(rig, alice, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	/* What was revoked when its list was made stays so with a clock that goes back; who is good by that list is not known yet. */
	KNOW(rig, { .issuer = root, .this_update = CERTS_NOW + 5, .entries = entries });
	for (int64_t back = 0; back < 5; back++) {
		rig_wall_s = CERTS_NOW + 10 - back * back * back * 1000;
		rig_mono_ns += 1000000000;
		is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	}
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	rig_free(rig);
}

static void lists_that_do_not_cover(void **state)
{
	const char *const scope[] = { "issuingDistributionPoint=critical,@idp", NULL };
	struct rig *rig = rig_with(LISTS, "");

	(void)state;
	KNOW(rig, { .issuer = root, .extensions = scope, .conf = "[idp]\nfullname=URI:http://x/1\n" });
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	KNOW(rig, { .issuer = root, .extensions = scope, .conf = "[idp]\nonlyCA=TRUE\n" });
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	KNOW(rig, { .issuer = middle });
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	KNOW(rig, { .issuer = root, .extensions = scope, .conf = "[idp]\nfullname=URI:" POINT "\n" });
	is(rig, pointed, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	rig_free(rig);
	/* A source that the configuration no longer names. */
	rig = rig_with("crl = { \"/9.crl\" }", "");
	KNOW(rig, { .issuer = root });
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	rig_free(rig);
}

static void intermediates(void **state)
{
	struct slice serial = SLICE_EMPTY;
	struct crls_entry entries[] = { { .serial = NULL }, { 0 } };
	struct rig *rig = rig_with(LISTS, "");
	char hex[64];
	bool positive;

	(void)state;
	serial = x509_serial(middle->x509, &positive);
	for (size_t i = 0; i < serial.len; i++)
		snprintf(hex + 2 * i, 3, "%02X", serial.ptr[i]);
	entries[0].serial = hex;
	KNOW(rig, { .issuer = middle });
	is(rig, child, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	KNOW(rig, { .issuer = middle }, { .issuer = root, .entries = entries });
	is(rig, child, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	KNOW(rig, { .issuer = root });
	is(rig, child, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	rig_free(rig);
	rig = rig_with(LISTS ", chain = true", "");
	KNOW(rig, { .issuer = middle });
	is(rig, child, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	KNOW(rig, { .issuer = middle }, { .issuer = root });
	is(rig, child, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	rig_free(rig);
}

static void put_deny(struct rig *rig, const char *text, bool loaded)
{
	struct revocation *next = revocation_new();
	struct revocation_source source = { .kind = SOURCE_DENY, .name = "/denied", .loaded = loaded };
	unsigned line;

	assert_int_equal(deny_parse(slice_str(text), &source.deny, &line), ERR_OK);
	revocation_put(next, "ca", &source);
	deny_free(source.deny);
	engine_revocation(rig->engine, next);
}

static void deny_files(void **state)
{
	struct rig *rig = rig_with("deny = { \"file:/denied\" }", "");
	struct deny_set *set;
	unsigned line;

	(void)state;
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	put_deny(rig, "", false);
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	put_deny(rig, "", true);
	is(rig, alice, REASON_ALLOWED, REVOCATION_GOOD, "deny");
	put_deny(rig, "# none yet\r\n\n 0b \t# bob\r\ndec:99", true);
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "deny");
	is(rig, alice, REASON_ALLOWED, REVOCATION_GOOD, "deny");
	assert_int_equal(deny_parse(SLICE_LIT("0B\n\nzz\n"), &set, &line), ERR_FORMAT);
	assert_int_equal(line, 3);
	assert_null(set);
	rig_free(rig);
}

static void none_decides(void **state)
{
	struct rig *rig = rig_with(LISTS, ", require = \"none\"");
	struct rig_request *request;

	(void)state;
	KNOW(rig, { .issuer = root, .entries = has_bob });
	request = ask(rig, bob);
	assert_int_equal(request->req.verdict.reason, REASON_ALLOWED);
	assert_slice(fact_text(&request->req, FACT_VERIFIED), "SUCCESS");
	assert_slice(fact_text(&request->req, FACT_REVOKED), "1");
	rig_done(request);
	rig_free(rig);
}

static void put_point(struct rig *rig, const char *name, const struct crls_spec *spec, bool verified)
{
	struct revocation *state = revocation_new();
	struct source_list list = { .verified = verified };
	struct revocation_source source = { .kind = name[0] == '/' ? SOURCE_FILE : SOURCE_POINT, .name = name,
					    .lists = &list, .list_count = spec != NULL };
	struct crl crl;
	struct slice der = SLICE_EMPTY;

	if (spec) {
		list.list = list_of(spec);
		der = crls_make(spec);
		assert_int_equal(crl_parse(der, &crl), ERR_OK);
		list.issuer = crl.issuer;
	}
	revocation_put(state, "ca", &source);
	revlist_unref(list.list);
	free((void *)(uintptr_t)der.ptr);
	engine_revocation(rig->engine, state);
}

static void a_point_is_waited_for(void **state)
{
	const struct crls_entry entries[] = { { .serial = "0D" }, { 0 } };
	struct rig *rig = rig_with("distribution_points = true", "");
	struct rig_request *request = ask(rig, pointed);

	(void)state;
	assert_int_equal(request->state, ENGINE_PENDING);
	assert_int_equal(responder.wait->count, 1);
	assert_int_equal(responder.wait->questions[0].kind, ASK_LIST);
	assert_string_equal(responder.wait->questions[0].authority, "ca");
	assert_slice(responder.wait->questions[0].url, POINT);
	assert_int_equal(responder.wait->deadline_ns, request->req.deadline_ns);
	put_point(rig, POINT, &(struct crls_spec){ .issuer = root }, true);
	end_wait();
	assert_int_equal(request->done, 1);
	assert_int_equal(request->req.verdict.reason, REASON_ALLOWED);
	rig_done(request);
	is(rig, pointed, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	put_point(rig, POINT, &(struct crls_spec){ .issuer = root, .entries = entries }, true);
	is(rig, pointed, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	/* Tried, and it failed: nobody waits for it again. */
	put_point(rig, POINT, NULL, true);
	is(rig, pointed, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	assert_int_equal(responder.asks, 1);
	rig_free(rig);
}

static void waits_end(void **state)
{
	struct rig *rig = rig_with("distribution_points = true", "");
	struct rig_request *request = ask(rig, pointed);

	(void)state;
	assert_int_equal(request->state, ENGINE_PENDING);
	rig_done(request);
	assert_int_equal(responder.cancels, 1);
	assert_int_equal(rig->inflight.count, 0);
	/* The deadline: it waits no more, whatever is missing. */
	request = ask(rig, pointed);
	rig_sleep(INT64_C(600000000));
	end_wait();
	assert_int_equal(request->done, 1);
	assert_int_equal(request->req.verdict.reason, REASON_REVOCATION_UNKNOWN);
	rig_done(request);
	/* Nothing to wait for. */
	responder.refuses = true;
	is(rig, pointed, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	rig_free(rig);
}

static void what_changed_meanwhile_counts(void **state)
{
	struct rig *rig = rig_with("distribution_points = true", "");
	struct rig_request *request = ask(rig, pointed);

	(void)state;
	/* Another configuration denies it, and it is in use when the answer comes. */
	rig_reload(rig, "return { authorities = { ca = { certificates = \"ca.pem\", revocation = {"
			" distribution_points = true, deny = { \"0D\" } } } },"
			" hosts = { [\"*\"] = { authorities = { \"ca\" } } } }");
	put_point(rig, POINT, &(struct crls_spec){ .issuer = root }, true);
	end_wait();
	assert_int_equal(request->req.verdict.reason, REASON_CERTIFICATE_REVOKED);
	rig_done(request);
	rig_free(rig);
}

static void unverified_lists(void **state)
{
	struct rig *rig = rig_with(LISTS, "");
	struct rig_request *request;

	(void)state;
	put_point(rig, "/1.crl", &(struct crls_spec){ .issuer = root, .entries = has_bob }, false);
	request = ask(rig, bob);
	assert_int_equal(request->state, ENGINE_PENDING);
	assert_int_equal(responder.wait->questions[0].kind, ASK_CHECK);
	end_wait();
	/* It was looked at again, and there is still a question. */
	responder.refuses = true;
	assert_non_null(responder.wait);
	end_wait();
	assert_int_equal(request->req.verdict.reason, REASON_REVOCATION_UNKNOWN);
	rig_done(request);
	put_point(rig, "/1.crl", &(struct crls_spec){ .issuer = root, .entries = has_bob }, true);
	is(rig, bob, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "crl");
	rig_free(rig);
}

static void answers_of_responders(void **state)
{
	struct rig *rig = rig_with(LISTS ", ocsp = true", "");
	struct rig_request *request = ask(rig, asked);

	(void)state;
	assert_int_equal(request->state, ENGINE_PENDING);
	assert_int_equal(responder.wait->questions[0].kind, ASK_OCSP);
	responder.has_record = true;
	responder.record = (struct ocsp_record){ .this_update = CERTS_NOW - 10, .next_update = CERTS_NOW + 10,
						 .until = CERTS_NOW + 10, .look_again = CERTS_NOW + 6 };
	end_wait();
	assert_int_equal(request->req.verdict.reason, REASON_ALLOWED);
	rig_done(request);
	responder.looks = 0;
	is(rig, asked, REASON_ALLOWED, REVOCATION_GOOD, "ocsp");
	assert_int_equal(responder.looks, 0);
	rig_sleep(6000000000);
	is(rig, asked, REASON_ALLOWED, REVOCATION_GOOD, "ocsp");
	assert_int_equal(responder.looks, 1);
	/* It is over, and nobody answers. */
	rig_sleep(5000000000);
	responder.refuses = true;
	is(rig, asked, REASON_REVOCATION_STALE, REVOCATION_STALE, "ocsp");
	responder.record.revoked = true;
	responder.record.revoked_at = CERTS_NOW;
	is(rig, asked, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "ocsp");
	responder.record.this_update = CERTS_NOW + 3600;
	responder.record.revoked_at = CERTS_NOW + 3599;
	is(rig, asked, REASON_CERTIFICATE_REVOKED, REVOCATION_REVOKED, "ocsp");
	responder.record.revoked_at = CERTS_NOW + 3601;
	rig_sleep(2000000000);
	is(rig, asked, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	responder.record.this_update = CERTS_NOW - 10;
	/* A list that has an answer comes first. */
	responder.looks = 0;
	KNOW(rig, { .issuer = root });
	is(rig, asked, REASON_ALLOWED, REVOCATION_GOOD, "crl");
	assert_int_equal(responder.looks, 0);
	/* Nobody names a responder for this one. */
	KNOW(rig, { .issuer = middle });
	is(rig, alice, REASON_REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, "");
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_known), cmocka_unit_test(a_list_revokes_what_is_cached),
		cmocka_unit_test(lists_end), cmocka_unit_test(a_name_that_two_share),
		cmocka_unit_test(revoked_until_a_newer_list),
		cmocka_unit_test(dates_to_come), cmocka_unit_test(lists_that_do_not_cover),
		cmocka_unit_test(intermediates), cmocka_unit_test(deny_files),
		cmocka_unit_test(none_decides), cmocka_unit_test(a_point_is_waited_for),
		cmocka_unit_test(waits_end), cmocka_unit_test(what_changed_meanwhile_counts),
		cmocka_unit_test(unverified_lists), cmocka_unit_test(answers_of_responders),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
