/* SPDX-License-Identifier: Apache-2.0 */
#include "script/heap.h"

int heap_call(lua_State *L, lua_CFunction fn, struct heap *heap)
{
	int status;

	luaL_checkstack(L, 3, NULL);
	lua_pushcfunction(L, fn);
	lua_insert(L, 1);
	lua_pushlightuserdata(L, heap);
	status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	buf_fini(&heap->buf);
	json_decref(heap->json);
	if (status == LUA_OK)
		return lua_gettop(L);
	budget_rethrow(L, status);
	return lua_error(L);
}
