/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/canon.h"

typedef enum err canon(struct arena *arena, struct slice raw, struct slice *out);

static void refuses(canon *function, struct slice raw)
{
	struct arena arena;
	struct slice out;

	arena_init(&arena, 65536);
	if (function(&arena, raw, &out) != ERR_FORMAT)
		fail_msg("\"%.*s\" should be refused", SLICE_FMT(raw));
	arena_fini(&arena);
}

/* What comes out goes in again unchanged: else two stages could see two things. */
static void gives(canon *function, const char *raw, const char *wanted)
{
	struct arena arena;
	struct slice out, again;

	arena_init(&arena, 65536);
	if (function(&arena, slice_str(raw), &out) || !slice_eq(out, slice_str(wanted)))
		fail_msg("\"%s\" should be \"%s\", not \"%.*s\"", raw, wanted, SLICE_FMT(out));
	assert_int_equal(function(&arena, out, &again), ERR_OK);
	assert_true(slice_eq(out, again));
	arena_fini(&arena);
}

static void bad_hosts(void **state)
{
	static const char *const hosts[] = {
		"", ".", "..", "a..b", ".a", "a..", "a.b..", "a,b", "a b", " a", "a ", "a\tb", "a/b", "a?b",
		"a#b", "a@b", "a%41", "a\\b", "a:b", "a:80:80", "a:-1", "a:65536", "a:8o", "a: 80", ":80",
		":", "[::1", "::1", "[]", "[]:80", "[::1]x", "[::1]:x", "[g::1]", "[::1]80", "[::1%25eth0]",
		"a\"b", "a'b", "a*b", "*", "a;b", "a\x7f", "a\x01", "\xc3\xa9.example", "a\r\nb",
		"a&b", "a=b", "a+b", "a(b", "a{b", "a|b", "a^b", "a`b", "a~b", "a!b", "a$b" };
	char longest[256];

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		refuses(canon_host, slice_str(hosts[i]));
	refuses(canon_host, slice_of("a\0b", 3));
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 50; i < sizeof(longest); i += 51)
		longest[i] = '.';
	refuses(canon_host, slice_of(longest, 254));
}

static void hosts(void **state)
{
	(void)state;
	gives(canon_host, "example.com", "example.com");
	gives(canon_host, "Example.COM", "example.com");
	gives(canon_host, "example.com.", "example.com");
	gives(canon_host, "example.com:443", "example.com");
	gives(canon_host, "example.com:", "example.com");
	gives(canon_host, "example.com.:443", "example.com");
	gives(canon_host, "EXAMPLE.com.:0", "example.com");
	gives(canon_host, "a", "a");
	gives(canon_host, "_srv.example", "_srv.example");
	gives(canon_host, "xn--bcher-kva.example", "xn--bcher-kva.example");
	gives(canon_host, "-a-.b", "-a-.b");
	gives(canon_host, "127.0.0.1:8080", "127.0.0.1");
	gives(canon_host, "[::1]", "[::1]");
	gives(canon_host, "[2001:DB8::A]:443", "[2001:db8::a]");
	gives(canon_host, "[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.4]");
}

static void bad_paths(void **state)
{
	static const char *const paths[] = {
		"", "a", "*", "http://a/", "?", "/..", "/../", "/a/../..", "/a/../../b", "/./..", "/.../../..",
		"/%2e%2e", "/%2E%2e/x", "/a/%2e%2e/%2e%2e", "/.%2e", "/%2e.", "\\..", "/..\\", "/a\\..\\..",
		"/%2f", "/%2F", "/a%2fb", "/a%5cb", "/a%5Cb", "/%00", "/a%00", "/%", "/%4", "/%zz", "/%4g",
		"/a%", "/a#b", "/#", "/%61#", "#", "/\x01", "/a\nb", "/\x7f", "/a\tb", "//..", "/a//../..", "/%2e%2e%2f" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		refuses(canon_path, slice_str(paths[i]));
	refuses(canon_path, slice_of("/a\0b", 4));
}

static void paths(void **state)
{
	(void)state;
	gives(canon_path, "/", "/");
	gives(canon_path, "/a/b", "/a/b");
	gives(canon_path, "/a/b/", "/a/b/");
	gives(canon_path, "//a///b//", "/a/b/");
	gives(canon_path, "/./a/./b/.", "/a/b/");
	gives(canon_path, "/a/../b", "/b");
	gives(canon_path, "/a/b/..", "/a/");
	gives(canon_path, "/a/b/../", "/a/");
	gives(canon_path, "/a/..", "/");
	gives(canon_path, "/a//../b", "/b");
	gives(canon_path, "/%61%7e%2D%5f%2e", "/a~-_.");
	gives(canon_path, "/a/%2e%2e/b", "/b");
	gives(canon_path, "/%2e/b", "/b");
	gives(canon_path, "\\a\\b", "/a/b");
	gives(canon_path, "/a\\..\\b", "/b");
	gives(canon_path, "/%c3%a9", "/%C3%A9");
	gives(canon_path, "/%3a%20", "/%3A%20");
	gives(canon_path, "/%252e%252e/", "/%252e%252e/");
	gives(canon_path, "/%25%32%65", "/%252e");
	gives(canon_path, "/.a/..b/...", "/.a/..b/...");
	gives(canon_path, "/a;x=1/b", "/a;x=1/b");
	gives(canon_path, "/A/b", "/A/b");
	gives(canon_path, "/a b", "/a b");
	gives(canon_path, "/\xc3\xa9", "/\xc3\xa9");
	gives(canon_path, "/%3F%23", "/%3F%23");
}

static bool is_plain(const uint8_t *path, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (path[i] <= 0x20 || path[i] >= 0x7f || strchr("#%\\", path[i]) ||
		    (i && path[i - 1] == '/' && strchr("./", path[i])))
			return false;
	return true;
}

/* It is looked at eight bytes at a time: each byte in each place, behind a letter and behind a slash. */
static void plain_paths_stay_where_they_are(void **state)
{
	struct arena arena;
	uint8_t path[25];
	struct slice out;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t len = 1; len <= sizeof(path); len++)
		for (size_t at = 1; at < len; at++)
			for (unsigned c = 0; c < 512; c++) {
				memset(path, 'a', sizeof(path));
				path[at - 1] = c < 256 ? 'a' : '/';
				path[0] = '/';
				path[at] = (uint8_t)c;
				out = SLICE_EMPTY;
				if (canon_path(&arena, slice_of(path, len), &out))
					out = SLICE_EMPTY;
				assert_int_equal(out.ptr == path, is_plain(path, len));
				assert_true(out.ptr != path || out.len == len);
				arena_reset(&arena);
			}
	arena_fini(&arena);
}

static void full_arena(void **state)
{
	struct arena arena;
	struct slice out;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(canon_path(&arena, SLICE_LIT("//a"), &out), ERR_MEMORY);
	assert_int_equal(canon_host(&arena, SLICE_LIT("A"), &out), ERR_MEMORY);
	assert_int_equal(canon_path(&arena, SLICE_LIT("/a"), &out), ERR_OK);
	assert_int_equal(canon_host(&arena, SLICE_LIT("a"), &out), ERR_OK);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_hosts), cmocka_unit_test(hosts), cmocka_unit_test(bad_paths),
		cmocka_unit_test(paths), cmocka_unit_test(plain_paths_stay_where_they_are),
		cmocka_unit_test(full_arena),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
