/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and hosts made canonical. Must reach: escapes kept and decoded, dot
 * segments at every place, runs of "/", ports, IPv6 literals. What comes out is
 * never longer, goes in again unchanged, and holds nothing that was to go.
 */
#include <stdlib.h>

#include "core/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static bool holds(struct slice s, struct slice part)
{
	for (size_t i = 0; i + part.len <= s.len; i++)
		if (memcmp(s.ptr + i, part.ptr, part.len) == 0)
			return true;
	return false;
}

static void check_path(struct arena *arena, struct slice raw)
{
	struct slice out, again;

	if (canon_path(arena, raw, &out))
		return;
	must(out.len > 0 && out.len <= raw.len && out.ptr[0] == '/');
	must(!holds(out, SLICE_LIT("//")) && !holds(out, SLICE_LIT("/../")) && !holds(out, SLICE_LIT("/./")));
	must(!holds(out, SLICE_LIT("\\")) && !holds(out, SLICE_LIT("%2F")) && !holds(out, SLICE_LIT("%00")));
	must(!slice_ends(out, SLICE_LIT("/..")) && !slice_ends(out, SLICE_LIT("/.")));
	must(canon_path(arena, out, &again) == ERR_OK && slice_eq(out, again));
}

static void check_host(struct arena *arena, struct slice raw)
{
	struct slice out, again;

	if (canon_host(arena, raw, &out))
		return;
	must(out.len > 0 && out.len <= raw.len);
	for (size_t i = 0; i < out.len; i++)
		must(out.ptr[i] > ' ' && out.ptr[i] < 0x7f && out.ptr[i] != ',' &&
		     ascii_lower(out.ptr[i]) == out.ptr[i]);
	must(canon_host(arena, out, &again) == ERR_OK && slice_eq(out, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;

	arena_init(&arena, size * 4 + 1024);
	check_path(&arena, slice_of(data, size));
	check_host(&arena, slice_of(data, size));
	arena_fini(&arena);
	return 0;
}
