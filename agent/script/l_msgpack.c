/* SPDX-License-Identifier: Apache-2.0 */
#include <msgpack/pack.h>

#include "base/reader.h"
#include "base/text.h"
#include "script/handle.h"
#include "script/heap.h"
#include "script/sandbox.h"

/*
 * msgpack.encode(value), msgpack.decode(text). msgpack-c writes. Reading is
 * done here: the library would allocate what the head of a list claims before
 * it has seen the items. Extension types are refused.
 */
#define DEPTH_MAX 64
#define TEXT_MAX (256 * 1024)

static int put(void *arg, const char *bytes, size_t len)
{
	struct buf *b = arg;

	buf_put(b, slice_of(bytes, len));
	return buf_err(b) ? -1 : 0;
}

static void pack(lua_State *L, msgpack_packer *packer, int index, int depth);

static bool is_utf8_or_text(lua_State *L, int index, struct slice *text)
{
	text->ptr = (const uint8_t *)lua_tolstring(L, index, &text->len);
	budget_charge(L, text->len / 4);
	return utf8_valid(*text);
}

static void pack_text(lua_State *L, msgpack_packer *packer, int index)
{
	struct slice text;

	if (is_utf8_or_text(L, index, &text)) {
		msgpack_pack_str(packer, text.len);
		msgpack_pack_str_body(packer, text.ptr, text.len);
	} else {
		msgpack_pack_bin(packer, text.len);
		msgpack_pack_bin_body(packer, text.ptr, text.len);
	}
}

/* True when the keys are 1 to n; *count is how many there are. */
static bool is_list(lua_State *L, int index, size_t *count)
{
	lua_Integer size = (lua_Integer)lua_rawlen(L, index);
	bool list = size > 0;

	*count = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		budget_charge(L, 4);
		list &= lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= size;
		++*count;
	}
	return list && *count == (size_t)size;
}

static void pack_table(lua_State *L, msgpack_packer *packer, int index, int depth)
{
	size_t count;
	bool list;

	luaL_checkstack(L, 4, NULL);
	index = lua_absindex(L, index);
	list = is_list(L, index, &count);
	if (list) {
		msgpack_pack_array(packer, count);
		for (size_t i = 0; i < count; i++) {
			lua_rawgeti(L, index, (lua_Integer)i + 1);
			pack(L, packer, -1, depth + 1);
			lua_pop(L, 1);
		}
		return;
	}
	msgpack_pack_map(packer, count);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		pack(L, packer, -2, depth + 1);
		pack(L, packer, -1, depth + 1);
	}
}

static void pack(lua_State *L, msgpack_packer *packer, int index, int depth)
{
	budget_charge(L, 8);
	if (depth > DEPTH_MAX)
		luaL_error(L, "msgpack.encode: tables are nested too deep, or hold themselves");
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		msgpack_pack_nil(packer);
		return;
	case LUA_TBOOLEAN:
		if (lua_toboolean(L, index))
			msgpack_pack_true(packer);
		else
			msgpack_pack_false(packer);
		return;
	case LUA_TNUMBER:
		if (lua_isinteger(L, index))
			msgpack_pack_int64(packer, lua_tointeger(L, index));
		else
			msgpack_pack_double(packer, lua_tonumber(L, index));
		return;
	case LUA_TSTRING:
		pack_text(L, packer, index);
		return;
	case LUA_TTABLE:
		pack_table(L, packer, index, depth);
		return;
	case LUA_TLIGHTUSERDATA:
		if (!lua_touserdata(L, index)) {
			msgpack_pack_nil(packer);
			return;
		}
		break;
	default:
		break;
	}
	luaL_error(L, "msgpack.encode: a %s has no form in MessagePack", luaL_typename(L, index));
}

static int encode(lua_State *L)
{
	struct heap *heap = lua_touserdata(L, 2);
	msgpack_packer packer;

	msgpack_packer_init(&packer, &heap->buf, put);
	pack(L, &packer, 1, 0);
	if (buf_err(&heap->buf))
		return luaL_error(L, "msgpack.encode: the result is over %d bytes", TEXT_MAX);
	push_slice(L, buf_slice(&heap->buf));
	return 1;
}

static int msgpack_encode(lua_State *L)
{
	struct heap heap = { .buf = buf_capped(TEXT_MAX) };

	luaL_checkany(L, 1);
	lua_settop(L, 1);
	return heap_call(L, encode, &heap);
}

static void unpack(lua_State *L, struct reader *r, int depth);

static uint64_t read_bits(struct reader *r, unsigned octets)
{
	uint64_t value = 0;

	while (octets-- > 0)
		value = value << 8 | reader_u8(r);
	return value;
}

static void unpack_text(lua_State *L, struct reader *r, uint64_t len)
{
	struct slice text = reader_bytes(r, len);

	push_slice(L, text);
}

static void unpack_list(lua_State *L, struct reader *r, uint64_t count, int depth)
{
	/* Each item has a byte at least, so that a claim beyond that is known at once. */
	if (count > reader_left(r))
		reader_fail(r, ERR_SHORT);
	lua_newtable(L);
	for (uint64_t i = 0; i < count && !reader_err(r); i++) {
		unpack(L, r, depth + 1);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void unpack_map(lua_State *L, struct reader *r, uint64_t count, int depth)
{
	if (count > reader_left(r) / 2)
		reader_fail(r, ERR_SHORT);
	lua_newtable(L);
	for (uint64_t i = 0; i < count && !reader_err(r); i++) {
		unpack(L, r, depth + 1);
		unpack(L, r, depth + 1);
		if (lua_isnil(L, -2) || (lua_isnumber(L, -2) && lua_tonumber(L, -2) != lua_tonumber(L, -2)))
			luaL_error(L, "msgpack.decode: a map's key is nil or no number");
		lua_rawset(L, -3);
	}
}

static void unpack_float(lua_State *L, struct reader *r, bool wide)
{
	uint64_t bits = read_bits(r, wide ? 8 : 4);
	uint32_t narrow = (uint32_t)bits;
	double number;
	float small;

	memcpy(&number, &bits, sizeof(number));
	memcpy(&small, &narrow, sizeof(small));
	lua_pushnumber(L, wide ? number : (double)small);
}

/* Types 0xc0 to 0xdf (MessagePack specification, "Formats"). */
static void unpack_typed(lua_State *L, struct reader *r, uint8_t type, int depth)
{
	switch (type) {
	case 0xc0:
		lua_pushlightuserdata(L, NULL);
		return;
	case 0xc2: case 0xc3:
		lua_pushboolean(L, type == 0xc3);
		return;
	case 0xc4: case 0xc5: case 0xc6:
		unpack_text(L, r, read_bits(r, 1u << (type - 0xc4)));
		return;
	case 0xca: case 0xcb:
		unpack_float(L, r, type == 0xcb);
		return;
	case 0xcc: case 0xcd: case 0xce: case 0xcf:
		lua_pushinteger(L, (lua_Integer)read_bits(r, 1u << (type - 0xcc)));
		return;
	case 0xd0:
		lua_pushinteger(L, (int8_t)read_bits(r, 1));
		return;
	case 0xd1:
		lua_pushinteger(L, (int16_t)read_bits(r, 2));
		return;
	case 0xd2:
		lua_pushinteger(L, (int32_t)read_bits(r, 4));
		return;
	case 0xd3:
		lua_pushinteger(L, (lua_Integer)read_bits(r, 8));
		return;
	case 0xd9: case 0xda: case 0xdb:
		unpack_text(L, r, read_bits(r, 1u << (type - 0xd9)));
		return;
	case 0xdc: case 0xdd:
		unpack_list(L, r, read_bits(r, type == 0xdc ? 2 : 4), depth);
		return;
	case 0xde: case 0xdf:
		unpack_map(L, r, read_bits(r, type == 0xde ? 2 : 4), depth);
		return;
	default:
		luaL_error(L, "msgpack.decode: type 0x%s is not supported", lua_pushfstring(L, "%d", type));
	}
}

static void unpack(lua_State *L, struct reader *r, int depth)
{
	uint8_t type = reader_u8(r);

	budget_charge(L, 8);
	luaL_checkstack(L, 6, NULL);
	if (depth > DEPTH_MAX)
		luaL_error(L, "msgpack.decode: nested too deep");
	if (type < 0x80)
		lua_pushinteger(L, type);
	else if (type < 0x90)
		unpack_map(L, r, type & 15, depth);
	else if (type < 0xa0)
		unpack_list(L, r, type & 15, depth);
	else if (type < 0xc0)
		unpack_text(L, r, type & 31);
	else if (type >= 0xe0)
		lua_pushinteger(L, (int8_t)type);
	else
		unpack_typed(L, r, type, depth);
}

static int msgpack_decode(lua_State *L)
{
	struct reader reader;
	struct slice text;

	text.ptr = (const uint8_t *)luaL_checklstring(L, 1, &text.len);
	reader = reader_of(text);
	unpack(L, &reader, 0);
	if (reader_end(&reader))
		return luaL_error(L, "msgpack.decode: the text is not one whole MessagePack value");
	return 1;
}

void msgpack_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "encode", msgpack_encode }, { "decode", msgpack_decode }, { NULL, NULL },
	};

	luaL_newlib(L, functions);
	sandbox_library(L, "msgpack");
}
