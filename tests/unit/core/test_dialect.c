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

/* What each form of base64 in a header is, and is not. */
static void doubtful_lists_are_refused(void **state)
{
	static const struct slice never[] = {
		SLICE_INIT(""), SLICE_INIT(","), SLICE_INIT(":"), SLICE_INIT("::"), SLICE_INIT(":MAA:"), SLICE_INIT(":MAAx"), SLICE_INIT("MAAx:"),
		SLICE_INIT(":MA A:"), SLICE_INIT(":MAAx:;a"), SLICE_INIT(":MAA_:"), SLICE_INIT(":MAAx::"), SLICE_INIT(":M===:"), SLICE_INIT(":MAB=:"),
		SLICE_INIT(":MAA=MAAx:"), SLICE_INIT(":MAAx:,"), SLICE_INIT(",:MAAx:"), SLICE_INIT(":MAAx:,,:MAAx:"), SLICE_INIT("\":MAAx:\""),
		SLICE_INIT("MAA"), SLICE_INIT("MA A"), SLICE_INIT("MAAx,"), SLICE_INIT(",MAAx"), SLICE_INIT("MAAx,,MAAx"), SLICE_INIT("MAAx, MAAx"),
		SLICE_INIT("MAAx\n"), SLICE_INIT("MAA%3"), SLICE_INIT("MAA%zz"), SLICE_INIT("MAA%253D"), SLICE_INIT("MAAx%2CMAAx"), SLICE_INIT("MAA\0"),
		SLICE_INIT(" :MAAx: :MAAx:"), SLICE_INIT(":MAAx:\v,:MAAx:"),
	};
	struct dialect_chain chain;

	(void)state;
	for (size_t i = 0; i < COUNT(never); i++)
		if (dialect_client_cert(&arena, never[i], &chain) != ERR_FORMAT ||
		    dialect_client_cert_chain(&arena, never[i], 9, &chain) != ERR_FORMAT ||
		    dialect_traefik(&arena, never[i], 9, &chain) != ERR_FORMAT)
			fail_msg("case %zu", i);
	assert_int_equal(dialect_client_cert(&arena, SLICE_LIT(" :MAAx:"), &chain), ERR_FORMAT);
	assert_int_equal(dialect_client_cert(&arena, SLICE_LIT(":MAAx:,:MAAx:"), &chain), ERR_LIMIT);
	assert_int_equal(dialect_client_cert_chain(&arena, SLICE_LIT(":MAAx:,:MAAx:"), 1, &chain), ERR_LIMIT);
	assert_int_equal(dialect_traefik(&arena, SLICE_LIT("MAAx,MAAx"), 1, &chain), ERR_LIMIT);
}

static void assert_chain(const struct dialect_chain *chain, size_t count, size_t first, struct slice der)
{
	assert_int_equal(chain->count, count);
	assert_int_equal(chain->first, first);
	assert_true(slice_eq(chain->der, der));
}

static void lists_are_read(void **state)
{
	struct dialect_chain chain;

	(void)state;
	assert_int_equal(dialect_client_cert(&arena, SLICE_LIT(":MA==:"), &chain), ERR_OK);
	assert_chain(&chain, 1, 1, SLICE_LIT("0"));
	assert_int_equal(dialect_client_cert_chain(&arena, SLICE_LIT(":MDEy: ,\t:MDE=:,:MA==: "), 3, &chain), ERR_OK);
	assert_chain(&chain, 3, 3, SLICE_LIT("012010"));
	assert_int_equal(dialect_traefik(&arena, SLICE_LIT("MDE=,MDEy"), 2, &chain), ERR_OK);
	assert_chain(&chain, 2, 2, SLICE_LIT("01012"));
	assert_int_equal(dialect_traefik(&arena, SLICE_LIT("MDE%3D,%4dDEy"), 2, &chain), ERR_OK);
	assert_chain(&chain, 2, 2, SLICE_LIT("01012"));
}

/* SHA-256 of the three octets that "MAAx" stands for. */
#define SHA "28578a6d4a77ab6860366d73afcf698f30d5db9b959db2eb4a0ad1c77b56c887"
#define PEM_1 "-----BEGIN CERTIFICATE-----%0AMAAx%0A-----END CERTIFICATE-----%0A"
#define PEM_2 "-----BEGIN CERTIFICATE-----%0AMAAy%0A-----END CERTIFICATE-----%0A"

static void xfcc_must_agree_with_itself(void **state)
{
	static const struct {
		struct slice header;
		enum err err;
	} cases[] = {
		{ SLICE_INIT("Hash=" HASH ";Cert=\"" PEM_1 "\""), ERR_CRYPTO },
		{ SLICE_INIT("Hash=" SHA ";Cert=\"" PEM_2 "\""), ERR_CRYPTO },
		{ SLICE_INIT("Hash=" SHA ";Cert=\"" PEM_1 "\";Chain=\"" PEM_2 "\""), ERR_CRYPTO },
		{ SLICE_INIT("Hash=" SHA ";Cert=\"" PEM_1 "\";Chain=\"" PEM_2 PEM_1 "\""), ERR_CRYPTO },
		{ SLICE_INIT("Hash=" SHA ";Cert=\"" PEM_1 PEM_1 "\""), ERR_LIMIT },
		{ SLICE_INIT("Hash=" SHA ";Cert=\"" PEM_1 "\";Chain=\"x\""), ERR_FORMAT },
		{ SLICE_INIT("Hash=" SHA ";Cert=\"x\""), ERR_FORMAT },
		{ SLICE_INIT("Hash=" SHA), ERR_NOT_FOUND },
		{ SLICE_INIT("Hash=" SHA ";Chain=\"" PEM_1 "\""), ERR_NOT_FOUND },
		{ SLICE_INIT("Hash=" SHA ";Cert=\"" PEM_1 "\",Hash=" SHA), ERR_DUPLICATE },
		{ SLICE_INIT("Hash=" SHA ";Cert=\"" PEM_1 "\";URI="), ERR_OK },
	};
	struct dialect_chain chain;
	bool has_chain;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (dialect_xfcc_chain(NULL, &arena, cases[i].header, &chain, &has_chain) != cases[i].err)
			fail_msg("case %zu: %s", i, err_name(dialect_xfcc_chain(NULL, &arena, cases[i].header, &chain, &has_chain)));
	assert_false(has_chain);
	assert_chain(&chain, 1, 3, SLICE_LIT("\x30\x00\x31"));
	assert_int_equal(dialect_xfcc_chain(NULL, &arena, SLICE_LIT("Cert=\"" PEM_1 "\";Chain=\"" PEM_1 PEM_2 "\""), &chain, &has_chain), ERR_OK);
	assert_true(has_chain);
	assert_chain(&chain, 2, 3, SLICE_LIT("\x30\x00\x31\x30\x00\x32"));
}

static void memory_is_bounded(void **state)
{
	struct arena small;
	struct dialect_chain chain;

	(void)state;
	arena_init(&small, 16);
	assert_int_equal(dialect_pem(&small, SLICE_LIT(BEGIN "MAAx\n" END), 1, &chain), ERR_MEMORY);
	assert_int_equal(dialect_client_cert(&small, SLICE_LIT(":MAAxMAAxMAAxMAAx:"), &chain), ERR_MEMORY);
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
		cmocka_unit_test(doubtful_lists_are_refused),
		cmocka_unit_test(xfcc_must_agree_with_itself),
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(pem_is_read),
		cmocka_unit_test(what_envoy_encodes_comes_back),
		cmocka_unit_test(xfcc_is_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start, stop);
}
