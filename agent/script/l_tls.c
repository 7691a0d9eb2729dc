/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "core/facts.h"
#include "script/handle.h"
#include "script/sandbox.h"

/* request.tls: what Cloudflare's object lacks. Tables are made fresh for each read. */

static void push_text(lua_State *L, struct slice text)
{
	if (text.len)
		push_slice(L, text);
	else
		lua_pushnil(L);
}

static void push_list(lua_State *L, const struct slice_list *list)
{
	lua_createtable(L, (int)list->count, 0);
	for (size_t i = 0; i < list->count; i++) {
		push_slice(L, list->items[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	json_mark_list(L);
}

static void push_sans(lua_State *L, const struct tls_facts *facts)
{
	lua_createtable(L, 0, SAN_KIND_COUNT);
	for (enum san_kind kind = 0; kind < SAN_KIND_COUNT; kind++) {
		push_list(L, &facts->san[kind]);
		lua_setfield(L, -2, san_kind_name(kind));
	}
}

static void set_integer(lua_State *L, const char *name, int64_t number)
{
	lua_pushinteger(L, number);
	lua_setfield(L, -2, name);
}

static void push_revocation(lua_State *L, const struct tls_facts *facts)
{
	lua_createtable(L, 0, 6);
	lua_pushstring(L, revocation_status_name(facts->revocation));
	lua_setfield(L, -2, "status");
	push_text(L, slice_str(facts->revocation_source));
	lua_setfield(L, -2, "source");
	push_text(L, slice_str(facts->revocation_reason));
	lua_setfield(L, -2, "reason");
	if (facts->revocation_age >= 0)
		set_integer(L, "age", facts->revocation_age);
	if (facts->revocation_this_update)
		set_integer(L, "this_update", facts->revocation_this_update);
	if (facts->revocation_next_update)
		set_integer(L, "next_update", facts->revocation_next_update);
}

/* What only a certificate has is nil without one. */
static void push_if_cert(lua_State *L, const struct task *task, int64_t number)
{
	if (task->call->req->cert)
		lua_pushinteger(L, number);
	else
		lua_pushnil(L);
}

static const char *const names[] = {
	"san", "spiffe_id", "eku", "spki_sha256", "key_type", "key_bits", "not_before",
	"not_after", "verify_error", "reason", "authority", "revocation", NULL,
};

static int unknown(lua_State *L)
{
	const char *word = luaL_tolstring(L, 2, NULL);
	const char *nearest = text_nearest(slice_str(word), names);

	if (nearest)
		return luaL_error(L, "request.tls has no property \"%s\"; did you mean \"%s\"?", word, nearest);
	return luaL_error(L, "request.tls has no property \"%s\"", word);
}

int tls_index(lua_State *L, struct task *task, unsigned object, enum atom key)
{
	struct tls_facts facts;

	(void)object;
	tls_facts_get(task->call->req, &facts);
	switch (key) {
	case ATOM_san:
		push_sans(L, &facts);
		return 1;
	case ATOM_spiffe_id:
		push_text(L, facts.spiffe_id);
		return 1;
	case ATOM_eku:
		push_list(L, &facts.eku);
		return 1;
	case ATOM_spki_sha256:
		push_text(L, facts.spki_sha256);
		return 1;
	case ATOM_key_type:
		push_text(L, slice_str(facts.key_type));
		return 1;
	case ATOM_key_bits:
		push_if_cert(L, task, facts.key_bits);
		return 1;
	case ATOM_not_before:
		push_if_cert(L, task, facts.not_before);
		return 1;
	case ATOM_not_after:
		push_if_cert(L, task, facts.not_after);
		return 1;
	case ATOM_verify_error:
		lua_pushinteger(L, facts.verify_error);
		return 1;
	case ATOM_reason:
		lua_pushstring(L, reason_name(facts.reason));
		return 1;
	case ATOM_authority:
		push_text(L, facts.authority);
		return 1;
	case ATOM_revocation:
		push_revocation(L, &facts);
		return 1;
	default:
		return unknown(L);
	}
}

int tls_pairs(lua_State *L, struct task *task)
{
	(void)task;
	return pairs_of_names(L, names);
}
