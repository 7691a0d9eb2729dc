/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "pki/digest.h"

static void is(struct digest *digest, const char *wanted)
{
	char hex[65] = "";
	struct buf text = buf_fixed(hex, 64);
	uint8_t out[DIGEST_OCTETS];

	digest_finish(digest, out);
	text_hex(&text, slice_of(out, sizeof(out)), false);
	assert_string_equal(hex, wanted);
}

/* FIPS 180-4's own examples. */
static void known_sums(void **state)
{
	struct digest *digest = digest_new();

	(void)state;
	is(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest = digest_new();
	digest_add(digest, SLICE_LIT("a"));
	digest_add(digest, SLICE_EMPTY);
	digest_add(digest, SLICE_LIT("bc"));
	is(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_sums) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
