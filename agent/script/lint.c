/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/answer.h"
#include "core/facts.h"
#include "core/owned.h"
#include "script/config_lua_token.h"
#include "script/policy_lua.h"

/*
 * Looks at the tokens of a worker for what reads like a mistake. Names that
 * are assigned request.cf.tlsClientAuth, Request.new(…) or the headers of such
 * a copy are followed, wherever they are used; nothing is evaluated.
 */
#define ALIASES_MAX 256
#define TEXTS_MAX (1024 * 1024)

enum role { ROLE_NONE, ROLE_AUTH, ROLE_COPY, ROLE_HEADERS, ROLE_IDENTITY };

struct lint {
	const struct worker_conf *worker;
	struct diag_list *diag;
	const struct headers_conf *headers;
	struct owned_names *owned;
	struct arena texts;
	struct lua_token *tokens; /* ends with LUA_TOKEN_END */
	size_t count;
	struct {
		struct slice name;
		enum role role;
		size_t at; /* the token from which on it has that role */
	} aliases[ALIASES_MAX];
	size_t alias_count;
};

static void read_tokens(struct lint *lint)
{
	struct lua_lexer lexer = { .source = slice_of(lint->worker->source, lint->worker->source_len),
				   .line = 1, .arena = &lint->texts };
	size_t room = 0;

	do {
		if (lint->count == room) {
			room = room ? room * 2 : 256;
			lint->tokens = mem_grow(lint->tokens, room * sizeof(*lint->tokens));
		}
		lint->tokens[lint->count++] = lua_lexer_next(&lexer);
	} while (lint->tokens[lint->count - 1].kind != LUA_TOKEN_END);
}

static struct lua_token token_at(const struct lint *lint, size_t i)
{
	return lint->tokens[i < lint->count ? i : lint->count - 1];
}

static bool is_mark(const struct lint *lint, size_t i, char mark)
{
	struct lua_token token = token_at(lint, i);

	return token.kind == LUA_TOKEN_MARK && token.mark == (uint8_t)mark;
}

static bool is_word(const struct lint *lint, size_t i, const char *word)
{
	struct lua_token token = token_at(lint, i);

	return token.kind == LUA_TOKEN_NAME && slice_eq(token.text, slice_str(word));
}

static bool is_one_of(const struct lint *lint, size_t i, const char *const *words)
{
	for (; *words; words++)
		if (is_word(lint, i, *words))
			return true;
	return false;
}

/* The first token of the "a.b.c" that ends at i. */
static size_t chain_start(const struct lint *lint, size_t i)
{
	while (i >= 2 && is_mark(lint, i - 1, '.') && token_at(lint, i - 2).kind == LUA_TOKEN_NAME)
		i -= 2;
	return i;
}

static enum role role_of(const struct lint *lint, size_t i)
{
	if (token_at(lint, i).kind != LUA_TOKEN_NAME)
		return ROLE_NONE;
	if (is_word(lint, i, "tlsClientAuth"))
		return ROLE_AUTH;
	if (i && (is_mark(lint, i - 1, '.') || is_mark(lint, i - 1, ':')))
		return ROLE_NONE;
	for (size_t a = lint->alias_count; a-- > 0;)
		if (lint->aliases[a].at <= i &&
		    slice_eq(lint->aliases[a].name, token_at(lint, i).text))
			return lint->aliases[a].role;
	return ROLE_NONE;
}

/* "name = <what begins at i>" gives the name that role. */
static void add_alias(struct lint *lint, size_t i, enum role role)
{
	if (i < 2 || !is_mark(lint, i - 1, '=') || token_at(lint, i - 2).kind != LUA_TOKEN_NAME ||
	    lint->alias_count == ALIASES_MAX)
		return;
	lint->aliases[lint->alias_count].name = token_at(lint, i - 2).text;
	lint->aliases[lint->alias_count].at = i;
	lint->aliases[lint->alias_count++].role = role;
}

static bool goes_on(const struct lint *lint, size_t i)
{
	return is_mark(lint, i, '.') || is_mark(lint, i, '[') || is_mark(lint, i, ':');
}

/* "name = …" with something of the certificate in the rest of its line. */
static void find_identity(struct lint *lint, size_t i)
{
	unsigned line = token_at(lint, i).line;

	for (size_t at = i + 1; at < lint->count && token_at(lint, at).line == line; at++)
		if (role_of(lint, at) == ROLE_AUTH && goes_on(lint, at + 1)) {
			add_alias(lint, i + 1, ROLE_IDENTITY);
			return;
		}
}

static void find_aliases(struct lint *lint)
{
	for (size_t i = 0; i < lint->count; i++) {
		if (is_mark(lint, i, '='))
			find_identity(lint, i);
		if (is_word(lint, i, "tlsClientAuth") && !goes_on(lint, i + 1))
			add_alias(lint, chain_start(lint, i), ROLE_AUTH);
		if (is_word(lint, i, "tls") && !goes_on(lint, i + 1))
			add_alias(lint, chain_start(lint, i), ROLE_NONE);
		if (is_word(lint, i, "Request") && is_mark(lint, i + 1, '.') &&
		    is_word(lint, i + 2, "new"))
			add_alias(lint, i, ROLE_COPY);
		if (is_word(lint, i, "headers") && !goes_on(lint, i + 1) && i >= 2 &&
		    role_of(lint, i - 2) == ROLE_COPY)
			add_alias(lint, i - 2, ROLE_HEADERS);
	}
}

/* Whether the "(" at i follows what is called. */
static bool is_call(const struct lint *lint, size_t i)
{
	static const char *const words[] = { "if", "elseif", "while", "until", "and", "or", "not",
					     "return", NULL };
	struct lua_token before = token_at(lint, i ? i - 1 : 0);

	if (i == 0 || is_one_of(lint, i - 1, words))
		return false;
	return before.kind == LUA_TOKEN_NAME || before.kind == LUA_TOKEN_TEXT ||
	       is_mark(lint, i - 1, ')') || is_mark(lint, i - 1, ']');
}

/* Whether what stands from first up to behind is taken for true or false. */
static bool is_tested(const struct lint *lint, size_t first, size_t behind)
{
	static const char *const openers[] = { "if", "elseif", "while", "until", "and", "or", NULL };
	static const char *const closers[] = { "then", "do", "and", "or", NULL };
	static const char *const joiners[] = { "and", "or", NULL };

	while (first && is_mark(lint, first - 1, '(') && is_mark(lint, behind, ')') &&
	       !is_call(lint, first - 1)) {
		first--;
		behind++;
	}
	if (first == 0)
		return false;
	if (is_word(lint, first - 1, "not"))
		return true;
	if (is_one_of(lint, first - 1, openers))
		return is_one_of(lint, behind, closers);
	return (is_mark(lint, first - 1, '=') || is_mark(lint, first - 1, '(') ||
		is_word(lint, first - 1, "return")) && is_one_of(lint, behind, joiners);
}

static void unknown_property(struct lint *lint, struct lua_token token)
{
	const char *names[FACT_COUNT + 1] = { NULL };
	const char *nearest;
	char hint[64];

	for (enum fact fact = 0; fact < FACT_COUNT; fact++)
		names[fact] = fact_info(fact)->property;
	nearest = text_nearest(token.text, names);
	snprintf(hint, sizeof(hint), "did you mean %s?", nearest ? nearest : "");
	diag_add(lint->diag, DIAG_LINT, lint->worker->script, token.line, nearest ? hint : NULL,
		 "tlsClientAuth has no property \"%.*s\"; reading it ends the call with policy_error",
		 SLICE_FMT(token.text));
}

static void truth_of_text(struct lint *lint, struct lua_token token, enum fact fact)
{
	const char *name = fact_info(fact)->property;
	char hint[96];

	if (fact == FACT_PRESENTED || fact == FACT_REVOKED) {
		snprintf(hint, sizeof(hint), "compare it: %s == \"1\"", name);
		diag_add(lint->diag, DIAG_LINT, lint->worker->script, token.line, hint,
			 "%s is the text \"0\" or \"1\", and in Lua both count as true", name);
		return;
	}
	snprintf(hint, sizeof(hint), "compare it: %s %s", name,
		 fact == FACT_VERIFIED ? "== \"SUCCESS\"" : "~= \"\"");
	diag_add(lint->diag, DIAG_LINT, lint->worker->script, token.line, hint,
		 "%s is a text, and in Lua every text counts as true, %s too", name,
		 fact == FACT_VERIFIED ? "\"NONE\"" : "an empty one");
}

/* Whether "== 1", "~= true" or the like stands there: no text is ever equal to that. */
static bool is_compared_with_no_text(const struct lint *lint, size_t i)
{
	static const char *const words[] = { "true", "false", NULL };

	return is_mark(lint, i, '\0') && (token_at(lint, i + 1).kind == LUA_TOKEN_NUMBER ||
					  is_one_of(lint, i + 1, words));
}

static void never_equal(struct lint *lint, struct lua_token token, enum fact fact)
{
	const char *name = fact_info(fact)->property;
	char hint[96];

	snprintf(hint, sizeof(hint), "compare it with a text: %s == %s", name,
		 fact == FACT_VERIFIED ? "\"SUCCESS\"" :
		 fact == FACT_PRESENTED || fact == FACT_REVOKED ? "\"1\"" : "\"…\"");
	diag_add(lint->diag, DIAG_LINT, lint->worker->script, token.line, hint,
		 "%s is a text, which equals no number, true or false", name);
}

/* tls.certX or tls["certX"] with tls at i. */
static void look_at_property(struct lint *lint, size_t i)
{
	struct lua_token token = token_at(lint, i + 2);
	size_t behind = i + 3;
	enum fact fact;

	if (is_mark(lint, i + 1, '[') && token.kind == LUA_TOKEN_TEXT && is_mark(lint, i + 3, ']'))
		behind = i + 4;
	else if (!is_mark(lint, i + 1, '.') || token.kind != LUA_TOKEN_NAME)
		return;
	fact = fact_find(token.text);
	if (fact == FACT_COUNT)
		unknown_property(lint, token);
	else if (!fact_info(fact)->boolean && is_compared_with_no_text(lint, behind))
		never_equal(lint, token, fact);
	else if (!fact_info(fact)->boolean && is_tested(lint, chain_start(lint, i), behind))
		truth_of_text(lint, token, fact);
}

/* Whether the argument list from i on, up to its ")", tells something of the certificate. */
static bool tells_identity(const struct lint *lint, size_t i)
{
	unsigned depth = 1;
	bool tells = false;

	for (; depth && i + 1 < lint->count; i++) {
		depth += is_mark(lint, i, '(');
		depth -= is_mark(lint, i, ')');
		tells |= role_of(lint, i) == ROLE_AUTH || role_of(lint, i) == ROLE_IDENTITY ||
			 is_word(lint, i, "tls");
	}
	return tells && depth == 0;
}

static bool is_set_anyway(const struct lint *lint, struct slice name)
{
	uint8_t lower[64];
	size_t len = name.len < sizeof(lower) ? name.len : sizeof(lower);

	for (size_t i = 0; i < len; i++)
		lower[i] = ascii_lower(name.ptr[i]);
	return answer_sets(lint->headers, slice_of(lower, len));
}

static void untold_name(struct lint *lint, struct lua_token name)
{
	char hint[160];

	snprintf(hint, sizeof(hint), "add \"%.*s\" to headers.owned", SLICE_FMT(slice_sub(name.text, 0, 100)));
	diag_add(lint->diag, DIAG_LINT, lint->worker->script, name.line, hint,
		 "the header \"%.*s\" tells the origin of the certificate, but is not an owned one: where this "
		 "worker does not run, clients can send it themselves", SLICE_FMT(name.text));
}

/* copy.headers:set("x-name", …) with ":" at i. */
static void look_at_call(struct lint *lint, size_t i)
{
	struct lua_token name = token_at(lint, i + 3);
	bool ours = i >= 1 && role_of(lint, i - 1) == ROLE_HEADERS;

	if (!is_word(lint, i + 1, "set") && !is_word(lint, i + 1, "append"))
		return;
	if (!is_mark(lint, i + 2, '(') || name.kind != LUA_TOKEN_TEXT)
		return;
	ours |= i >= 3 && is_word(lint, i - 1, "headers") &&
		role_of(lint, chain_start(lint, i - 1)) == ROLE_COPY;
	if (ours && is_set_anyway(lint, name.text))
		diag_add(lint->diag, DIAG_LINT, lint->worker->script, name.line, "choose another name",
			 "the header \"%.*s\" is set by the configuration's headers: what a worker sets is left out",
			 SLICE_FMT(name.text));
	else if (ours && !owned_names_has(lint->owned, name.text) && tells_identity(lint, i + 4))
		untold_name(lint, name);
}

void worker_lint(const struct worker_conf *worker, const struct config *config,
		 struct diag_list *diag)
{
	struct lint lint = { .worker = worker, .diag = diag, .headers = &config->headers };

	arena_init(&lint.texts, TEXTS_MAX);
	lint.owned = owned_names_new(config);
	read_tokens(&lint);
	find_aliases(&lint);
	for (size_t i = 0; i < lint.count; i++) {
		if (role_of(&lint, i) == ROLE_AUTH)
			look_at_property(&lint, i);
		if (is_mark(&lint, i, ':'))
			look_at_call(&lint, i);
	}
	owned_names_free(lint.owned);
	arena_fini(&lint.texts);
	free(lint.tokens);
}
