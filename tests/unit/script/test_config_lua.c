/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "lib/config_dir.h"
#include "script/config_lua.h"

static struct config_dir *dir;

static int set_up(void **state)
{
	(void)state;
	dir = config_dir_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	config_dir_free(dir);
	return 0;
}

static char *faults;

/* Runs a source as DIR/m.lua; what it says is in faults. */
static struct tree_doc *run_limited(const char *source, const struct config_lua_limits *limits)
{
	struct diag_list list = { 0 };
	struct tree_doc *doc;
	enum err err = config_lua_run(slice_str(source), config_dir_file(dir, "m.lua"), limits,
				      &list, &doc);

	free(faults);
	faults = config_dir_text(dir, &list);
	assert_int_equal(!err, !list.errors);
	assert_int_equal(!err, doc != NULL);
	diag_fini(&list);
	return doc;
}

static struct tree_doc *run(const char *source)
{
	return run_limited(source, &config_lua_limits);
}

static void refuses(const char *source, const char *wanted)
{
	struct tree_doc *doc = run(source);

	assert_string_equal(faults, wanted);
	assert_null(doc);
}

static void put_tree(struct buf *out, const struct tree *value)
{
	switch (value->kind) {
	case TREE_BOOL:
		buf_str(out, value->boolean ? "true" : "false");
		break;
	case TREE_NUMBER:
		buf_printf(out, "%.10g", value->number);
		break;
	case TREE_TEXT:
		buf_printf(out, "'%.*s'", SLICE_FMT(value->text));
		break;
	case TREE_TABLE:
		buf_str(out, "{");
		for (size_t i = 0; i < value->table->item_count; i++) {
			buf_printf(out, " %u:", value->table->items[i].line);
			put_tree(out, &value->table->items[i]);
		}
		for (size_t i = 0; i < value->table->member_count; i++) {
			buf_printf(out, " %u:%s=", value->table->members[i].value.line,
				   value->table->members[i].key);
			put_tree(out, &value->table->members[i].value);
		}
		buf_str(out, " }");
	}
}

/* The tree as text, the line in front of each item and member. */
static void gives(const char *source, const char *wanted)
{
	struct tree_doc *doc = run(source);
	struct buf out = buf_capped(0);

	assert_string_equal(faults, "");
	put_tree(&out, &doc->root);
	buf_u8(&out, 0);
	assert_string_equal((const char *)out.ptr, wanted);
	buf_fini(&out);
	tree_doc_free(doc);
}

static void bad_sources(void **state)
{
	(void)state;
	refuses("return {\n a = \n}", "m.lua:3: error: unexpected symbol near '}'\n");
	refuses("\033Lua", "m.lua:0: error: it is compiled Lua; only text is read\n");
	refuses("x = 1", "m.lua:0: error: it must return a table, not nothing (end it with return { … })\n");
	refuses("\n\nreturn 7", "m.lua:3: error: it must return a table, not number (end it with return { … })\n");
	refuses("\nlocal x = nil + 1", "m.lua:2: error: attempt to perform arithmetic on a nil value\n");
	refuses("\nerror('mine')", "m.lua:2: error: mine\n");
	refuses("error({})", "m.lua:0: error: it raised table as an error\n");
	refuses("", "m.lua:0: error: it must return a table, not nothing (end it with return { … })\n");
}

static void missing_names(void **state)
{
	static const char *const names[] = { "io", "os", "debug", "package", "load", "loadstring",
		"dofile", "loadfile", "require", "print", "collectgarbage", "coroutine", "setmetatable",
		"getmetatable", "rawset", "warn", "_G", "xpcall", "hosts" };
	char source[64], wanted[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(source, sizeof(source), "\nlocal x = %s", names[i]);
		snprintf(wanted, sizeof(wanted), "m.lua:2: error: there is no \"%s\" here: a configuration "
			 "has env, secret, include, string, table, math and utf8\n", names[i]);
		refuses(source, wanted);
	}
	refuses("return { a = string.dump }, error(string.dump == nil and 'gone')", "m.lua:1: error: gone\n");
	refuses("error(math.random == nil and table.move == nil and 'gone')", "m.lua:1: error: gone\n");
}

static void bad_values(void **state)
{
	(void)state;
	refuses("return {\n a = 1,\n f = function() end }",
		"m.lua:3: error: a value must be a text, a number, true, false or a table\n");
	refuses("return {\n\n [true] = 1 }", "m.lua:1: error: a key is neither a text nor a place in a list\n");
	refuses("return {\n l = { 1, nil, nil, nil, [9] = 3 } }",
		"m.lua:2: error: a list has holes, or a number as a key\n");
	refuses("return {\n a = 'x\\0y' }", "m.lua:2: error: a text holds a NUL byte\n");
	refuses("return {\n ['x\\0y'] = 1 }", "m.lua:2: error: a key holds a NUL byte\n");
	refuses("local t = {}\nt.t = t\nreturn {\n t = t }",
		"m.lua:4: error: tables are nested too deep, or hold themselves\n");
}

static void keys_given_twice(void **state)
{
	(void)state;
	refuses("return {\n a = 1,\n b = 2,\n ['a'] = 3,\n}",
		"m.lua:4: error: the key \"a\" is given twice, first in line 2\n");
	refuses("return {\n x = { y = { [\"k\"] = 1,\n [ [[k]] ] = 2 } } }",
		"m.lua:3: error: the key \"k\" is given twice, first in line 2\n");
	refuses("local f = tostring\nreturn { v = f{\n a = 1,\n a = 2 } }",
		"m.lua:4: error: the key \"a\" is given twice, first in line 3\n");
	refuses("return { 'x',\n [1] = 'y' }", "m.lua:2: error: item 1 is given twice, first in line 1\n");
	refuses("return { ['\\97'] = 1,\n['\\x61'] = 2,\n ['\\u{61}'] = 3 }",
		"m.lua:2: error: the key \"a\" is given twice, first in line 1\n"
		"m.lua:3: error: the key \"a\" is given twice, first in line 2\n");
	/* Not twice: other tables, comments, texts. */
	gives("local x = { a = 1 } -- { a = 1, a = 2 }\nreturn { a = { a = 1 }, --[[ a = 1,\n]] b = '{ a = 1, a = 2 }' }",
	      "{ 2:a={ 2:a=1 } 3:b='{ a = 1, a = 2 }' }");
}

static void lines_of_keys(void **state)
{
	(void)state;
	gives("return {\n a = 1,\n\n b = { c = true,\n d = { 'x',\n 'y' } },\n}",
	      "{ 2:a=1 4:b={ 4:c=true 5:d={ 5:'x' 6:'y' } } }");
	gives("-- [[\nlocal s = [==[\n]]\n]==]\nreturn { -- }\n ['k'] = '\\\n', --[==[\n]] ]==]\n z = 2 }",
	      "{ 6:k='\n' 9:z=2 }");
	gives("local hosts = {\n a = 1 }\nreturn {\n hosts = hosts }", "{ 4:hosts={ 2:a=1 } }");
	gives("local t = {\n k = 1 }\nreturn t", "{ 2:k=1 }");
	/* What is computed stands where the nearest key around it stands. */
	gives("local t = {}\nfor i = 1, 2 do\n t['k' .. i] = { v = i }\nend\nreturn {\n\n t = t }",
	      "{ 7:t={ 7:k1={ 7:v=1 } 7:k2={ 7:v=2 } } }");
	gives("return { f = (function() if true then return 1, 2 end end)(),\n g = 1 }", "{ 1:f=1 2:g=1 }");
	gives("return { [ 'a' .. 'b' ] = 1,\n c = 'x' == 'y', d = 3 // 2 }", "{ 1:ab=1 2:c=false 2:d=1 }");
	gives("return { '\\z\n  x'; 0x10, .5, 1e-3 }", "{ 1:'x' 2:16 2:0.5 2:0.001 }");
}

static void environment_and_secrets(void **state)
{
	char big[65540];

	(void)state;
	unsetenv("MTLSGUARD_TEST");
	refuses("return {\n a = env 'MTLSGUARD_TEST' }",
		"m.lua:2: error: the environment variable \"MTLSGUARD_TEST\" is not set\n");
	setenv("MTLSGUARD_TEST", "value", 1);
	gives("return { a = env 'MTLSGUARD_TEST' }", "{ 1:a='value' }");
	setenv("MTLSGUARD_TEST", "", 1);
	gives("return { a = env 'MTLSGUARD_TEST' }", "{ 1:a='' }");
	refuses("return {\n a = secret 'none' }",
		"m.lua:2: error: the secret \"none\" cannot be read: No such file or directory\n");
	refuses("return { a = secret '.' }", "m.lua:1: error: the secret \".\" cannot be read: it is a folder\n");
	memset(big, 'x', sizeof(big));
	big[65537] = '\0';
	config_dir_put(dir, "big", big);
	refuses("return { a = secret 'big' }",
		"m.lua:1: error: the secret \"big\" cannot be read: it is over 65536 bytes\n");
	assert_int_equal(mkfifo(config_dir_file(dir, "fifo"), 0600), 0);
	refuses("return { a = secret 'fifo' }",
		"m.lua:1: error: the secret \"fifo\" cannot be read: it is no regular file\n");
	config_dir_put(dir, "s", "two\n\n");
	gives("return { a = secret 's' }", "{ 1:a='two\n' }");
	config_dir_put(dir, "s", "no end");
	gives("return { a = secret 's' }", "{ 1:a='no end' }");
	config_dir_put(dir, "s", "\n");
	gives("return { a = secret 's' }", "{ 1:a='' }");
}

static void included_files(void **state)
{
	(void)state;
	refuses("return {\n a = include 'none.lua' }",
		"m.lua:2: error: include \"none.lua\": there is no such file\n");
	refuses("return include '*/x.lua'",
		"m.lua:1: error: include \"*/x.lua\": only the file name may hold * and ?\n");
	gives("return { a = include 'none/*.lua' }", "{ 1:a={ } }");
	config_dir_put(dir, "hosts.d/b.lua", "\nreturn {\n two = { v = 1,\n w = 2 } }");
	config_dir_put(dir, "hosts.d/a.lua", "return { one = 1 }");
	gives("return {\n a = include 'hosts.d/*.lua' }",
	      "{ 2:a={ 1:one=1 3:two={ 3:v=1 4:w=2 } } }");
	/* Copied by hand, a table still knows its file. */
	gives("local t = {}\nfor k, v in pairs(include 'hosts.d/*.lua') do t[k] = v end\nreturn {\n t = t }",
	      "{ 4:t={ 4:one=1 4:two={ 3:v=1 4:w=2 } } }");
	config_dir_put(dir, "hosts.d/c.lua", "return {\n\n two = 2, three = 1 }");
	refuses("return { a = include 'hosts.d/*.lua' }",
		"hosts.d/c.lua:3: error: the key \"two\" is given twice, first in hosts.d/b.lua:3\n");
}

static void faults_of_included_files(void **state)
{
	(void)state;
	config_dir_put(dir, "inc/x.lua", "return {\n a = }");
	refuses("return include 'inc/x.lua'", "inc/x.lua:2: error: unexpected symbol near '}'\n");
	config_dir_put(dir, "inc/x.lua", "\n\nerror 'there'");
	refuses("return include 'inc/x.lua'", "inc/x.lua:3: error: there\n");
	config_dir_put(dir, "inc/x.lua", "\nreturn 1");
	refuses("return include 'inc/x.lua'",
		"inc/x.lua:2: error: an included file must return a table, not number (end it with return { … })\n");
	config_dir_put(dir, "inc/x.lua", "\nreturn { 'list' }");
	refuses("return include 'inc/x.lua'",
		"inc/x.lua:2: error: an included file must return named members, not a list\n");
	config_dir_put(dir, "inc/x.lua", "return {\n\n k = function() end }");
	refuses("return { t = include 'inc/x.lua' }",
		"inc/x.lua:3: error: a value must be a text, a number, true, false or a table\n");
	config_dir_put(dir, "inc/x.lua", "return include 'inc/x.lua'");
	refuses("return include 'inc/x.lua'",
		"inc/x.lua:1: error: include \"inc/x.lua\": files include each other too deeply\n");
	/* Relative names are relative to the main file, here too. */
	config_dir_put(dir, "inc/y.lua", "return { k = 1 }");
	config_dir_put(dir, "inc/x.lua", "return include 'inc/y.lua'");
	gives("return include 'inc/x.lua'", "{ 1:k=1 }");
}

/* Each of these would run for hours. */
static void endless(void **state)
{
	static const char *const sources[] = {
		"while true do end",
		"while true do pcall(function() while true do end end) end",
		"local function f() return pcall(f) or f() end f()",
		"local s = ('x'):rep(200 << 20) while true do local a = s .. 'y' end",
		"local s, t = ('x'):rep(200 << 20), ('x'):rep(200 << 20) while true do if s ~= t then return end end",
		"local t = {} for i = 1, 100000 do t[i] = i end while true do table.sort(t, function() return true end) end",
	};
	const struct config_lua_limits limits = { .wall_ns = 200000000, .memory = (size_t)1 << 30 };

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		int64_t start = clock_mono_ns();
		struct tree_doc *doc = run_limited(sources[i], &limits);

		assert_null(doc);
		assert_non_null(strstr(faults, "error: "));
		assert_true(clock_mono_ns() - start < INT64_C(10000000000));
		if (i < 4)
			assert_non_null(strstr(faults, "it ran for more than 0.2 s"));
	}
}

static void costly_calls(void **state)
{
	(void)state;
	gives("return { (''):rep(1 << 60) }", "{ 1:'' }");
	refuses("local s = ('a'):rep(100)\nreturn { s:match('.-.-.-.-.-b') }",
		"m.lua:2: error: this pattern could take too long on a text of 100 bytes\n");
	refuses("return { ('a'):rep(1 << 20):find(('a'):rep(1 << 18), 1, true) }",
		"m.lua:1: error: this pattern could take too long on a text of 1048576 bytes\n");
	refuses("local t = {} for i = 1, 1000001 do t[i] = i end\ntable.sort(t)",
		"m.lua:2: error: a list of more than 1000000 items is not sorted here\n");
	refuses("return { table.concat({}, '', 1, 1 << 60) }",
		"m.lua:1: error: invalid value (nil) at index 1 in table for 'concat'\n");
	gives("local l = {} for w in ('a, b'):gmatch('[^, ]+') do l[#l + 1] = w end return { l = l }",
	      "{ 1:l={ 1:'a' 1:'b' } }");
	gives("return { ('x-y'):find('-', 1, true), ('%5d'):format(3), ('a'):upper(), ('ab'):gsub('b', 'c') }",
	      "{ 1:2 1:'    3' 1:'A' 1:'ac' 1:1 }");
}

static void memory(void **state)
{
	const struct config_lua_limits limits = { .wall_ns = 5000000000, .memory = (size_t)4 << 20 };
	/* A sanitizer takes its time. */
	const struct config_lua_limits patient = { .wall_ns = 60000000000, .memory = (size_t)1 << 30 };

	(void)state;
	assert_null(run_limited("\nlocal t = {} for i = 1, 1e9 do t[i] = i end", &limits));
	assert_string_equal(faults, "m.lua:0: error: it needed more memory than the 4 MiB that a "
				    "configuration has\n");
	assert_null(run_limited("local s = ('x'):rep(300 << 20)", &limits));
	assert_non_null(strstr(faults, "more memory"));
	assert_null(run_limited("return {}", &(struct config_lua_limits){ 5000000000, 1000 }));
	/* A table that stands in many places is many values. */
	assert_null(run_limited("local t = { 1 } for i = 1, 30 do t = { t, t } end return t", &patient));
	assert_string_equal(faults, "m.lua:1: error: the configuration has too many values\n");
}

static void unreadable_file(void **state)
{
	struct diag_list list = { 0 };
	struct tree_doc *doc;
	char *text;

	(void)state;
	assert_int_equal(config_lua_read(config_dir_file(dir, "gone.lua"), &list, &doc), ERR_CONFIG);
	text = config_dir_text(dir, &list);
	assert_string_equal(text, "gone.lua:0: error: the configuration cannot be read: "
				  "No such file or directory\n");
	free(text);
	diag_fini(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_sources), cmocka_unit_test(missing_names),
		cmocka_unit_test(bad_values), cmocka_unit_test(keys_given_twice),
		cmocka_unit_test(lines_of_keys), cmocka_unit_test(environment_and_secrets),
		cmocka_unit_test(included_files), cmocka_unit_test(faults_of_included_files),
		cmocka_unit_test(endless), cmocka_unit_test(costly_calls),
		cmocka_unit_test(memory), cmocka_unit_test(unreadable_file),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, set_up, tear_down);
	free(faults);
	return failed;
}
