/* SPDX-License-Identifier: Apache-2.0 */
#include <lauxlib.h>

#include "script/config_lua_state.h"

/* No configuration nests deeper; a table that holds itself does. */
#define DEPTH_MAX 32
/* A table that stands in many places has its fault in each of them. */
#define FAULTS_MAX 100

/* Where a value stands: for its messages, and for the lines of what it holds. */
struct place {
	const struct config_lua_source *source;
	const struct lua_ctor *ctor; /* of the value when it is a table; NULL: unknown */
	unsigned line;
	unsigned depth;
};

static bool copy_value(struct config_lua *run, struct tree *out, struct place place);

static void fault(struct config_lua *run, struct place place, const char *text)
{
	diag_add(run->diag, DIAG_ERROR, place.source->name, place.line, NULL, "%s", text);
}

static bool no_room(struct config_lua *run, struct place place)
{
	if (!run->full)
		fault(run, place, "the configuration has too many values");
	run->full = true;
	return false;
}

static bool copy_text(struct config_lua *run, struct tree *out, struct place place)
{
	struct slice text;

	text.ptr = (const uint8_t *)lua_tolstring(run->lua, -1, &text.len);
	if (memchr(text.ptr, 0, text.len)) {
		fault(run, place, "a text holds a NUL byte");
		return false;
	}
	out->kind = TREE_TEXT;
	out->text = arena_copy(&run->doc->arena, text);
	return out->text.ptr || no_room(run, place);
}

static const struct lua_ctor *ctor_of(const struct config_lua_source *source,
				      const struct lua_field *field)
{
	return lua_lines_value(source->lines, field);
}

/* Where a member or an item stands: its key in the constructor, or the file that it was included from. */
static struct place place_of(struct config_lua *run, struct place around,
			     const struct lua_field *field, int table, int key)
{
	struct place place = around;
	const struct config_lua_origin *origin = NULL;

	place.depth++;
	place.ctor = NULL;
	if (!field && key)
		origin = config_lua_key_origin(run, table, key);
	if (origin) {
		place.source = origin->source;
		place.line = origin->field ? origin->field->line :
					     lua_lines_return(origin->source->lines);
		field = origin->field;
	} else if (field) {
		place.line = field->line;
	}
	place.ctor = ctor_of(place.source, field);
	return place;
}

static bool count_members(struct config_lua *run, int table, size_t items, size_t *members,
			  struct place place)
{
	lua_State *lua = run->lua;

	*members = 0;
	for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1)) {
		if (lua_type(lua, -2) == LUA_TSTRING) {
			(*members)++;
		} else if (!lua_isinteger(lua, -2) || lua_tointeger(lua, -2) < 1 ||
			   (lua_Unsigned)lua_tointeger(lua, -2) > items) {
			fault(run, place, lua_type(lua, -2) == LUA_TNUMBER ?
				      "a list has holes, or a number as a key" :
				      "a key is neither a text nor a place in a list");
			lua_pop(lua, 2);
			return false;
		}
	}
	return true;
}

static bool copy_items(struct config_lua *run, int table, struct tree_table *out,
		       struct place place)
{
	bool good = true;

	for (size_t i = 0; i < out->item_count; i++) {
		const struct lua_field *field = lua_lines_item(place.ctor, i + 1);

		lua_rawgeti(run->lua, table, (lua_Integer)i + 1);
		good &= copy_value(run, &out->items[i], place_of(run, place, field, table, 0));
		lua_pop(run->lua, 1);
	}
	return good;
}

static bool copy_members(struct config_lua *run, int table, struct tree_table *out,
			 struct place place)
{
	lua_State *lua = run->lua;
	struct tree_member *member = out->members;
	bool good = true;

	for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1)) {
		struct slice key, copy;
		struct place at;

		if (lua_type(lua, -2) != LUA_TSTRING)
			continue;
		key.ptr = (const uint8_t *)lua_tolstring(lua, -2, &key.len);
		at = place_of(run, place, lua_lines_key(place.ctor, key), table, lua_gettop(lua) - 1);
		copy = arena_copy(&run->doc->arena, key);
		member->key = (const char *)copy.ptr;
		if (!copy.ptr) {
			member->key = "";
			good = no_room(run, at);
		} else if (memchr(key.ptr, 0, key.len)) {
			fault(run, at, "a key holds a NUL byte");
			good = false;
		} else {
			good &= copy_value(run, &member->value, at);
		}
		member++;
	}
	return good;
}

static bool copy_table(struct config_lua *run, struct tree *out, struct place place)
{
	int table = lua_gettop(run->lua);
	size_t items = lua_rawlen(run->lua, table), members;
	const struct config_lua_origin *origin = NULL;
	bool good;

	if (place.depth == DEPTH_MAX) {
		fault(run, place, "tables are nested too deep, or hold themselves");
		return false;
	}
	luaL_checkstack(run->lua, 10, NULL);
	if (!place.ctor)
		origin = config_lua_table_origin(run, table);
	if (origin) {
		place.source = origin->source;
		place.ctor = ctor_of(origin->source, origin->field);
		if (origin->field)
			place.line = origin->field->line;
	}
	if (!count_members(run, table, items, &members, place))
		return false;
	if (tree_table_make(run->doc, items, members, out))
		return no_room(run, place);
	config_lua_check_time(run);
	good = copy_items(run, table, out->table, place);
	good &= copy_members(run, table, out->table, place);
	tree_table_sort(out->table);
	return good;
}

/* The value is on top of the stack and stays there. */
static bool copy_value(struct config_lua *run, struct tree *out, struct place place)
{
	lua_State *lua = run->lua;

	if (run->full || run->diag->errors > FAULTS_MAX)
		return false;
	out->line = place.line;
	out->file = place.source->name;
	switch (lua_type(lua, -1)) {
	case LUA_TBOOLEAN:
		out->kind = TREE_BOOL;
		out->boolean = lua_toboolean(lua, -1);
		return true;
	case LUA_TNUMBER:
		out->kind = TREE_NUMBER;
		out->number = lua_tonumber(lua, -1);
		return true;
	case LUA_TSTRING:
		return copy_text(run, out, place);
	case LUA_TTABLE:
		return copy_table(run, out, place);
	default:
		fault(run, place, "a value must be a text, a number, true, false or a table");
		return false;
	}
}

void config_lua_copy(struct config_lua *run, const struct config_lua_source *source)
{
	struct place place = { source, lua_lines_root(source->lines),
			       lua_lines_return(source->lines), 0 };

	copy_value(run, &run->doc->root, place);
}
