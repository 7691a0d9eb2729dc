/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "lib/config_dir.h"
#include "lib/worker_run.h"

/* Modules are read once, with the configuration, and count for its generation. */

static struct config_dir *folder;

static int make_folder(void **state)
{
	(void)state;
	folder = config_dir_new();
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	config_dir_free(folder);
	return 0;
}

static void place(struct worker_run *run)
{
	free(run->worker.script);
	run->worker.script = mem_dup(slice_str(config_dir_file(folder, "w.lua")));
}

static struct worker_run *open_worker(const char *source)
{
	struct worker_run *run = worker_run_with(source, place);

	if (!run->set)
		fail_msg("%s", run->diag.items[0].message);
	return run;
}

static void generation_of(const char *source, char *out)
{
	struct worker_run *run = open_worker(source);

	memcpy(out, run->config.generation, 33);
	worker_run_free(run);
}

static void generation(void **state)
{
	static const char one[] = "require './a' return { fetch = fetch }";
	char first[33], second[33];

	(void)state;
	config_dir_put(folder, "a.lua", "return require [[./b]]");
	config_dir_put(folder, "b.lua", "return 1");
	generation_of(one, first);
	assert_int_equal(strlen(first), 32);
	generation_of(one, second);
	assert_string_equal(first, second);
	config_dir_put(folder, "b.lua", "return 2");
	generation_of(one, second);
	assert_string_not_equal(first, second);
	config_dir_put(folder, "b.lua", "return 1");
	generation_of(one, second);
	assert_string_equal(first, second);
	/* What is on neither path does not count, nor does a name in a comment or a text. */
	config_dir_put(folder, "c.lua", "return 3");
	generation_of("require './a' --[[ require './c' ]] local x = \"require './c'\" return { fetch = fetch }", second);
	assert_string_equal(first, second);
	generation_of("require './a' local x = pcall(function() require('./c') end) return { fetch = fetch }", second);
	assert_string_not_equal(first, second);
	generation_of("return { fetch = fetch }", second);
	assert_string_equal(second, "");
}

static void names_found(void **state)
{
	struct worker_run *run;

	(void)state;
	config_dir_put(folder, "a.lua", "return 'a'");
	config_dir_put(folder, "b.lua", "return 'b'");
	run = open_worker("local x = require'./a' .. require (\"./b\") .. require('./\\97') .. require [==[./b.lua]==]\n"
			  "return { fetch = function() return Response.new(x) end }");
	assert_int_equal(run->worker.module_count, 2);
	worker_run(run);
	assert_string_equal(worker_run_body(run), "abab");
	worker_run_free(run);
	/* A name that the script puts together was not read, and is not read now. */
	run = worker_run_with("local name = './' .. 'c' require(name) return { fetch = fetch }", place);
	assert_null(run->set);
	assert_non_null(strstr(run->diag.items[0].message, "where the name stands as it is"));
	worker_run_free(run);
}

/* Each state runs what was read first: those that are opened later too, on a request loop. */
static void read_once(void **state)
{
	struct worker_run *run;

	(void)state;
	config_dir_put(folder, "a.lua", "return 'old'");
	run = open_worker("local a = require './a' return { fetch = function(request)\n"
			  "if request.method == 'SPIN' then while true do end end return Response.new(a) end }");
	worker_run_arg(run, "method", "SPIN");
	config_dir_put(folder, "a.lua", "return 'new'");
	worker_run(run);
	assert_int_equal(run->call.result.reason, REASON_POLICY_TIMEOUT);
	run->args[0].value = "GET";
	worker_run(run);
	assert_string_equal(worker_run_body(run), "old");
	worker_run_free(run);
}

static void unreadable(void **state)
{
	static const char source[] = "local ok, why = pcall(function() require './%s' end)\n"
				     "assert(not ok and why:find('%s', 1, true), why) return { fetch = fetch }";
	char text[512];

	(void)state;
	assert_int_equal(mkfifo(config_dir_file(folder, "pipe.lua"), 0600), 0);
	assert_int_equal(mkdir(config_dir_file(folder, "dir.lua"), 0700), 0);
	config_dir_put(folder, "big.lua", "return 1");
	assert_int_equal(truncate(config_dir_file(folder, "big.lua"), 1024 * 1024 + 1), 0);
	for (int i = 0; i < 4; i++) {
		static const char *const cases[][2] = {
			{ "pipe", "cannot be read" }, { "dir", "cannot be read" },
			{ "big", "cannot be read" }, { "gone", "there is no such file" },
		};

		snprintf(text, sizeof(text), source, cases[i][0], cases[i][1]);
		worker_run_free(open_worker(text));
	}
}

static void many(void **state)
{
	struct worker_run *run;
	char source[16384], name[32];
	int at = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "m%d.lua", i);
		config_dir_put(folder, name, "return 1");
		at += snprintf(source + at, sizeof(source) - (size_t)at, "require './m%d'\n", i);
	}
	snprintf(source + at, sizeof(source) - (size_t)at, "return { fetch = fetch }");
	run = worker_run_with(source, place);
	assert_null(run->set);
	assert_int_equal(run->worker.module_count, 256);
	assert_int_equal(run->diag.items[0].line, 257);
	worker_run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(generation, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(names_found, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(read_once, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(unreadable, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(many, make_folder, remove_folder),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
