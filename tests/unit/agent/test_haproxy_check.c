/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "haproxy_check.h"

/*
 * The shipped files, as they are and with one thing broken in each test. The
 * folder is found from the place that the runner starts tests in.
 */
#define FOLDER "haproxy-conf/"

static struct haproxy_arg args[] = {
	{ "cert", "ssl_c_der", "is what is decided on", true, 0 },
	{ "host", "req.fhdr(host)", "finds the host's entry", true, 0 },
	{ "chain", "ssl_c_chain_der", "brings the intermediates", true, 0 },
	{ "sni", "ssl_fc_sni", "tells 421", false, 0 },
};
static struct haproxy_arg connection_args[] = {
	{ "cert", "ssl_c_der", "is what is decided on", true, 0 },
	{ "chain", "ssl_c_chain_der", "brings the intermediates", true, 0 },
	{ "sni", "ssl_fc_sni", "finds the host's entry", true, 0 },
};
static const char *owned[] = { "cf-cert-", "x-mtls-", "client-cert", "client-cert-chain",
			 "cf-client-cert-der-base64", "cf-client-cert-sha256", "cf-access-jwt-assertion" };
static const char *sockets[] = { "/var/lib/haproxy/mtlsguard.sock" };
static const struct haproxy_need usual = {
	.args = args, .arg_count = 4, .connection_args = connection_args, .connection_arg_count = 3, .owned = owned, .owned_count = 7, .config_file = "mtlsguard.lua",
	.host_count = 2, .deadline_ns = 500000000, .sockets = sockets, .socket_count = 1,
};

/* What is changed in one of the two files: a line, or a part of one. */
struct edit {
	const char *file, *from, *to;
	const struct edit *also;
};

#define EDIT(file, from, to) ((struct edit){ file, from, to, NULL })

static void read_whole(const char *name, struct buf *out)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	buf_added(out, fread(buf_want(out, 1 << 16), 1, 1 << 16, file));
	fclose(file);
}

static void apply(const struct edit *edit, struct buf *text)
{
	struct buf out = buf_capped(0);
	const char *start, *found;

	buf_u8(text, '\0');
	start = (const char *)text->ptr;
	found = strstr(start, edit->from);
	if (!found)
		fail_msg("%s has no \"%s\"", edit->file, edit->from);
	buf_put(&out, slice_of(start, (size_t)(found - start)));
	buf_str(&out, edit->to);
	buf_str(&out, found + strlen(edit->from));
	buf_fini(text);
	*text = out;
}

static void read_edited(const char *name, const struct edit *edit, struct buf *out)
{
	read_whole(name, out);
	for (; edit; edit = edit->also)
		if (strcmp(edit->file, name) == 0)
			apply(edit, out);
}

static bool read_spoe(void *arg, const char *front, const char *name, struct buf *path, struct buf *text)
{
	(void)front;
	(void)name;
	buf_str(path, "spoe-mtlsguard.conf");
	read_edited("spoe-mtlsguard.conf", arg, text);
	return true;
}

static void run(const char *front, struct edit *edit, const struct haproxy_need *need,
		struct diag_list *diag)
{
	const struct haproxy_files files = { read_spoe, edit };
	struct buf text = buf_capped(0);

	read_edited(front, edit, &text);
	haproxy_check_text(front, buf_slice(&text), &files, need, diag);
	buf_fini(&text);
}

static const char *const fronts[] = { "haproxy.cfg", "haproxy-3.4.cfg", "haproxy-vars.cfg",
				      "haproxy-connection.cfg", "haproxy-tcp.cfg" };

static void assert_clean(const struct diag_list *diag, const char *what)
{
	if (diag->count)
		fail_msg("%s: %s:%u %s", what, diag->items[0].file, diag->items[0].line,
			 diag->items[0].message);
}

/* Exactly one fault, with these words, at a line, and with the other place in brackets. */
static void assert_fault(const char *front, struct edit edit, const struct haproxy_need *need,
			 enum diag_severity severity, const char *words)
{
	struct diag_list diag = { 0 };
	bool found = false;

	run(front, &edit, need, &diag);
	for (size_t i = 0; i < diag.count; i++) {
		const struct diag *item = &diag.items[i];

		if (!strstr(item->message, words) || item->severity != severity)
			continue;
		found = true;
		assert_true(item->line > 0);
		assert_true(strchr(strrchr(item->message, '('), ':') || strstr(item->message, "(mtlsguard.lua)"));
	}
	if (!found)
		fail_msg("%s: no fault with \"%s\"; %zu others, first: %s", front, words, diag.count,
			 diag.count ? diag.items[0].message : "none");
	assert_int_equal(diag.errors > 0, severity == DIAG_ERROR);
	diag_fini(&diag);
}

#define FRONT "haproxy.cfg"
#define SPOE "spoe-mtlsguard.conf"
#define ASK "    http-request send-spoe-group mtlsguard check\n"

static void shipped_files_are_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
		struct diag_list diag = { 0 };

		run(fronts[i], NULL, &usual, &diag);
		assert_clean(&diag, fronts[i]);
		run(fronts[i], NULL, NULL, &diag);
		assert_clean(&diag, fronts[i]);
		diag_fini(&diag);
	}
}

static void certificate_errors_that_end_the_handshake(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
		assert_fault(fronts[i], EDIT(fronts[i], "crt-ignore-err all ", ""), &usual, DIAG_ERROR, "crt-ignore-err");
		assert_fault(fronts[i], EDIT(fronts[i], "ca-ignore-err all", "ca-ignore-err 10,18"),
			     &usual, DIAG_ERROR, "ca-ignore-err");
	}
	assert_fault(FRONT, EDIT(FRONT, "verify optional", ""), &usual, DIAG_WARNING, "asks no client");
	assert_fault(FRONT, EDIT(FRONT, "verify optional", "verify none"), &usual, DIAG_WARNING, "asks no client");
}

static void headers_deleted_too_late(void **state)
{
	(void)state;
	assert_fault(FRONT, EDIT(FRONT, "    http-request del-header ^x[-_]mtls[-_] -m reg\n",
					   ASK "    http-request del-header ^x[-_]mtls[-_] -m reg\n"),
		     &usual, DIAG_ERROR, "sent before what a client sent as x-mtls-");
	assert_fault(FRONT, EDIT(FRONT, "    http-request del-header ^cf[-_]cert[-_] -m reg\n",
					   ASK "    http-request del-header ^cf[-_]cert[-_] -m reg\n"),
		     &usual, DIAG_ERROR, "sent before what a client sent as cf-cert-");
}

static void headers_not_deleted(void **state)
{
	static const char line[] = "    http-request del-header ^client[-_]cert$ -m reg\n";
	static const char *const replacements[] = {
		"",
		"    http-request del-header client-cert\n",
		"    http-request del-header ^client-cert$ -m reg\n",
		"    http-request del-header ^client[-_]cert$ -m reg if { path /a }\n",
		"    http-request del-header ^client[-_]cert[ -m reg\n",
		"    http-response del-header ^client[-_]cert$ -m reg\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++)
		assert_fault(FRONT, EDIT(FRONT, line, replacements[i]), &usual, DIAG_ERROR,
			     "client-cert is ours to set");
}

static void other_ways_to_delete_count(void **state)
{
	static const char line[] = "    http-request del-header ^client[-_]cert$ -m reg\n";
	static const char *const replacements[] = {
		"    http-request del-header client-cert\n    http-request del-header client_cert\n",
		"    http-request del-header client- -m beg\n    http-request del-header client_ -m beg\n",
		"    http-request del-header (?i)^CLIENT.CERT$ -m reg\n",
		"    http-request del-header cert -m sub\n",
	};
	struct diag_list diag = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++) {
		struct edit edit = EDIT(FRONT, line, replacements[i]);

		run(FRONT, &edit, &usual, &diag);
		assert_clean(&diag, replacements[i]);
	}
}

static void a_name_that_the_configuration_adds(void **state)
{
	const char *more[] = { "x-client-" };
	struct haproxy_need need = usual;
	struct edit none = EDIT("", "", "");

	(void)state;
	need.owned = more;
	need.owned_count = 1;
	assert_fault(FRONT, none, &need, DIAG_ERROR, "x-client- is ours to set");
}

static void no_deny_for_an_absent_verdict(void **state)
{
	static const char lua[] = "    http-request lua.mtlsguard\n";
	static const char deny[] = "    http-request deny deny_status 503 unless { var(txn.mtls.verdict) -m str allow }\n";
	static const char *const weak[] = {
		"",
		"    http-request deny deny_status 503 if { var(txn.mtls.verdict) -m str deny }\n",
		"    http-request deny deny_status 503 unless { var(txn.mtls.verdict) -m str allow respond }\n",
		"    http-request deny deny_status 503 unless { var(txn.mtls.verdict) -m beg allow }\n",
		"    http-request deny deny_status 503 unless { var(txn.other.verdict) -m str allow }\n",
		"    http-request deny deny_status 503 if { path /a } !{ var(txn.mtls.verdict) -m str allow }\n",
		"    http-request deny deny_status 503 unless { path /a } or { var(txn.mtls.verdict) -m str allow }\n",
		"    http-request deny deny_status 503 if { var(txn.mtls.verdict) -m str allow }\n",
	};
	static const char *const strong[] = {
		"    http-request deny unless { var(txn.mtls.verdict) -m str allow }\n",
		"    http-request deny if !{ var(txn.mtls.verdict) -m str allow }\n",
		"    http-request deny if ! { var(txn.mtls.verdict) allow }\n",
		"    acl ok var(txn.mtls.verdict) -m str allow\n    http-request deny if !ok\n",
		"    acl ok var(txn.mtls.verdict) -m str allow\n    http-request return status 503 unless ok { path /a }\n",
		"    http-request deny if { path /a } || !{ var(txn.mtls.verdict) -m str allow }\n",
		"    http-request lua.mtlsguard\n",
		"    http-request deny\n",
	};
	struct edit edit = EDIT("haproxy-vars.cfg", deny, "");
	struct diag_list diag = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		edit.to = weak[i];
		assert_fault("haproxy-vars.cfg", edit, &usual, DIAG_ERROR, "verdict is absent");
	}
	for (size_t i = 0; i < sizeof(strong) / sizeof(strong[0]); i++) {
		edit.to = strong[i];
		run("haproxy-vars.cfg", &edit, &usual, &diag);
		assert_clean(&diag, strong[i]);
	}
	/* Either of the two is enough, and so is what a user adds to a front of his own. */
	edit = EDIT(FRONT, lua, "");
	run(FRONT, &edit, &usual, &diag);
	edit = EDIT(FRONT, deny, "");
	run(FRONT, &edit, &usual, &diag);
	assert_clean(&diag, "one of two");
}

static void a_deny_that_comes_too_early(void **state)
{
	(void)state;
	assert_fault("haproxy-vars.cfg",
		     EDIT("haproxy-vars.cfg",
				    "    http-request deny deny_status 503 unless { var(txn.mtls.verdict) -m str allow }\n",
				    "    http-request allow if { path /healthz }\n    http-request deny unless { var(txn.mtls.verdict) -m str allow }\n"),
		     &usual, DIAG_WARNING, "ends the rules");
	assert_fault("haproxy-vars.cfg",
		     EDIT("haproxy-vars.cfg", ASK, ASK "    http-request allow\n"), &usual,
		     DIAG_ERROR, "ends the rules");
}

static void a_front_that_decides_itself(void **state)
{
	(void)state;
	assert_fault("haproxy-connection.cfg", EDIT("haproxy-connection.cfg", "str(allow) if reuse", "str(allow)"), &usual,
		     DIAG_ERROR, "sets the verdict for every request");
	assert_fault("haproxy-vars.cfg", EDIT("haproxy-vars.cfg", ASK, "    tcp-request content set-var(txn.mtls.verdict) str(allow)\n" ASK),
		     &usual, DIAG_ERROR, "sets the verdict for every request");
}

static void processing_timeout(void **state)
{
	static const char *const bad[] = { "timeout processing 500ms", "timeout processing 400",
					   "timeout processing 1us", "timeout processing soon" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_fault(FRONT, EDIT(SPOE, "timeout processing 1s", bad[i]), &usual, DIAG_ERROR,
			     "not above the agent's own deadline");
	assert_fault(FRONT, EDIT(SPOE, "timeout processing 1s", ""), &usual, DIAG_ERROR, "waits for ever");
}

static void pipelining_left_on(void **state)
{
	(void)state;
	assert_fault(FRONT, EDIT(SPOE, "no option pipelining", ""), &usual, DIAG_ERROR, "pipelining");
	assert_fault("haproxy-3.4.cfg", EDIT(SPOE, "no option pipelining", "option pipelining"), &usual,
		     DIAG_ERROR, "pipelining");
	assert_fault(FRONT, EDIT(SPOE, "version_atleast(3.1)", "version_atleast(3.2)"), &usual,
		     DIAG_ERROR, "pipelining");
	assert_fault(FRONT, EDIT(SPOE, ".if version_atleast(3.1)", ".if version_before(3.1)"), &usual,
		     DIAG_ERROR, "pipelining");
}

static void no_room_for_headers(void **state)
{
	(void)state;
	assert_fault(FRONT, EDIT(FRONT, "    tune.maxrewrite 8192\n", ""), &usual, DIAG_ERROR,
		     "no room for headers");
	assert_fault(FRONT, EDIT(FRONT, "tune.maxrewrite 8192", "tune.maxrewrite 1024"), &usual,
		     DIAG_ERROR, "little room");
	assert_fault(FRONT, EDIT(FRONT, "tune.maxrewrite 8192", "tune.maxrewrite 6000"), &usual,
		     DIAG_WARNING, "little room");
}

static void arguments_that_the_message_lacks(void **state)
{
	(void)state;
	assert_fault(FRONT, EDIT(SPOE, "cert=ssl_c_der ", ""), &usual, DIAG_ERROR,
		     "lacks the argument cert");
	assert_fault(FRONT, EDIT(SPOE, "host=req.fhdr(host)", "hosts=req.fhdr(host)"), &usual,
		     DIAG_ERROR, "lacks the argument host");
	assert_fault(FRONT, EDIT(SPOE, "chain=ssl_c_chain_der", ""), &usual, DIAG_ERROR,
		     "lacks the argument chain");
	assert_fault(FRONT, EDIT(SPOE, "cert=ssl_c_der", "cert=req.hdr(x-client-cert),b64dec"), &usual,
		     DIAG_ERROR, "taken from the request");
	assert_fault(FRONT, (struct edit){ SPOE, " early=ssl_fc_has_early", "",
					   &(struct edit){ FRONT, " alpn h2", " allow-0rtt alpn h2", NULL } },
		     &usual, DIAG_ERROR, "early data");
}

static void sockets_inside_and_outside_the_chroot(void **state)
{
	struct edit edit = EDIT(FRONT, "server agent 127.0.0.1:9640", "server agent unix@/mtlsguard.sock");
	struct diag_list diag = { 0 };

	(void)state;
	run(FRONT, &edit, &usual, &diag);
	assert_clean(&diag, "inside");
	edit.to = "server agent unix@/var/lib/haproxy/mtlsguard.sock";
	assert_fault(FRONT, edit, &usual, DIAG_ERROR, "/var/lib/haproxy/var/lib/haproxy/mtlsguard.sock");
	edit.to = "server agent /run/mtlsguard/spop.sock";
	assert_fault(FRONT, edit, &usual, DIAG_ERROR, "where the agent does not listen");
	assert_fault(FRONT, EDIT(FRONT, "127.0.0.1:9640 check", "127.0.0.1:9640"), &usual,
		     DIAG_WARNING, "health checks");
}

static void a_group_that_nobody_sends(void **state)
{
	(void)state;
	assert_fault(FRONT, EDIT(FRONT, ASK, ""), &usual, DIAG_ERROR, "no rule sends");
	assert_fault(FRONT, EDIT(FRONT, "send-spoe-group mtlsguard check", "send-spoe-group mtlsguard other"),
		     &usual, DIAG_ERROR, "no rule sends");
}

/* An event is sent before any rule runs: fine, unless a client's headers go along. */
static void an_event_instead_of_a_group(void **state)
{
	struct edit event = { SPOE, "    groups check connection\n", "    messages check-client-cert\n",
			      &(struct edit){ SPOE, "spoe-message check-client-cert\n",
					      "spoe-message check-client-cert\n    event on-frontend-http-request\n",
					      &(struct edit){ FRONT, ASK, "", NULL } } };
	struct diag_list diag = { 0 };

	(void)state;
	run(FRONT, &event, &usual, &diag);
	assert_clean(&diag, "event");
	assert_fault(FRONT, (struct edit){ SPOE, "#args headers=", "args headers=", &event }, &usual, DIAG_ERROR,
		     "an event sends the headers");
}

#define TCP "haproxy-tcp.cfg"
#define TCP_ASK "    tcp-request content send-spoe-group mtlsguard connection\n"
#define TCP_REJECT "    tcp-request content reject unless { var(txn.mtls.verdict) -m str allow }\n"

static void connections_without_a_reject(void **state)
{
	static const char *const weak[] = {
		"",
		"    tcp-request content reject if { var(txn.mtls.verdict) -m str deny }\n",
		"    tcp-request content reject unless { src 10.0.0.0/8 } or { var(txn.mtls.verdict) -m str allow }\n",
		"    tcp-request content reject unless { var(txn.other.verdict) -m str allow }\n",
		"    tcp-request connection reject unless { var(txn.mtls.verdict) -m str allow }\n",
		"    http-request deny unless { var(txn.mtls.verdict) -m str allow }\n",
		"    tcp-response content reject unless { var(txn.mtls.verdict) -m str allow }\n",
	};
	static const char *const strong[] = {
		"    acl ok var(txn.mtls.verdict) -m str allow\n    tcp-request content reject if !ok\n",
		"    tcp-request content silent-drop unless { var(txn.mtls.verdict) -m str allow }\n",
		"    tcp-request content reject\n",
	};
	struct diag_list diag = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		assert_fault(TCP, EDIT(TCP, TCP_REJECT, weak[i]), &usual, DIAG_ERROR, "connections pass");
	/* In front of the question every verdict is absent: nothing is known there. */
	assert_fault(TCP, (struct edit){ TCP, TCP_REJECT, "", &EDIT(TCP, TCP_ASK, TCP_REJECT TCP_ASK) }, &usual,
		     DIAG_ERROR, "connections pass");
	for (size_t i = 0; i < sizeof(strong) / sizeof(strong[0]); i++) {
		struct edit edit = EDIT(TCP, TCP_REJECT, strong[i]);

		run(TCP, &edit, &usual, &diag);
		assert_clean(&diag, strong[i]);
	}
}

static void connections_let_past_the_reject(void **state)
{
	(void)state;
	assert_fault(TCP, EDIT(TCP, TCP_REJECT, "    tcp-request content accept\n" TCP_REJECT), &usual, DIAG_ERROR,
		     "accept ends the rules");
	assert_fault(TCP, EDIT(TCP, TCP_ASK, "    tcp-request content accept if { src 10.0.0.0/8 }\n" TCP_ASK), &usual,
		     DIAG_WARNING, "accept ends the rules");
	assert_fault(TCP, EDIT(TCP, TCP_ASK, "    tcp-request content switch-mode http if HTTP\n" TCP_ASK), &usual,
		     DIAG_WARNING, "switch-mode ends the rules");
#define SETS(rule) assert_fault(TCP, EDIT(TCP, TCP_REJECT, "    " rule "\n" TCP_REJECT), &usual, DIAG_ERROR, "sets the verdict")
	SETS("tcp-request content set-var(txn.mtls.verdict) str(allow) if { src ::1 }");
	SETS("tcp-request content set-var-fmt(txn.mtls.verdict) allow");
	SETS("tcp-request content set-var(txn.mtls.verdict,ifnotexists) str(allow)");
}

static void connections_that_nobody_waits_for(void **state)
{
	static const char delay[] = "    tcp-request inspect-delay 2s\n";

	(void)state;
	assert_fault(TCP, EDIT(TCP, delay, ""), &usual, DIAG_ERROR, "sends no question");
	assert_fault(TCP, EDIT(TCP, delay, "    tcp-request inspect-delay 0\n"), &usual, DIAG_ERROR, "sends no question");
	assert_fault(TCP, EDIT(TCP, delay, "    tcp-request inspect-delay soon\n"), &usual, DIAG_ERROR, "sends no question");
	assert_fault(TCP, EDIT(TCP, delay, "    tcp-request inspect-delay 900ms\n"), &usual, DIAG_WARNING,
		     "waits 900 ms");
	assert_fault(TCP, EDIT(TCP, TCP_ASK, ""), &usual, DIAG_ERROR, "no rule sends the message check-client-connection");
	assert_fault(TCP, EDIT(SPOE, "timeout processing 1s", "timeout processing 400"), &usual, DIAG_ERROR,
		     "not above the agent's own deadline");
}

/* A verdict on the connection says nothing about a Host header, and would stand there when the next question fails. */
static void connections_of_a_front_that_takes_requests(void **state)
{
	static const char ask[] = "    http-request send-spoe-group mtlsguard connection\n";

	(void)state;
	assert_fault(TCP, EDIT(TCP, "    mode tcp\n    log global\n", "    mode http\n    log global\n"), &usual,
		     DIAG_ERROR, "takes requests");
	assert_fault(TCP, EDIT(TCP, "frontend mqtt\n", "frontend mqtt\n    mode http\n"), &usual, DIAG_ERROR, "takes requests");
	assert_fault(FRONT, EDIT(FRONT, ASK, ask), &usual, DIAG_ERROR, "takes requests");
	assert_fault(FRONT, EDIT(FRONT, ASK, ASK TCP_ASK), &usual, DIAG_ERROR, "takes requests");
}

static void the_mode_is_found_in_the_defaults_that_count(void **state)
{
	static const char *const fine[] = {
		"defaults\n    mode http\ndefaults t\n    mode tcp\nfrontend mqtt\n",
		"defaults t\n    mode tcp\ndefaults\n    mode http\nfrontend mqtt from t\n",
		"defaults\n    log global\nfrontend mqtt\n",
		"defaults\n    mode http\nfrontend mqtt\n    mode tcp\n",
	};
	struct diag_list diag = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		run(TCP, &EDIT(TCP, "frontend mqtt\n", fine[i]), &usual, &diag);
		assert_clean(&diag, fine[i]);
	}
	run(TCP, &EDIT(TCP, "\nbackend broker\n", "\ndefaults\n    mode http\nbackend broker\n"), &usual, &diag);
	assert_clean(&diag, "defaults below the front");
	assert_fault(TCP, EDIT(TCP, "frontend mqtt\n", "defaults h\n    mode http\ndefaults\nfrontend mqtt from h\n"), &usual,
		     DIAG_ERROR, "takes requests");
}

static void arguments_of_connections(void **state)
{
	static const char line[] = "    args sni=ssl_fc_sni tls_version=ssl_fc_protocol tls_cipher=ssl_fc_cipher early=ssl_fc_has_early\n"
				   "    # The client, and for the log.\n";

	(void)state;
	assert_fault(TCP, EDIT(SPOE, line, ""), &usual, DIAG_ERROR, "lacks the argument sni");
	assert_fault(TCP, EDIT(SPOE, line, "    args sni=req.ssl_sni\n"), &usual, DIAG_ERROR, "taken from the request");
	assert_fault(TCP, (struct edit){ SPOE, line, "    args sni=ssl_fc_sni\n",
					 &EDIT(TCP, "bind :8883 ssl", "bind :8883 allow-0rtt ssl") },
		     &usual, DIAG_ERROR, "early data");
	assert_fault(TCP, EDIT(TCP, "bind :8883 ssl ", "bind :8883 "), &usual, DIAG_WARNING, "ends no TLS");
}

/* The server would be there for the clients of every host. */
static void connections_under_any_name(void **state)
{
	static const char names[] = "    tcp-request content reject unless { ssl_fc_sni -i mqtt.example.com }\n";
	static const char *const fine[] = {
		"    acl ours ssl_fc_sni -i mqtt.example.com\n    tcp-request content reject if !ours\n",
		"    tcp-request content silent-drop unless { ssl_fc_sni,lower -m end .example.com }\n",
	};
	struct edit any[] = { EDIT(TCP, "    default_backend broker\n", "    use_backend broker\n"),
			      { TCP, "    default_backend broker\n", "", &EDIT(TCP, "frontend mqtt\n", "defaults\n    default_backend broker\nfrontend mqtt\n") } };
	struct edit edit = EDIT(TCP, names, "");
	struct haproxy_need single = usual;
	struct diag_list diag = { 0 };

	(void)state;
	assert_fault(TCP, edit, &usual, DIAG_WARNING, "any of the configuration's 2 hosts");
	for (size_t i = 0; i < 2; i++) {
		edit.also = &any[i];
		assert_fault(TCP, edit, &usual, DIAG_WARNING, "any of the configuration's 2 hosts");
	}
	edit.also = &EDIT(TCP, "    default_backend broker\n", "    use_backend broker if { ssl_fc_sni -i mqtt.example.com }\n");
	run(TCP, &edit, &usual, &diag);
	assert_clean(&diag, "a backend by its name");
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		run(TCP, &EDIT(TCP, names, fine[i]), &usual, &diag);
		assert_clean(&diag, fine[i]);
	}
	single.host_count = 1;
	run(TCP, &EDIT(TCP, names, ""), &single, &diag);
	assert_clean(&diag, "a single host");
}

static void events_for_connections(void **state)
{
	struct edit no_rule = EDIT(TCP, "    tcp-request inspect-delay 2s\n", "");
	struct edit no_ask = { TCP, TCP_ASK, "", &no_rule };
	struct edit no_group = { SPOE, "spoe-group connection\n    messages check-client-connection\n", "", &no_ask };
	struct edit listed = { SPOE, "    groups check connection\n", "    messages check-client-connection\n", &no_group };
	struct edit event = { SPOE, "spoe-message check-client-connection\n",
			      "spoe-message check-client-connection\n    event on-frontend-tcp-request\n", &listed };
	struct diag_list diag = { 0 };

	(void)state;
	run(TCP, &event, &usual, &diag);
	assert_clean(&diag, "on-frontend-tcp-request");
	event.to = "spoe-message check-client-connection\n    event on-tcp-response\n";
	assert_fault(TCP, event, &usual, DIAG_ERROR, "does not come between");
	event.to = "spoe-message check-client-connection\n    event on-client-session\n";
	assert_fault(TCP, event, &usual, DIAG_ERROR, "does not come between");
}

static void files_that_ask_nobody(void **state)
{
	const struct haproxy_files files = { read_spoe, NULL };
	struct diag_list diag = { 0 };

	(void)state;
	haproxy_check_text("x.cfg", SLICE_LIT("frontend f\n    bind :80\n"), &files, &usual, &diag);
	assert_int_equal(diag.errors, 1);
	assert_non_null(strstr(diag.items[0].message, "nothing here asks"));
	diag_fini(&diag);
	haproxy_check_need(FOLDER "no-such-file.cfg", &usual, &diag);
	assert_int_equal(diag.errors, 1);
	diag_fini(&diag);
	haproxy_check_need(FOLDER "haproxy.cfg", &usual, &diag);
	assert_clean(&diag, "the SPOE file beside it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_files_are_clean),
		cmocka_unit_test(certificate_errors_that_end_the_handshake),
		cmocka_unit_test(headers_deleted_too_late),
		cmocka_unit_test(headers_not_deleted),
		cmocka_unit_test(other_ways_to_delete_count),
		cmocka_unit_test(a_name_that_the_configuration_adds),
		cmocka_unit_test(no_deny_for_an_absent_verdict),
		cmocka_unit_test(a_deny_that_comes_too_early),
		cmocka_unit_test(a_front_that_decides_itself),
		cmocka_unit_test(processing_timeout),
		cmocka_unit_test(pipelining_left_on),
		cmocka_unit_test(no_room_for_headers),
		cmocka_unit_test(arguments_that_the_message_lacks),
		cmocka_unit_test(sockets_inside_and_outside_the_chroot),
		cmocka_unit_test(a_group_that_nobody_sends),
		cmocka_unit_test(an_event_instead_of_a_group),
		cmocka_unit_test(connections_without_a_reject),
		cmocka_unit_test(connections_let_past_the_reject),
		cmocka_unit_test(connections_that_nobody_waits_for),
		cmocka_unit_test(connections_of_a_front_that_takes_requests),
		cmocka_unit_test(the_mode_is_found_in_the_defaults_that_count),
		cmocka_unit_test(arguments_of_connections),
		cmocka_unit_test(connections_under_any_name),
		cmocka_unit_test(events_for_connections),
		cmocka_unit_test(files_that_ask_nobody),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
