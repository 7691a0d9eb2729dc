/* SPDX-License-Identifier: Apache-2.0 */
#include "core/digest.h"
#include "script/handle.h"
#include "script/sandbox.h"

/* crypto.digest(algorithm, data), raw bytes, and crypto.timingSafeEqual(a, b). */
static struct slice text_at(lua_State *L, int arg)
{
	struct slice s;

	s.ptr = (const uint8_t *)luaL_checklstring(L, arg, &s.len);
	budget_charge(L, 64 + s.len / 4);
	return s;
}

static int crypto_digest(lua_State *L)
{
	struct slice algorithm = text_at(L, 1), data = text_at(L, 2);
	uint8_t digest[DIGEST_MAX];
	size_t len;

	switch (digest_make(algorithm, data, digest, &len)) {
	case ERR_OK:
		push_slice(L, slice_of(digest, len));
		return 1;
	case ERR_NOT_FOUND:
		return luaL_error(L, "crypto.digest knows SHA-1, SHA-256, SHA-384, SHA-512 and MD5, not \"%s\"",
				  lua_tostring(L, 1));
	default:
		return luaL_error(L, "crypto.digest: %s is not available here", lua_tostring(L, 1));
	}
}

static int crypto_equal(lua_State *L)
{
	struct slice a = text_at(L, 1), b = text_at(L, 2);

	lua_pushboolean(L, digest_equal(a, b));
	return 1;
}

void crypto_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "digest", crypto_digest }, { "timingSafeEqual", crypto_equal }, { NULL, NULL },
	};

	luaL_newlib(L, functions);
	sandbox_library(L, "crypto");
}
