/* SPDX-License-Identifier: Apache-2.0 */
#include "haproxy_check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"

/* The SPOE file: its agent, its messages, and how they fit what this agent's configuration needs. */

#define ASKS_REQUEST "check-client-cert"
#define ASKS_CONNECTION "check-client-connection"
#define NS_PER_MS 1000000
#define BUFSIZE_SAFE 131072 /* from here on unread answers do no harm (measured on 3.2 and 3.4) */

static const struct haproxy_line *line_of(const struct haproxy_cfg *cfg,
					  const struct haproxy_section *section, const char *first,
					  const char *second)
{
	const struct haproxy_line *found = NULL;

	/* The last one counts. */
	for (size_t i = 0; section && i < section->count; i++)
		if (haproxy_line_is(&cfg->lines[section->first + i], first, second))
			found = &cfg->lines[section->first + i];
	return found;
}

/* A section of the SPOE file inside the filter's engine; name NULL: the first. */
static const struct haproxy_section *in_engine(const struct haproxy_check *check, const char *kind,
					       const char *name)
{
	const char *engine = haproxy_line_after(check->filter, "engine");

	for (size_t i = 0; i < check->spoe->section_count; i++) {
		const struct haproxy_section *section = &check->spoe->sections[i];
		struct slice scope = slice_str(section->scope);

		if (strcmp(section->kind, kind) != 0 || (name && strcmp(section->name, name) != 0))
			continue;
		if (!engine && scope.len == 0)
			return section;
		if (engine && scope.len > 2 &&
		    slice_eq(slice_sub(scope, 1, scope.len - 2), slice_str(engine)))
			return section;
	}
	return NULL;
}

/* The group that a rule sends, NULL when it sends none. */
static const char *group_of(const struct haproxy_line *line)
{
	size_t action = haproxy_line_is(line, "tcp-request", "content") ? 2 : 1;

	if (action == 1 && !haproxy_line_is(line, "http-request", NULL))
		return NULL;
	return line->count > action + 2 && strcmp(line->words[action], "send-spoe-group") == 0 ?
		       line->words[action + 2] : NULL;
}

/* The rule that sends the group holding the message, NULL when there is none. */
static const struct haproxy_line *find_send(const struct haproxy_check *check, const char *kind,
					    const char *message)
{
	for (size_t i = 0; i < check->rule_count; i++) {
		const struct haproxy_line *line = check->rules[i], *messages;
		const char *group = haproxy_line_is(line, kind, NULL) ? group_of(line) : NULL;

		if (!group)
			continue;
		messages = line_of(check->spoe, in_engine(check, "spoe-group", group), "messages", NULL);
		if (messages && haproxy_line_has(messages, message))
			return line;
	}
	return NULL;
}

/* Of the variables; HAProxy takes the agent's name when none is given. */
static const char *prefix_of(const struct haproxy_check *check)
{
	const struct haproxy_line *line = line_of(check->spoe, check->agent, "option", "var-prefix");

	return line && line->count > 2 ? line->words[2] : check->agent->name;
}

/* How one of the messages is sent, and what comes of it; false when the section does not send it. */
static bool check_message(struct haproxy_check *check, const char *name, bool connection)
{
	const struct haproxy_line *messages = line_of(check->spoe, check->agent, "messages", NULL);

	check->connection = connection;
	check->message = in_engine(check, "spoe-message", name);
	if (!check->message)
		return false;
	check->event = messages && haproxy_line_has(messages, name) ?
			       line_of(check->spoe, check->message, "event", NULL) : NULL;
	check->asks = check->event ? check->filter :
		      connection ? find_send(check, "tcp-request", name) : NULL;
	if (!check->asks)
		check->asks = find_send(check, "http-request", name);
	if (!check->asks)
		return false;
	haproxy_check_question(check);
	haproxy_check_transport(check);
	if (connection)
		haproxy_check_connection(check);
	else
		haproxy_check_rules(check);
	return true;
}

bool haproxy_check_section(struct haproxy_check *check)
{
	bool requests = haproxy_takes_requests(check), asked;
	const struct haproxy_section *request, *connection, *wanted;

	assert(check->filter);
	check->agent = in_engine(check, "spoe-agent", NULL);
	request = in_engine(check, "spoe-message", ASKS_REQUEST);
	connection = in_engine(check, "spoe-message", ASKS_CONNECTION);
	if (!check->agent || !(request || connection))
		return false;
	check->prefix = prefix_of(check);
	asked = check_message(check, ASKS_REQUEST, false);
	asked |= check_message(check, ASKS_CONNECTION, true);
	wanted = (requests && request) || !connection ? request : connection;
	if (!asked)
		haproxy_fault(check, DIAG_ERROR, check->front->file, check->filter->number,
			      check->spoe->file, wanted->number,
			      wanted == request ? "http-request send-spoe-group mtlsguard check" :
						  "tcp-request content send-spoe-group mtlsguard connection",
			      "the filter is there, but no rule sends the message %s", wanted->name);
	return true;
}

int64_t haproxy_time(const char *text)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = { { "", NS_PER_MS }, { "us", 1000 }, { "ms", NS_PER_MS }, { "s", 1000 * (int64_t)NS_PER_MS },
		      { "m", 60000 * (int64_t)NS_PER_MS }, { "h", 3600000 * (int64_t)NS_PER_MS },
		      { "d", 86400000 * (int64_t)NS_PER_MS } };
	size_t digits = strspn(text, "0123456789");
	uint64_t number;

	if (!slice_to_u64(slice_of(text, digits), 100000, &number))
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(text + digits, units[i].unit) == 0)
			return (int64_t)number * units[i].ns;
	return -1;
}

int64_t haproxy_processing_ns(const struct haproxy_check *check)
{
	const struct haproxy_line *line = line_of(check->spoe, check->agent, "timeout", "processing");

	return line && line->count > 2 ? haproxy_time(line->words[2]) : 0;
}

static void check_timeout(struct haproxy_check *check)
{
	const struct haproxy_line *line = line_of(check->spoe, check->agent, "timeout", "processing");
	int64_t ns = haproxy_processing_ns(check);

	if (!line) {
		haproxy_fault(check, DIAG_ERROR, check->spoe->file, check->agent->number, check->front->file,
			      check->filter->number, "timeout processing 1s",
			      "without \"timeout processing\" a request waits for ever for an agent that is stuck");
		return;
	}
	if (check->need && ns <= check->need->deadline_ns)
		haproxy_fault(check, DIAG_ERROR, check->spoe->file, line->number, check->need->config_file, 0,
			      "shipped: timeout processing 1s, deadline = 0.5",
			      "\"timeout processing\" is not above the agent's own deadline of %" PRId64 " ms",
			      check->need->deadline_ns / NS_PER_MS);
}

static bool buffers_are_large(const struct haproxy_check *check)
{
	const struct haproxy_section *global = haproxy_cfg_section(check->front, "global", NULL);
	const struct haproxy_line *line = line_of(check->front, global, "tune.bufsize", NULL);

	return line && line->count > 1 && atol(line->words[1]) >= BUFSIZE_SAFE;
}

static void check_pipelining(struct haproxy_check *check)
{
	if (check->version < 301 || buffers_are_large(check))
		return;
	for (size_t i = 0; i < check->agent->count; i++) {
		const struct haproxy_line *line = &check->spoe->lines[check->agent->first + i];

		if (haproxy_line_is(line, "no", "option") && haproxy_line_has(line, "pipelining"))
			return;
	}
	haproxy_fault(check, DIAG_ERROR, check->spoe->file, check->agent->number, check->front->file,
		      check->filter->number,
		      ".if version_atleast(3.1) / no option pipelining / .endif, inside the spoe-agent section",
		      "pipelining is left on: from HAProxy 3.1 on, questions hang once 16 kB of answers lie unread");
}

static const char *argument(const struct haproxy_check *check, const char *name,
			    const struct haproxy_line **where)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < check->message->count; i++) {
		const struct haproxy_line *line = &check->spoe->lines[check->message->first + i];

		for (size_t k = 1; haproxy_line_is(line, "args", NULL) && k < line->count; k++)
			if (strncmp(line->words[k], name, len) == 0 && line->words[k][len] == '=') {
				*where = line;
				return line->words[k] + len + 1;
			}
	}
	return NULL;
}

static void lacks(struct haproxy_check *check, const struct haproxy_arg *arg)
{
	const struct haproxy_line *args = line_of(check->spoe, check->message, "args", NULL);
	const char *related = arg->line ? check->need->config_file : check->front->file;
	unsigned line = arg->line ? arg->line : check->asks->number;
	struct buf hint = buf_capped(0);

	buf_printf(&hint, "args %s=%s", arg->name, arg->sample ? arg->sample : "…");
	buf_u8(&hint, '\0');
	haproxy_fault(check, DIAG_ERROR, check->spoe->file, args ? args->number : check->message->number,
		      related, line, (const char *)hint.ptr,
		      "the message lacks the argument %s, which %s", arg->name, arg->why);
	buf_fini(&hint);
}

/* Identity has to come from the TLS connection: a header is whatever the client wrote. */
static void check_samples(struct haproxy_check *check)
{
	static const char *const from_tls[] = { "cert", "used", "chain", "resumed", "sni" };

	for (size_t i = 0; i < sizeof(from_tls) / sizeof(from_tls[0]); i++) {
		const struct haproxy_line *line = NULL;
		const char *sample = argument(check, from_tls[i], &line);

		if (sample && (strncmp(sample, "req.", 4) == 0 || strncmp(sample, "hdr(", 4) == 0))
			haproxy_fault(check, DIAG_ERROR, check->spoe->file, line->number, check->front->file,
				      check->asks->number, NULL,
				      "the argument %s is taken from the request, where a client writes what it likes",
				      from_tls[i]);
	}
}

static void check_early_data(struct haproxy_check *check)
{
	const struct haproxy_line *where = NULL;

	if (argument(check, "early", &where))
		return;
	for (size_t i = 0; i < check->rule_count; i++)
		if (haproxy_line_is(check->rules[i], "bind", NULL) &&
		    haproxy_line_has(check->rules[i], "allow-0rtt"))
			haproxy_fault(check, DIAG_ERROR, check->spoe->file, check->message->number,
				      check->front->file, check->rules[i]->number, "args early=ssl_fc_has_early",
				      "the front takes TLS early data, and the message does not say which request it is");
}

void haproxy_check_question(struct haproxy_check *check)
{
	const struct haproxy_arg *args = NULL;
	size_t count = 0;

	check_timeout(check);
	check_pipelining(check);
	check_samples(check);
	check_early_data(check);
	if (check->need) {
		args = check->connection ? check->need->connection_args : check->need->args;
		count = check->connection ? check->need->connection_arg_count : check->need->arg_count;
	}
	for (size_t i = 0; i < count; i++) {
		const struct haproxy_line *where = NULL;

		if (args[i].required && !argument(check, args[i].name, &where))
			lacks(check, &args[i]);
	}
}
