/* SPDX-License-Identifier: Apache-2.0 */
#include "haproxy_check.h"

#include <regex.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

/*
 * The rules of a front, in the order in which HAProxy runs them: what clients
 * sent under owned names goes, then the question is asked, then whatever is no
 * allow is turned away, and nothing lets a request past that.
 */
#define LUA_ACTION "lua.mtlsguard"
#define PATTERN_MAX 1024

enum match { MATCH_STR, MATCH_BEG, MATCH_END, MATCH_SUB, MATCH_REG };

/* An unconditional del-header. */
struct deletion {
	const struct haproxy_line *line;
	enum match match;
	struct slice pattern;
	regex_t regex;
	bool compiled;
	bool late; /* behind the question */
};

static const char *file_of(const struct haproxy_check *check)
{
	return check->front->file;
}

static bool is_request_rule(const struct haproxy_line *line, const char *action)
{
	return haproxy_line_is(line, "http-request", action);
}

/* Index of the word "if" or "unless", count when there is none. */
static size_t condition_at(const struct haproxy_line *line)
{
	size_t i = 0;

	while (i < line->count && strcmp(line->words[i], "if") != 0 && strcmp(line->words[i], "unless") != 0)
		i++;
	return i;
}

bool haproxy_is_conditional(const struct haproxy_line *line)
{
	return condition_at(line) < line->count;
}

/* "var(txn.P.verdict) -m str allow", as the words of an acl or between braces. */
static bool tests_allow(const struct haproxy_check *check, char *const *words, size_t count)
{
	struct buf variable = buf_capped(0);
	bool fits;

	buf_printf(&variable, "var(txn.%s.verdict)", check->prefix);
	fits = count >= 2 && slice_eq(slice_str(words[0]), buf_slice(&variable)) &&
	       strcmp(words[count - 1], "allow") == 0;
	buf_fini(&variable);
	for (size_t i = 1; fits && i + 1 < count; i++)
		fits = strcmp(words[i], "-m") == 0 || strcmp(words[i], "str") == 0 || strcmp(words[i], "--") == 0;
	return fits;
}

static bool acl_tests_allow(const struct haproxy_check *check, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < check->rule_count; i++) {
		const struct haproxy_line *line = check->rules[i];

		if (!haproxy_line_is(line, "acl", name))
			continue;
		/* Lines of one name are alternatives. */
		if (!tests_allow(check, line->words + 2, line->count - 2))
			return false;
		found = true;
	}
	return found;
}

/* One term of a condition off words[*at]; says whether it is, or negates, the test for an allow. */
static void take_term(const struct haproxy_check *check, const struct haproxy_line *line, size_t *at,
		      bool *is_allow, bool *negated)
{
	const char *word = line->words[*at];
	size_t from;

	*negated = word[0] == '!';
	if (*negated && !word[1] && *at + 1 < line->count)
		word = line->words[++*at];
	else if (*negated)
		word++;
	if (strcmp(word, "{") != 0) {
		*is_allow = acl_tests_allow(check, word);
		++*at;
		return;
	}
	from = ++*at;
	while (*at < line->count && strcmp(line->words[*at], "}") != 0)
		++*at;
	*is_allow = tests_allow(check, line->words + from, *at - from);
	if (*at < line->count)
		++*at;
}

/* True when the rule's condition holds for every question without an allow. */
static bool holds_unless_allowed(const struct haproxy_check *check, const struct haproxy_line *line)
{
	size_t at = condition_at(line);
	bool unless, every = true, some = false, pure = true, has_allow = false;

	if (at == line->count)
		return true;
	unless = strcmp(line->words[at++], "unless") == 0;
	while (at < line->count) {
		bool is_allow, negated;

		if (strcmp(line->words[at], "or") == 0 || strcmp(line->words[at], "||") == 0) {
			every &= has_allow;
			some |= pure;
			has_allow = false;
			pure = true;
			at++;
			continue;
		}
		take_term(check, line, &at, &is_allow, &negated);
		has_allow |= is_allow && !negated;
		pure &= is_allow && negated;
	}
	/* unless: each alternative needs the allow; if: one alternative is nothing but its absence. */
	return unless ? every && has_allow : some || pure;
}

static bool turns_away(const struct haproxy_line *line)
{
	static const char *const actions[] = { "deny", "return", "reject", "tarpit", "silent-drop", LUA_ACTION };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (is_request_rule(line, actions[i]))
			return true;
	return false;
}

const struct haproxy_line *haproxy_find_refusal(const struct haproxy_check *check,
						bool (*refuses)(const struct haproxy_line *line))
{
	bool asked = check->asks == check->filter;

	for (size_t i = 0; i < check->rule_count; i++) {
		const struct haproxy_line *line = check->rules[i];

		asked |= line == check->asks;
		if (asked && refuses(line) && holds_unless_allowed(check, line))
			return line;
	}
	return NULL;
}

bool haproxy_sets_verdict(const struct haproxy_check *check, const struct haproxy_line *line)
{
	static const char *const actions[] = { "set-var(", "set-var-fmt(" };
	size_t at = haproxy_line_is(line, "http-request", NULL) ? 1 : haproxy_line_is(line, "tcp-request", "content") ? 2 : 0;
	struct buf name = buf_capped(0);
	bool sets = false;

	buf_printf(&name, "txn.%s.verdict", check->prefix);
	for (size_t i = 0; at && at < line->count && i < sizeof(actions) / sizeof(actions[0]); i++) {
		struct slice word = slice_str(line->words[at]), action = slice_str(actions[i]);
		struct slice rest = slice_sub(word, action.len, word.len);

		/* A condition may stand behind the name: "set-var(txn.mtls.verdict,ifnotexists)". */
		sets |= slice_starts(word, action) && slice_starts(rest, buf_slice(&name)) && rest.len > name.len &&
			strchr("),", rest.ptr[name.len]) != NULL;
	}
	buf_fini(&name);
	return sets;
}

/* The form that asks once a connection sets the verdict itself, under a condition; without one nothing is left to decide. */
static void check_own_verdict(struct haproxy_check *check)
{
	for (size_t i = 0; i < check->rule_count; i++)
		if (haproxy_sets_verdict(check, check->rules[i]) && !haproxy_is_conditional(check->rules[i]))
			haproxy_fault(check, DIAG_ERROR, file_of(check), check->rules[i]->number, file_of(check),
				      check->asks->number, NULL,
				      "this sets the verdict for every request, whatever the agent says");
}

static void check_deny(struct haproxy_check *check)
{
	const struct haproxy_line *deny = haproxy_find_refusal(check, turns_away);

	if (!deny)
		haproxy_fault(check, DIAG_ERROR, file_of(check), check->asks->number, file_of(check),
			      check->filter->number,
			      "http-request deny deny_status 503 unless { var(txn.mtls.verdict) -m str allow }",
			      "no rule denies when the verdict is absent: with the agent down, requests pass");
	for (size_t i = 0; i < check->rule_count; i++) {
		const struct haproxy_line *line = check->rules[i];
		unsigned other = deny ? deny->number : check->asks->number;

		if (line == deny)
			return;
		if (is_request_rule(line, "allow"))
			haproxy_fault(check, haproxy_is_conditional(line) ? DIAG_WARNING : DIAG_ERROR, file_of(check),
				      line->number, file_of(check), other, NULL,
				      "this allow ends the rules before the verdict is looked at");
	}
}

static void deletion_fini(struct deletion *deletion)
{
	if (deletion->compiled)
		regfree(&deletion->regex);
}

/* HAProxy's header names are lower case and its expressions PCRE; POSIX does for what is usual in them. */
static void compile(struct deletion *deletion)
{
	static const struct slice nocase = SLICE_INIT("(?i)");
	struct slice pattern = deletion->pattern;
	int flags = REG_EXTENDED | REG_NOSUB;

	if (slice_starts(pattern, nocase)) {
		flags |= REG_ICASE;
		pattern = slice_sub(pattern, nocase.len, pattern.len);
	}
	/* Repetition counts can be made to take memory without bound. */
	if (pattern.len <= PATTERN_MAX && slice_find(pattern, '{') == pattern.len)
		deletion->compiled = regcomp(&deletion->regex, (const char *)pattern.ptr, flags) == 0;
}

static bool read_deletion(const struct haproxy_line *line, struct deletion *out)
{
	static const char *const methods[] = { "str", "beg", "end", "sub", "reg" };
	const char *method = haproxy_line_after(line, "-m");

	if (!is_request_rule(line, "del-header") || line->count < 3 || haproxy_is_conditional(line))
		return false;
	*out = (struct deletion){ .line = line, .pattern = slice_str(line->words[2]) };
	for (unsigned i = 0; method && i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			out->match = (enum match)i;
	if (out->match == MATCH_REG)
		compile(out);
	return true;
}

static bool contains(struct slice name, struct slice part)
{
	for (size_t i = 0; i + part.len <= name.len; i++)
		if (slice_eq_nocase(slice_sub(name, i, part.len), part))
			return true;
	return false;
}

static bool deletes(const struct deletion *deletion, const char *name)
{
	struct slice s = slice_str(name), pattern = deletion->pattern;

	switch (deletion->match) {
	case MATCH_STR:
		return slice_eq_nocase(s, pattern);
	case MATCH_BEG:
		return slice_eq_nocase(slice_sub(s, 0, pattern.len), pattern);
	case MATCH_END:
		return s.len >= pattern.len &&
		       slice_eq_nocase(slice_sub(s, s.len - pattern.len, pattern.len), pattern);
	case MATCH_SUB:
		return contains(s, pattern);
	case MATCH_REG:
		return deletion->compiled && regexec(&deletion->regex, name, 0, NULL, 0) == 0;
	}
	return false;
}

struct deletions {
	struct deletion *items;
	size_t count;
};

/* The deletion that takes the name; one behind the question only when there is no other. */
static const struct deletion *find_deletion(const struct deletions *list, const char *name)
{
	const struct deletion *late = NULL;

	for (size_t i = 0; i < list->count; i++) {
		if (!deletes(&list->items[i], name))
			continue;
		if (!list->items[i].late)
			return &list->items[i];
		late = &list->items[i];
	}
	return late;
}

/* True when it goes in time. */
static bool check_spelling(struct haproxy_check *check, const struct deletions *list, const char *owned,
			   const char *name)
{
	const struct deletion *found = find_deletion(list, name);
	struct buf hint = buf_capped(0);

	if (found && !found->late)
		return true;
	buf_str(&hint, "http-request del-header ");
	haproxy_owned_regex(&hint, owned);
	buf_str(&hint, " -m reg");
	buf_u8(&hint, '\0');
	if (found)
		haproxy_fault(check, DIAG_ERROR, file_of(check), check->asks->number, file_of(check),
			      found->line->number, "move the del-header lines above",
			      "the request is sent before what a client sent as %s is deleted", owned);
	else
		haproxy_fault(check, DIAG_ERROR, file_of(check), check->asks->number, file_of(check),
			      check->filter->number, (const char *)hint.ptr,
			      "%s is ours to set, but a client's own %s is not deleted", owned, name);
	buf_fini(&hint);
	return false;
}

/* With every '-', with each single one as '_', with every '_'; a prefix with something behind it. Stops at the first fault. */
static bool check_owned(struct haproxy_check *check, const struct deletions *list, const char *owned)
{
	size_t len = strlen(owned);
	char *name = mem_new(len + 2);
	bool fine;

	memcpy(name, owned, len);
	if (len && owned[len - 1] == '-')
		name[len] = 'a';
	fine = check_spelling(check, list, owned, name);
	for (size_t i = 0; fine && i < len; i++) {
		if (owned[i] != '-')
			continue;
		name[i] = '_';
		fine = check_spelling(check, list, owned, name);
		name[i] = '-';
	}
	for (size_t i = 0; i < len; i++)
		if (owned[i] == '-')
			name[i] = '_';
	fine = fine && check_spelling(check, list, owned, name);
	free(name);
	return fine;
}

/* One fault for the cf-cert-* names, whose deletion is one line. */
static void check_all_owned(struct haproxy_check *check, const struct deletions *list)
{
	bool cf_cert = true;

	for (size_t i = 0; check->need && i < check->need->owned_count; i++) {
		const char *owned = check->need->owned[i];

		if (strncmp(owned, HAPROXY_CF_CERT, sizeof(HAPROXY_CF_CERT) - 1) != 0)
			check_owned(check, list, owned);
		else
			cf_cert = cf_cert && check_owned(check, list, owned);
	}
}

/* Asked by an event, the request is sent before any rule runs: harmless as long as no client header goes along. */
static void check_event(struct haproxy_check *check)
{
	for (size_t i = 0; check->event && i < check->message->count; i++) {
		const struct haproxy_line *line = &check->spoe->lines[check->message->first + i];

		for (size_t k = 1; haproxy_line_is(line, "args", NULL) && k < line->count; k++)
			if (strncmp(line->words[k], "headers=", 8) == 0)
				haproxy_fault(check, DIAG_ERROR, check->spoe->file, line->number, check->spoe->file,
					      check->event->number,
					      "send it by a group: http-request send-spoe-group, below the del-header lines",
					      "an event sends the headers before any rule has deleted a client's own");
	}
}

void haproxy_check_rules(struct haproxy_check *check)
{
	struct deletions list = { .items = mem_array(check->rule_count + 1, sizeof(struct deletion)) };
	bool asked = false;

	for (size_t i = 0; i < check->rule_count; i++) {
		const struct haproxy_line *line = check->rules[i];

		/* With an event the answer is used where the Lua action, or the first *-headers-bin, stands. */
		asked |= check->event ? is_request_rule(line, LUA_ACTION) ||
						is_request_rule(line, "add-headers-bin") ||
						is_request_rule(line, "set-headers-bin") :
					line == check->asks;
		if (!read_deletion(line, &list.items[list.count]))
			continue;
		list.items[list.count++].late = asked;
	}
	check_all_owned(check, &list);
	for (size_t i = 0; i < list.count; i++)
		deletion_fini(&list.items[i]);
	free(list.items);
	check_event(check);
	check_own_verdict(check);
	check_deny(check);
}
