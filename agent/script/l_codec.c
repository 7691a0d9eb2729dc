/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "script/handle.h"
#include "script/heap.h"
#include "script/sandbox.h"

/* base64 (RFC 4648 4; decoding takes the URL alphabet and a missing padding too) and hex. */
static struct slice text_at(lua_State *L, int arg)
{
	struct slice s;

	s.ptr = (const uint8_t *)luaL_checklstring(L, arg, &s.len);
	budget_charge(L, 1 + s.len / 4);
	return s;
}

static struct heap *heap_at(lua_State *L, int arg)
{
	return lua_touserdata(L, arg);
}

static int push_buf(lua_State *L, const struct buf *b)
{
	if (buf_err(b))
		return luaL_error(L, "the result is too large");
	push_slice(L, buf_slice(b));
	return 1;
}

static int encode64(lua_State *L)
{
	struct heap *heap = heap_at(L, 2);

	text_base64(&heap->buf, text_at(L, 1));
	return push_buf(L, &heap->buf);
}

static int digit64(uint8_t c)
{
	uint8_t l = ascii_lower(c);

	if (l >= 'a' && l <= 'z')
		return c >= 'a' ? c - 'a' + 26 : c - 'A';
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

static bool decode_into(struct buf *b, struct slice s)
{
	uint32_t bits = 0;
	unsigned count = 0;
	size_t padding = 0;

	while (padding < 2 && s.len && s.ptr[s.len - 1] == '=') {
		s.len--;
		padding++;
	}
	if (s.len % 4 == 1 || (padding && (s.len + padding) % 4))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int digit = digit64(s.ptr[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_u8(b, (uint8_t)(bits >> count));
			bits &= (1u << count) - 1;
		}
	}
	return bits == 0; /* bits that stand for nothing must be 0 */
}

static int decode64(lua_State *L)
{
	struct heap *heap = heap_at(L, 2);

	if (!decode_into(&heap->buf, text_at(L, 1)))
		return luaL_error(L, "base64.decode: the text is not base64");
	return push_buf(L, &heap->buf);
}

static int encode16(lua_State *L)
{
	struct heap *heap = heap_at(L, 2);

	text_hex(&heap->buf, text_at(L, 1), false);
	return push_buf(L, &heap->buf);
}

static int decode16(lua_State *L)
{
	struct heap *heap = heap_at(L, 2);

	if (text_unhex(&heap->buf, text_at(L, 1)) == ERR_FORMAT)
		return luaL_error(L, "hex.decode: the text is not hex");
	return push_buf(L, &heap->buf);
}

/* Upvalue 1: the function that does it. */
static int convert(lua_State *L)
{
	struct heap heap = { .buf = buf_capped(state_of(L)->block_max) };

	luaL_checktype(L, 1, LUA_TSTRING);
	lua_settop(L, 1);
	return heap_call(L, lua_tocfunction(L, lua_upvalueindex(1)), &heap);
}

static void add_codec(lua_State *L, const char *name, lua_CFunction encode, lua_CFunction decode)
{
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, encode);
	lua_pushcclosure(L, convert, 1);
	lua_setfield(L, -2, "encode");
	lua_pushcfunction(L, decode);
	lua_pushcclosure(L, convert, 1);
	lua_setfield(L, -2, "decode");
	sandbox_library(L, name);
}

void codec_open(lua_State *L)
{
	add_codec(L, "base64", encode64, decode64);
	add_codec(L, "hex", encode16, decode16);
}
