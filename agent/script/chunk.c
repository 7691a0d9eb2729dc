/* SPDX-License-Identifier: Apache-2.0 */
#include "script/chunk.h"

#include "script/config_lua_token.h"

static bool is_mark(struct lua_token token, char mark)
{
	return token.kind == LUA_TOKEN_MARK && token.mark == (uint8_t)mark;
}

static bool is_name(struct lua_token token, struct slice name)
{
	return token.kind == LUA_TOKEN_NAME && slice_eq(token.text, name);
}

/* After "local": Name ['<' Name '>'] {',' Name ['<' Name '>']} (manual 3.3.7). */
static bool local_closes(struct lua_lexer *lexer)
{
	for (;;) {
		if (lua_lexer_peek(lexer).kind != LUA_TOKEN_NAME)
			return false;
		lua_lexer_next(lexer);
		if (is_mark(lua_lexer_peek(lexer), '<')) {
			lua_lexer_next(lexer);
			if (is_name(lua_lexer_next(lexer), SLICE_LIT("close")))
				return true;
			lua_lexer_next(lexer);
		}
		if (!is_mark(lua_lexer_peek(lexer), ','))
			return false;
		lua_lexer_next(lexer);
	}
}

unsigned chunk_closes(struct slice source)
{
	struct lua_lexer lexer = { .source = source, .line = 1 };
	struct arena arena;
	unsigned line = 0;

	/* Only values of texts go there, which are not looked at. */
	arena_init(&arena, 0);
	lexer.arena = &arena;
	for (;;) {
		struct lua_token token = lua_lexer_next(&lexer);

		if (token.kind == LUA_TOKEN_END)
			break;
		if (is_name(token, SLICE_LIT("local")) && local_closes(&lexer)) {
			line = token.line;
			break;
		}
	}
	arena_fini(&arena);
	return line;
}
