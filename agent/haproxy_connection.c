/* SPDX-License-Identifier: Apache-2.0 */
#include "haproxy_check.h"

#include <inttypes.h>

/*
 * The rules of a front in TCP mode: the question is asked, HAProxy waits for the
 * answer, then whatever is no allow is turned away, and nothing lets a connection
 * past that.
 */
#define NS_PER_MS 1000000
#define NAME_SAMPLE "ssl_fc_sni"

static const char *file_of(const struct haproxy_check *check)
{
	return check->front->file;
}

static bool is_content_rule(const struct haproxy_line *line, const char *action)
{
	return haproxy_line_is(line, "tcp-request", "content") && line->count > 2 &&
	       strcmp(line->words[2], action) == 0;
}

static bool turns_away(const struct haproxy_line *line)
{
	return is_content_rule(line, "reject") || is_content_rule(line, "silent-drop");
}

/* The last line of those words, which is the one that counts; NULL: none. */
static const struct haproxy_line *last_line(const struct haproxy_check *check, const char *first, const char *second)
{
	const struct haproxy_line *found = NULL;

	for (size_t i = 0; i < check->rule_count; i++)
		if (haproxy_line_is(check->rules[i], first, second))
			found = check->rules[i];
	return found;
}

bool haproxy_takes_requests(const struct haproxy_check *check)
{
	const struct haproxy_line *mode = last_line(check, "mode", NULL);

	return mode && mode->count > 1 && strcmp(mode->words[1], "http") == 0;
}

/* Only these two come when the handshake is over and nothing has gone to a server yet. */
static void check_event(struct haproxy_check *check)
{
	const char *event = check->event->count > 1 ? check->event->words[1] : "";

	if (strcmp(event, "on-frontend-tcp-request") != 0 && strcmp(event, "on-backend-tcp-request") != 0)
		haproxy_fault(check, DIAG_ERROR, check->spoe->file, check->event->number, file_of(check),
			      check->filter->number, "event on-frontend-tcp-request",
			      "this event does not come between the TLS handshake and the first byte to a server");
}

/* HAProxy waits for the answer to a group as long as it may inspect; without that it sends no question. */
static void check_delay(struct haproxy_check *check)
{
	const struct haproxy_line *delay = last_line(check, "tcp-request", "inspect-delay");
	int64_t ns = delay && delay->count > 2 ? haproxy_time(delay->words[2]) : 0;

	if (ns <= 0)
		haproxy_fault(check, DIAG_ERROR, file_of(check), delay ? delay->number : check->asks->number,
			      file_of(check), check->filter->number, "tcp-request inspect-delay 2s",
			      "without \"tcp-request inspect-delay\" HAProxy sends no question and refuses everybody");
	else if (ns < haproxy_processing_ns(check))
		haproxy_fault(check, DIAG_WARNING, file_of(check), delay->number, check->spoe->file,
			      check->agent->number, "shipped: tcp-request inspect-delay 2s, timeout processing 1s",
			      "HAProxy waits %" PRId64 " ms for an answer here, less than \"timeout processing\"",
			      ns / NS_PER_MS);
}

static bool ends_rules(const struct haproxy_line *line)
{
	static const char *const actions[] = { "accept", "switch-mode", "use-service" };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (is_content_rule(line, actions[i]))
			return true;
	return false;
}

static void check_reject(struct haproxy_check *check)
{
	const struct haproxy_line *reject = haproxy_find_refusal(check, turns_away);

	if (!reject)
		haproxy_fault(check, DIAG_ERROR, file_of(check), check->asks->number, file_of(check),
			      check->filter->number,
			      "tcp-request content reject unless { var(txn.mtls.verdict) -m str allow }",
			      "no rule rejects when the verdict is absent: with the agent down, connections pass");
	for (size_t i = 0; i < check->rule_count && check->rules[i] != reject; i++) {
		const struct haproxy_line *line = check->rules[i];

		if (ends_rules(line))
			haproxy_fault(check, haproxy_is_conditional(line) ? DIAG_WARNING : DIAG_ERROR,
				      file_of(check), line->number, file_of(check),
				      reject ? reject->number : check->asks->number, NULL,
				      "this %s ends the rules before the verdict is looked at", line->words[2]);
	}
}

static bool is_name_acl(const struct haproxy_check *check, const char *name)
{
	for (size_t i = 0; i < check->rule_count; i++)
		if (haproxy_line_is(check->rules[i], "acl", name) && check->rules[i]->count > 2 &&
		    strncmp(check->rules[i]->words[2], NAME_SAMPLE, sizeof(NAME_SAMPLE) - 1) == 0)
			return true;
	return false;
}

/* True when the rule's condition looks at the name that the client asked for. */
static bool looks_at_name(const struct haproxy_check *check, const struct haproxy_line *line)
{
	for (size_t i = 1; i < line->count; i++) {
		const char *word = line->words[i] + (line->words[i][0] == '!');

		if (strncmp(word, NAME_SAMPLE, sizeof(NAME_SAMPLE) - 1) == 0 || is_name_acl(check, word))
			return true;
	}
	return false;
}

/*
 * The verdict is about the host that the client names, and the server is the same for all names: who is
 * good enough for any host would reach it.
 */
static void check_names(struct haproxy_check *check)
{
	const struct haproxy_line *any = NULL;

	if (!check->need || check->need->host_count < 2 || strcmp(check->section->kind, "backend") == 0)
		return;
	for (size_t i = 0; i < check->rule_count; i++) {
		const struct haproxy_line *line = check->rules[i];

		if (turns_away(line) && looks_at_name(check, line))
			return;
		if (!any && (haproxy_line_is(line, "default_backend", NULL) || haproxy_line_is(line, "server", NULL) ||
			     (haproxy_line_is(line, "use_backend", NULL) && !looks_at_name(check, line))))
			any = line;
	}
	if (any)
		haproxy_fault(check, DIAG_WARNING, file_of(check), any->number, file_of(check), check->asks->number,
			      "tcp-request content reject unless { ssl_fc_sni -i NAME }",
			      "no rule looks at the name that a client asks for: whoever may connect to any of the "
			      "configuration's %zu hosts reaches this server", check->need->host_count);
}

/* A verdict is the agent's to give. */
static void check_own_verdict(struct haproxy_check *check)
{
	for (size_t i = 0; i < check->rule_count; i++)
		if (haproxy_sets_verdict(check, check->rules[i]))
			haproxy_fault(check, DIAG_ERROR, file_of(check), check->rules[i]->number, file_of(check),
				      check->asks->number, NULL,
				      "this sets the verdict itself, whatever the agent says");
}

void haproxy_check_connection(struct haproxy_check *check)
{
	if (haproxy_takes_requests(check)) {
		haproxy_fault(check, DIAG_ERROR, file_of(check), check->asks->number, file_of(check),
			      check->section->number, "http-request send-spoe-group mtlsguard check, or mode tcp",
			      "this asks about the connection in a front that takes requests: nobody decides on their "
			      "Host and path");
		return;
	}
	if (check->event)
		check_event(check);
	else
		check_delay(check);
	check_own_verdict(check);
	check_reject(check);
	check_names(check);
}
