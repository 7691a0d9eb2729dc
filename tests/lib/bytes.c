/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bytes.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"

/* Keeps what bytes() gave, for the leak checker as much as for its callers. */
static struct kept {
	struct kept *next;
	struct buf buf;
} *kept;

void bytes_put(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		const char *end;

		if (isspace((unsigned char)*p))
			continue;
		if (*p == '"') {
			end = strchr(p + 1, '"');
			if (!end)
				abort();
			buf_put(out, slice_of(p + 1, (size_t)(end - p - 1)));
			p = end;
		} else if (!p[1] || text_unhex(out, slice_of(p, 2))) {
			fprintf(stderr, "not bytes: %s\n", p);
			abort();
		} else {
			p++;
		}
	}
}

struct slice bytes(const char *text)
{
	struct kept *one = calloc(1, sizeof(*one));

	if (!one)
		abort();
	one->next = kept;
	kept = one;
	bytes_put(&one->buf, text);
	return buf_slice(&one->buf);
}

static void show(const char *what, struct slice s)
{
	fprintf(stderr, "# %s (%zu):", what, s.len);
	for (size_t i = 0; i < s.len && i < 512; i++)
		fprintf(stderr, " %02x", s.ptr[i]);
	fprintf(stderr, "\n# \"%.*s\"\n", SLICE_FMT(s));
}

void assert_bytes(struct slice got, struct slice wanted)
{
	if (slice_eq(got, wanted))
		return;
	show("got", got);
	show("wanted", wanted);
	fail();
}
