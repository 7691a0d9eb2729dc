/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/dialect.h"
#include "lib/checks.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END "-----END CERTIFICATE-----\n"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct arena arena;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void other_texts_are_no_pem(void **state)
{
	static const struct slice cases[] = {
		SLICE_INIT(""), SLICE_INIT("-"), SLICE_INIT("%"), SLICE_INIT("%4"), SLICE_INIT("%zz"),
		SLICE_INIT("%0g"), SLICE_INIT(BEGIN), SLICE_INIT(END), SLICE_INIT(BEGIN END),
		SLICE_INIT(BEGIN "MAA=\n"), SLICE_INIT(BEGIN "MAA\n" END), SLICE_INIT(BEGIN "MA=\n" END),
		SLICE_INIT(BEGIN "MAB=\n" END), /* bits behind the last octet */
		SLICE_INIT(BEGIN "MR==\n" END), SLICE_INIT(BEGIN "M===\n" END), SLICE_INIT(BEGIN "=MAA\n" END),
		SLICE_INIT(BEGIN "MAA=MAA=\n" END), SLICE_INIT(BEGIN "MAA=\nMAA=\n" END),
		SLICE_INIT(BEGIN "MA A\n" END), SLICE_INIT(BEGIN "MAA=\n\n" END), SLICE_INIT(BEGIN " MAA=\n" END),
		SLICE_INIT(BEGIN "M-_A\n" END), SLICE_INIT(BEGIN "MAA=\n" END "x"), SLICE_INIT("x" BEGIN "MAA=\n" END),
		SLICE_INIT("\n" BEGIN "MAA=\n" END), SLICE_INIT(BEGIN "MAA=\n" END "\n"),
		SLICE_INIT("-----BEGIN+CERTIFICATE-----\nMAA=\n" END), /* "+" is no blank */
		SLICE_INIT("-----BEGIN X509 CERTIFICATE-----\nMAA=\n-----END X509 CERTIFICATE-----\n"),
		SLICE_INIT(BEGIN "Proc-Type: 4,ENCRYPTED\n\nMAA=\n" END), SLICE_INIT(BEGIN "MAA%00=\n" END),
		SLICE_INIT("%252D----BEGIN CERTIFICATE-----\nMAA=\n" END), /* decoded once */
		SLICE_INIT(BEGIN "MAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAA\n" END),
	};
	struct dialect_chain chain;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (dialect_pem(&arena, cases[i], 2, &chain) != ERR_FORMAT)
			fail_msg("case %zu", i);
}

static void pem_is_read(void **state)
{
	static const struct slice cases[] = {
		SLICE_INIT(BEGIN "MAAx\n" END),
		SLICE_INIT("-----BEGIN CERTIFICATE-----\r\nMAAx\r\n-----END CERTIFICATE-----"),
		SLICE_INIT("%2d----BEGIN%20CERTIFICATE-----%0AMA%41x%0a-----END%20CERTIFICATE-----%0A"),
		SLICE_INIT(BEGIN "M\nAA\nx\n" END),
	};
	struct dialect_chain chain;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (dialect_pem(&arena, cases[i], 1, &chain))
			fail_msg("case %zu", i);
		assert_int_equal(chain.count, 1);
		assert_int_equal(chain.first, 3);
		assert_memory_equal(chain.der.ptr, "\x30\x00\x31", 3);
	}
}

static void what_envoy_encodes_comes_back(void **state)
{
	uint8_t der[300];
	struct dialect_chain chain;

	(void)state;
	for (size_t n = 1; n < sizeof(der); n++) {
		struct buf text = buf_capped(0);

		for (size_t i = 0; i < n; i++)
			der[i] = (uint8_t)(i * 37 + n);
		check_certificate(&text, slice_of(der, n));
		check_certificate(&text, slice_of(der, n));
		assert_int_equal(dialect_pem(&arena, buf_slice(&text), 1, &chain), ERR_LIMIT);
		assert_int_equal(dialect_pem(&arena, buf_slice(&text), 2, &chain), ERR_OK);
		assert_int_equal(chain.count, 2);
		assert_int_equal(chain.first, n);
		assert_int_equal(chain.der.len, 2 * n);
		assert_memory_equal(chain.der.ptr, der, n);
		assert_memory_equal(chain.der.ptr + n, der, n);
		buf_fini(&text);
		arena_reset(&arena);
	}
}

static void memory_is_bounded(void **state)
{
	struct arena small;
	struct dialect_chain chain;

	(void)state;
	arena_init(&small, 16);
	assert_int_equal(dialect_pem(&small, SLICE_LIT(BEGIN "MAAx\n" END), 1, &chain), ERR_MEMORY);
	arena_fini(&small);
}

static void doubtful_xfcc_is_refused(void **state)
{
	static const struct {
		struct slice header;
		enum err err;
	} cases[] = {
		{ SLICE_INIT(""), ERR_FORMAT },
		{ SLICE_INIT("[{\"hash\":\"x\"}]"), ERR_FORMAT },
		{ SLICE_INIT("{}"), ERR_FORMAT },
		{ SLICE_INIT("Hash"), ERR_FORMAT },
		{ SLICE_INIT("=x"), ERR_FORMAT },
		{ SLICE_INIT("Hash=" HASH ";"), ERR_FORMAT },
		{ SLICE_INIT(";Hash=" HASH), ERR_FORMAT },
		{ SLICE_INIT("Hash=0123"), ERR_FORMAT },
		{ SLICE_INIT("Hash=\"" HASH "\""), ERR_FORMAT },
		{ SLICE_INIT("Hash=0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"), ERR_FORMAT },
		{ SLICE_INIT("Cert=abc"), ERR_FORMAT },
		{ SLICE_INIT("Cert=\"\""), ERR_FORMAT },
		{ SLICE_INIT("Cert=\"abc"), ERR_FORMAT },
		{ SLICE_INIT("Cert=\"abc\"x"), ERR_FORMAT },
		{ SLICE_INIT("Cert=\"a\\\"bc\""), ERR_FORMAT },
		{ SLICE_INIT("Cert=\"abc\" ;Chain=\"d\""), ERR_FORMAT },
		{ SLICE_INIT("Cert =\"abc\""), ERR_FORMAT },
		{ SLICE_INIT("By=a\"b"), ERR_FORMAT },
		{ SLICE_INIT("Cert=\"a\";cert=\"b\""), ERR_DUPLICATE },
		{ SLICE_INIT("Chain=\"a\";CHAIN=\"a\""), ERR_DUPLICATE },
		{ SLICE_INIT("Hash=" HASH ";Hash=" HASH), ERR_DUPLICATE },
		{ SLICE_INIT("By=x,By=y"), ERR_DUPLICATE },
		{ SLICE_INIT("Cert=\"a\","), ERR_DUPLICATE },
		/* What a certificate with a hostile URI SAN makes Envoy write. */
		{ SLICE_INIT("By=spiffe://e;Hash=" HASH ";Cert=\"a\";Chain=\"a\";URI=spiffe://x/a\";Cert=\"AAAA\";Chain=\"BBBB\",By=x;Hash=00"),
		  ERR_FORMAT },
		{ SLICE_INIT("Hash=" HASH ";Cert=\"a\";Chain=\"a\";URI=spiffe://x/a;Cert=\"AAAA\""), ERR_DUPLICATE },
		{ SLICE_INIT("Hash=" HASH ";Chain=\"a\";URI=x,Chain=\"b\""), ERR_DUPLICATE },
	};
	struct dialect_xfcc xfcc;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (dialect_xfcc(cases[i].header, &xfcc) != cases[i].err)
			fail_msg("case %zu: %s", i, err_name(dialect_xfcc(cases[i].header, &xfcc)));
}

static void xfcc_is_read(void **state)
{
	struct dialect_xfcc xfcc;

	(void)state;
	assert_int_equal(dialect_xfcc(SLICE_LIT("By=spiffe://e;By=spiffe://f;Hash=" HASH ";Cert=\"a%2B\";Chain=\"a%2Bb\";"
						"Subject=\"CN=a\\\"b,O=c;d\";URI=;DNS=a.test;DNS=b.test"),
				      &xfcc), ERR_OK);
	assert_true(slice_eq(xfcc.hash, SLICE_LIT(HASH)));
	assert_true(slice_eq(xfcc.cert, SLICE_LIT("a%2B")));
	assert_true(slice_eq(xfcc.chain, SLICE_LIT("a%2Bb")));
	assert_int_equal(dialect_xfcc(SLICE_LIT("Subject=\"\""), &xfcc), ERR_OK);
	assert_int_equal(xfcc.chain.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_texts_are_no_pem),
		cmocka_unit_test(doubtful_xfcc_is_refused),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(pem_is_read),
		cmocka_unit_test(what_envoy_encodes_comes_back),
		cmocka_unit_test(xfcc_is_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start, stop);
}
