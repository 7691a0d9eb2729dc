/* SPDX-License-Identifier: Apache-2.0 */
/* Our matcher against Lua's own: same results and same refusals, for patterns made by chance too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "script/sandbox.h"
#include "script/state.h"

static struct state host;

/* Lua's own library as `string`, ours as `ours`. */
static lua_State *open_lua(void)
{
	lua_State *L = luaL_newstate();

	assert_non_null(L);
	host = (struct state){ .L = L };
	host.budget.credit = host.budget.cpu_limit_ns = INT64_MAX;
	host.memory_max = host.block_max = SIZE_MAX;
	*(struct state **)lua_getextraspace(L) = &host;
	luaL_openlibs(L);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &registry.builtins);
	string_open(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.builtins);
	lua_getfield(L, -1, "string");
	lua_setglobal(L, "ours");
	lua_settop(L, 0);
	return L;
}

static void run(const char *script)
{
	lua_State *L = open_lua();

	if (luaL_dostring(L, script))
		fail_msg("%s", lua_tostring(L, -1));
	lua_close(L);
}

#define COMPARE                                                                        \
	"local function pack(...) return table.pack(pcall(...)) end\n"                    \
	"local function text(t) local out = {}\n"                                         \
	"  for i = 1, t.n do out[i] = math.type(t[i]) == 'integer' and t[i] or tostring(t[i]) end\n" \
	"  return (table.concat(out, '|'):gsub(\"bad argument #(%d) to '[^']*'\", 'bad argument %1')) end\n" \
	"local function all(f, s, p) local out = {}\n"                                    \
	"  for a, b in f(s, p) do out[#out + 1] = tostring(a) .. ',' .. tostring(b) end\n"   \
	"  return table.concat(out, ';') end\n"                                           \
	"function same(s, p, init)\n"                                                     \
	"  for _, name in ipairs { 'find', 'match' } do\n"                                \
	"    local a, b = text(pack(string[name], s, p, init)), text(pack(ours[name], s, p, init))\n" \
	"    if a ~= b then error(('%s(%q, %q, %s): %q, not %q'):format(name, s, p, init, b, a)) end\n" \
	"  end\n"                                                                         \
	"  for _, r in ipairs { '<%0>', '%1', '%%', '%2', '%', function(x) return x == 'a' and 'Q' end,\n" \
	"                       { a = 'A', ab = false } } do\n"                           \
	"    local a, b = text(pack(string.gsub, s, p, r, init)), text(pack(ours.gsub, s, p, r, init))\n" \
	"    if a ~= b then error(('gsub(%q, %q, %s): %q, not %q'):format(s, p, tostring(r), b, a)) end\n" \
	"  end\n"                                                                         \
	"  local a, b = text(pack(all, string.gmatch, s, p)), text(pack(all, ours.gmatch, s, p))\n" \
	"  if a ~= b then error(('gmatch(%q, %q): %q, not %q'):format(s, p, b, a)) end\n"    \
	"end\n"

static void test_refuses_what_lua_refuses(void **state)
{
	(void)state;
	run(COMPARE "for _, p in ipairs { '%', '[', '[a', '[^', '[]', '[%', '%b', '%bx', '%f', '%fa', '(', ')',\n"
		    "  '()(', '%1', '(a)%2', '(%1)', ('('):rep(33) .. (')'):rep(33), '[a-', '[]-a]', '%f[' } do\n"
		    "  same('abc', p) same('', p) end");
}

static void test_examples(void **state)
{
	(void)state;
	run(COMPARE
	    "for _, c in ipairs { {'hello world', 'o w'}, {'hello', 'l+'}, {'hello', '(l)(l)'}, {'key = value', '^(%w+)%s*=%s*(%w+)$'},\n"
	    "  {'(a(b)c)d', '%b()'}, {'THE (quick) fox', '%f[%a]%a+'}, {'aXb', '()%u()'}, {'\\0a\\0', '%z'}, {'\\0a\\0', '\\0'},\n"
	    "  {'a.b-c', '[%.%-]'}, {'x]y', '[]]'}, {'x^y', '[x^]'}, {'abcabc', '(abc)%1'}, {'', '^$'}, {'aaa', 'a-$'},\n"
	    "  {'  trim  ', '^%s*(.-)%s*$'}, {'a,b,,c', '([^,]*)'}, {'abc', ''}, {'abc', '.-'}, {'$x$', '%$'}, {'x$y', 'x$'} } do\n"
	    "  for init = -4, 5 do same(c[1], c[2], init) end end\n"
	    "assert(ours.find('a.b', '.', 1, true) == 2 and ours.find('a.b', '.', 4, true) == nil)\n"
	    "assert(ours.find('', '', 1) == 1 and ours.find('', '', 2) == nil and ours.find('abc', '', 10) == nil)\n");
}

static void test_patterns_by_chance(void **state)
{
	(void)state;
	run(COMPARE
	    "math.randomseed(7)\n"
	    "local bits = { 'a', 'b', '.', '%a', '%d', '%S', '[ab]', '[^a]', '[a-c1]', '(', ')', '()', '*', '+', '-', '?',\n"
	    "  '$', '^', '%1', '%b()', '%f[a]', '%f[%W]', ' ', '%%', ']', '[%w_]' }\n"
	    "local chars = { 'a', 'b', 'c', '1', ' ', '(', ')', '%', '-', '\\0' }\n"
	    "local function some(from, n) local out = {}\n"
	    "  for i = 1, math.random(0, n) do out[i] = from[math.random(#from)] end return table.concat(out) end\n"
	    "for _ = 1, 20000 do same(some(chars, 8), some(bits, 5), math.random(-3, 4)) end\n");
}

static void test_deep_pattern_is_refused(void **state)
{
	(void)state;
	run("local ok, why = pcall(ours.find, ('a'):rep(300000), ('a?'):rep(300000) .. 'b')\n"
	    "assert(not ok and why:find('too complex'), why)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_what_lua_refuses),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_patterns_by_chance),
		cmocka_unit_test(test_deep_pattern_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
