/* SPDX-License-Identifier: Apache-2.0 */
#include <lualib.h>

#include "script/pattern.h"
#include "script/sandbox.h"

/*
 * The string library. What loops by the length of a text is charged; matching
 * is ours (pattern.h), and so is rep, whose loop can be long over nothing.
 */
#define CONVERSIONS_MAX 200 /* of one string.format: "%.99f" a few microseconds each */

static struct slice text_at(lua_State *L, int arg)
{
	struct slice s;

	s.ptr = (const uint8_t *)luaL_checklstring(L, arg, &s.len);
	return s;
}

static int string_rep(lua_State *L)
{
	struct slice s = text_at(L, 1), separator = SLICE_EMPTY;
	lua_Integer n = luaL_checkinteger(L, 2);
	size_t total, done, part, max = state_of(L)->memory_max;
	luaL_Buffer b;
	char *p;

	if (!lua_isnoneornil(L, 3))
		separator = text_at(L, 3);
	if (n <= 0 || s.len + separator.len == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if ((lua_Unsigned)n > max / (s.len + separator.len))
		budget_fault(L, REASON_POLICY_MEMORY, "string.rep asks for more than the worker's memory "
			     "(%zu bytes)", max);
	total = (size_t)n * s.len + (size_t)(n - 1) * separator.len;
	budget_charge(L, 1 + total / 16);
	p = luaL_buffinitsize(L, &b, total);
	/* What is written already is copied behind itself, twice as much each time. */
	done = s.len + separator.len < total ? s.len + separator.len : total;
	memcpy(p, s.ptr, s.len);
	memcpy(p + s.len, separator.ptr ? separator.ptr : s.ptr, done - s.len);
	for (; done < total; done += part) {
		part = done < total - done ? done : total - done;
		memcpy(p + done, p, part);
	}
	luaL_pushresultsize(&b, total);
	return 1;
}

/* Upvalue 1: Lua's own. */
static int string_format(lua_State *L)
{
	struct slice format = text_at(L, 1);
	unsigned conversions = 0;

	for (size_t i = 0; i < format.len; i++)
		conversions += format.ptr[i] == '%';
	if (conversions > CONVERSIONS_MAX)
		return luaL_error(L, "string.format with more than %d conversions", CONVERSIONS_MAX);
	budget_charge(L, 1 + format.len / 16 + conversions * 64);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Where to begin, counted from 0; negative places count from the end (manual 6.4). */
static size_t start_at(lua_State *L, int arg, size_t len)
{
	lua_Integer at = luaL_optinteger(L, arg, 1);

	if (at > 0)
		return (size_t)at - 1;
	if (at == 0 || at < -(lua_Integer)len)
		return 0;
	return len - (size_t)-at;
}

static int find_plain(lua_State *L, struct slice s, struct slice text, size_t from)
{
	const uint8_t *found = NULL;

	budget_charge(L, (s.len - from) / 16);
	if (text.len <= s.len - from)
		found = text.len ? memmem(s.ptr + from, s.len - from, text.ptr, text.len) : s.ptr + from;
	if (!found) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, found - s.ptr + 1);
	lua_pushinteger(L, found - s.ptr + (lua_Integer)text.len);
	return 2;
}

static int search(lua_State *L, bool find)
{
	struct slice s = text_at(L, 1), text = text_at(L, 2);
	size_t from = start_at(L, 3, s.len);
	struct pattern p;
	const char *at, *start, *end;
	bool anchored;

	if (from > s.len) {
		lua_pushnil(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || pattern_is_plain(text)))
		return find_plain(L, s, text, from);
	start = (const char *)text.ptr;
	anchored = text.len && *start == '^';
	pattern_init(&p, L, s, text);
	for (at = p.subject + from; at <= p.subject_end; at++) {
		budget_charge(L, 1);
		end = pattern_match(&p, at, start + anchored);
		if (end && find) {
			lua_pushinteger(L, at - p.subject + 1);
			lua_pushinteger(L, end - p.subject);
			return pattern_push_all(&p, NULL, NULL) + 2;
		}
		if (end)
			return pattern_push_all(&p, at, end);
		if (anchored)
			break;
	}
	lua_pushnil(L);
	return 1;
}

static int string_find(lua_State *L)
{
	return search(L, true);
}

static int string_match(lua_State *L)
{
	return search(L, false);
}

/* Upvalues: subject, pattern, where to go on, where the last match ended (-1: none yet). */
static int next_match(lua_State *L)
{
	struct slice s = text_at(L, lua_upvalueindex(1)), text = text_at(L, lua_upvalueindex(2));
	size_t from = (size_t)lua_tointeger(L, lua_upvalueindex(3));
	lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
	struct pattern p;

	pattern_init(&p, L, s, text);
	for (const char *at = p.subject + from; from <= s.len && at <= p.subject_end; at++) {
		const char *end;

		budget_charge(L, 1);
		end = pattern_match(&p, at, (const char *)text.ptr);
		if (!end || end - p.subject == last)
			continue;
		lua_pushinteger(L, end - p.subject);
		lua_copy(L, -1, lua_upvalueindex(3));
		lua_copy(L, -1, lua_upvalueindex(4));
		lua_pop(L, 1);
		return pattern_push_all(&p, at, end);
	}
	return 0;
}

static int string_gmatch(lua_State *L)
{
	struct slice s = text_at(L, 1);
	size_t from;

	text_at(L, 2);
	from = start_at(L, 3, s.len);
	lua_settop(L, 2);
	lua_pushinteger(L, (lua_Integer)(from > s.len ? s.len + 1 : from));
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, next_match, 4);
	return 1;
}

/* A replacement text: "%1" is a capture, "%0" the match, "%%" a percent sign. */
static void add_text(lua_State *L, luaL_Buffer *b, struct pattern *p, const char *start,
		     const char *end)
{
	size_t len;
	const char *text = lua_tolstring(L, 3, &len);

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		budget_charge(L, 1);
		if (c != '%') {
			luaL_addchar(b, c);
			continue;
		}
		c = ++i < len ? text[i] : '\0';
		if (c == '%') {
			luaL_addchar(b, c);
		} else if (c == '0') {
			luaL_addlstring(b, start, (size_t)(end - start));
		} else if (c >= '1' && c <= '9') {
			pattern_push(p, c - '1', start, end);
			luaL_tolstring(L, -1, NULL);
			lua_remove(L, -2);
			luaL_addvalue(b);
		} else {
			luaL_error(L, "invalid use of '%%' in replacement string");
		}
	}
}

/* The replacement of one match; true when it differs from the match. */
static bool add_replacement(lua_State *L, luaL_Buffer *b, struct pattern *p, const char *start,
			    const char *end)
{
	switch (lua_type(L, 3)) {
	case LUA_TFUNCTION:
		lua_pushvalue(L, 3);
		lua_call(L, pattern_push_all(p, start, end), 1);
		break;
	case LUA_TTABLE:
		pattern_push(p, 0, start, end);
		lua_gettable(L, 3);
		break;
	default:
		add_text(L, b, p, start, end);
		return true;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(b, start, (size_t)(end - start));
		return false;
	}
	if (!lua_isstring(L, -1))
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	luaL_addvalue(b);
	return true;
}

static int string_gsub(lua_State *L)
{
	struct slice s = text_at(L, 1), text = text_at(L, 2);
	bool anchored = text.len && text.ptr[0] == '^', changed = false;
	lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)s.len + 1), count = 0;
	int type = lua_type(L, 3);
	const char *at, *last = NULL;
	struct pattern p;
	luaL_Buffer b;

	luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
			 type == LUA_TTABLE, 3, "string/function/table");
	luaL_buffinit(L, &b);
	pattern_init(&p, L, s, text);
	at = p.subject;
	while (count < most) {
		const char *end;

		budget_charge(L, 1);
		end = pattern_match(&p, at, (const char *)text.ptr + anchored);
		if (end && end != last) {
			count++;
			changed |= add_replacement(L, &b, &p, at, end);
			at = last = end;
		} else if (at < p.subject_end) {
			luaL_addchar(&b, *at++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	if (changed) {
		luaL_addlstring(&b, at, (size_t)(p.subject_end - at));
		luaL_pushresult(&b);
	} else {
		lua_pushvalue(L, 1);
	}
	lua_pushinteger(L, count);
	return 2;
}

static void close_metatable(lua_State *L)
{
	/* The arithmetic of texts is charged too: "1" + 1 reads a text of any length. */
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	sandbox_charge(L);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

void string_open(lua_State *L)
{
	static const luaL_Reg own[] = {
		{ "rep", string_rep },	     { "find", string_find }, { "match", string_match },
		{ "gmatch", string_gmatch }, { "gsub", string_gsub }, { NULL, NULL },
	};

	lua_pushcfunction(L, luaopen_string);
	lua_call(L, 0, 1);
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	lua_getfield(L, -1, "format");
	lua_pushcclosure(L, string_format, 1);
	lua_setfield(L, -2, "format");
	sandbox_charge(L); /* leaves format alone, which has an upvalue */
	luaL_setfuncs(L, own, 0);
	close_metatable(L);
	sandbox_library(L, "string");
}
