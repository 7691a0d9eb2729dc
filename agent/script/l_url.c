/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "script/handle.h"
#include "script/sandbox.h"

/*
 * URL.new(text): an absolute URL (RFC 3986 3) in its parts, which have the
 * names of the URL standard. searchParams has get, getAll and has. Its parts
 * cannot be assigned: a userdata stands in front of the table that holds them.
 */
struct url {
	struct slice scheme, username, password, hostname, port, path, query, fragment;
	bool has_query, has_fragment;
};

static bool is_scheme(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = ascii_lower(s.ptr[i]);
		bool letter = c >= 'a' && c <= 'z';

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
			return false;
	}
	return s.len > 0;
}

/*
 * RFC 3986 3.2, without what browsers read in another way: they take "\\" for
 * "/", so that https://evil.example\\@ours.example/ leads them to the former.
 */
static bool is_authority(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = ascii_lower(s.ptr[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || !strchr("-._~!$&'()*+,;=:@[]%", c)))
			return false;
	}
	return true;
}

static struct slice cut_last(struct slice *s, uint8_t c)
{
	for (size_t i = s->len; i-- > 0;)
		if (s->ptr[i] == c) {
			struct slice before = slice_sub(*s, 0, i);

			*s = slice_sub(*s, i + 1, s->len);
			return before;
		}
	return SLICE_EMPTY;
}

/* host or host:port or [v6]:port; false for what is none. */
static bool split_host(struct slice rest, struct url *url)
{
	uint64_t port;
	size_t end = 0;

	if (rest.len && rest.ptr[0] == '[') {
		end = slice_find(rest, ']') + 1;
		if (end > rest.len)
			return false;
	} else {
		end = slice_find(rest, ':');
	}
	url->hostname = slice_sub(rest, 0, end);
	rest = slice_sub(rest, end, rest.len);
	if (rest.len == 0)
		return url->hostname.len > 0;
	url->port = slice_sub(rest, 1, rest.len);
	while (url->port.len > 1 && url->port.ptr[0] == '0')
		url->port = slice_sub(url->port, 1, url->port.len);
	return rest.ptr[0] == ':' && url->hostname.len &&
	       (url->port.len == 0 || slice_to_u64(url->port, 65535, &port));
}

static bool split(struct slice text, struct url *url)
{
	size_t colon = slice_find(text, ':'), at;
	struct slice rest, authority, user;

	*url = (struct url){ .scheme = slice_sub(text, 0, colon) };
	rest = slice_sub(text, colon, text.len);
	if (!is_scheme(url->scheme) || !slice_starts(rest, SLICE_LIT("://")))
		return false;
	rest = slice_sub(rest, 3, rest.len);
	at = slice_find(rest, '#');
	url->has_fragment = at < rest.len;
	url->fragment = slice_sub(rest, at + 1, rest.len);
	rest = slice_sub(rest, 0, at);
	at = slice_find(rest, '?');
	url->has_query = at < rest.len;
	url->query = slice_sub(rest, at + 1, rest.len);
	rest = slice_sub(rest, 0, at);
	at = slice_find(rest, '/');
	url->path = slice_sub(rest, at, rest.len);
	authority = slice_sub(rest, 0, at);
	if (!is_authority(authority))
		return false;
	user = cut_last(&authority, '@');
	url->username = slice_cut(&user, ':');
	url->password = user;
	return split_host(authority, url);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* application/x-www-form-urlencoded: "+" is a blank, a broken escape stays as it is. */
static void push_decoded(lua_State *L, struct slice s)
{
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (size_t i = 0; i < s.len; i++) {
		int high = -1, low = -1;

		if (s.ptr[i] == '%' && i + 2 < s.len) {
			high = hex_digit(s.ptr[i + 1]);
			low = hex_digit(s.ptr[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			luaL_addchar(&b, (char)(high << 4 | low));
			i += 2;
		} else {
			luaL_addchar(&b, s.ptr[i] == '+' ? ' ' : (char)s.ptr[i]);
		}
	}
	luaL_pushresult(&b);
}

static struct slice query_of(lua_State *L)
{
	struct slice query;

	query.ptr = (const uint8_t *)lua_tolstring(L, lua_upvalueindex(1), &query.len);
	budget_charge(L, query.len);
	return query;
}

/* The next pair whose name is the text at index 2: its value is pushed. */
static bool next_param(lua_State *L, struct slice *query)
{
	while (query->len) {
		struct slice value = slice_cut(query, '&'), name = slice_cut(&value, '=');
		bool found;

		push_decoded(L, name);
		found = lua_rawequal(L, -1, 2);
		lua_pop(L, 1);
		if (found) {
			push_decoded(L, value);
			return true;
		}
	}
	return false;
}

static int params_get(lua_State *L)
{
	struct slice query = query_of(L);

	luaL_checkstring(L, 2);
	if (!next_param(L, &query))
		lua_pushnil(L);
	return 1;
}

static int params_has(lua_State *L)
{
	params_get(L);
	lua_pushboolean(L, !lua_isnil(L, -1));
	return 1;
}

static int params_get_all(lua_State *L)
{
	struct slice query = query_of(L);
	lua_Integer count = 0;

	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	lua_newtable(L);
	while (next_param(L, &query))
		lua_rawseti(L, 3, ++count);
	return 1;
}

static void set_field(lua_State *L, const char *name, struct slice value)
{
	push_slice(L, value);
	lua_setfield(L, -2, name);
}

static void push_params(lua_State *L, struct slice query)
{
	static const luaL_Reg functions[] = {
		{ "get", params_get }, { "has", params_has }, { "getAll", params_get_all }, { NULL, NULL },
	};

	lua_createtable(L, 0, 3);
	push_slice(L, query);
	luaL_setfuncs(L, functions, 1);
}

static void push_lower(lua_State *L, struct slice s, const char *more)
{
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (size_t i = 0; i < s.len; i++)
		luaL_addchar(&b, (char)ascii_lower(s.ptr[i]));
	luaL_addstring(&b, more);
	luaL_pushresult(&b);
}

/* The port that a scheme has anyway is not told (URL standard, "special scheme"). */
static bool is_default_port(const struct url *url)
{
	return (slice_eq_nocase(url->scheme, SLICE_LIT("https")) && slice_eq(url->port, SLICE_LIT("443"))) ||
	       (slice_eq_nocase(url->scheme, SLICE_LIT("http")) && slice_eq(url->port, SLICE_LIT("80")));
}

/* With the table on top: protocol, host, hostname, port, origin. */
static void set_authority(lua_State *L, const struct url *url)
{
	bool port = url->port.len && !is_default_port(url);

	push_lower(L, url->scheme, ":");
	lua_setfield(L, -2, "protocol");
	push_lower(L, url->hostname, "");
	lua_setfield(L, -2, "hostname");
	set_field(L, "port", port ? url->port : SLICE_EMPTY);
	lua_getfield(L, -1, "hostname");
	if (port) {
		lua_pushliteral(L, ":");
		push_slice(L, url->port);
		lua_concat(L, 3);
	}
	lua_setfield(L, -2, "host");
	lua_getfield(L, -1, "protocol");
	lua_pushliteral(L, "//");
	lua_getfield(L, -3, "host");
	lua_concat(L, 3);
	lua_setfield(L, -2, "origin");
}

static const char *href_of(lua_State *L)
{
	luaL_checkudata(L, 1, "URL");
	lua_getiuservalue(L, 1, 1);
	lua_pushliteral(L, "href");
	lua_rawget(L, -2);
	return lua_tostring(L, -1);
}

static int url_text(lua_State *L)
{
	(void)href_of(L);
	return 1;
}

static int url_index(lua_State *L)
{
	lua_getiuservalue(L, 1, 1);
	lua_pushvalue(L, 2);
	lua_rawget(L, -2);
	return 1;
}

static int url_refuse(lua_State *L)
{
	return luaL_error(L, "the parts of a URL cannot be changed here (%s); make another one: URL.new(text)",
			  href_of(L));
}

/* With the table of parts on top: a userdata takes its place. */
static void guard(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "__index", url_index }, { "__newindex", url_refuse }, { "__tostring", url_text }, { NULL, NULL },
	};

	(void)lua_newuserdatauv(L, 0, 1);
	lua_insert(L, -2);
	lua_setiuservalue(L, -2, 1);
	if (luaL_newmetatable(L, "URL")) {
		luaL_setfuncs(L, functions, 0);
		lua_pushliteral(L, "URL");
		lua_setfield(L, -2, "__metatable");
	}
	lua_setmetatable(L, -2);
}

static int url_new(lua_State *L)
{
	struct slice text;
	struct url url;

	text.ptr = (const uint8_t *)luaL_checklstring(L, 1, &text.len);
	budget_charge(L, text.len);
	if (!split(text, &url) || !text_is_field_value(text) || memchr(text.ptr, ' ', text.len) ||
	    memchr(text.ptr, '\t', text.len))
		return luaL_error(L, "URL.new: \"%s\" is not an absolute URL", lua_tostring(L, 1));
	lua_createtable(L, 0, 13);
	set_authority(L, &url);
	set_field(L, "username", url.username);
	set_field(L, "password", url.password);
	set_field(L, "pathname", url.path.len ? url.path : SLICE_LIT("/"));
	/* With the "?" and "#" in front, unless there is nothing behind them. */
	set_field(L, "search", url.query.len ? slice_of(url.query.ptr - 1, url.query.len + 1) : SLICE_EMPTY);
	set_field(L, "hash", url.fragment.len ? slice_of(url.fragment.ptr - 1, url.fragment.len + 1) :
						SLICE_EMPTY);
	push_params(L, url.query);
	lua_setfield(L, -2, "searchParams");
	set_field(L, "href", text);
	lua_pushcfunction(L, url_text);
	lua_setfield(L, -2, "toString");
	guard(L);
	return 1;
}

void url_open(lua_State *L)
{
	static const luaL_Reg functions[] = { { "new", url_new }, { NULL, NULL } };

	luaL_newlib(L, functions);
	sandbox_library(L, "URL");
}
