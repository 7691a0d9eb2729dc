/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches ocsp_read down to dates and signers. The signature can't be forged, so "good" and "revoked" for a CA
 * whose key nobody has would be a fault. The first octet says how many octets of serial follow. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/certs.h"
#include "pki/ocsp.h"
#include "pki/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1795567746)

/* A root of EC P-256, whose key signed the seeds and is gone. */
static const char issuer[] =
	"MIIBfTCCASOgAwIBAgIUTJDVtAGQcFJrE1dF0/+FTOn0qcwwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBRjAeFw0yNjExMjUwMDQ5"
	"MDZaFw0zNjExMjIwMDQ5MDZaMAwxCjAIBgNVBAMMAUYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATAyT0Yio/1Qd2EQo4bUhVI"
	"o4M8+Gx9/dssSPcrAhP+c//2lCdlYfM6Bvu/z8uAfsNKJYrPMQnM/Z4jvPaSWlEao2MwYTAdBgNVHQ4EFgQU9NJWXZvy7/tny0S+"
	"OsJWq/NhibkwHwYDVR0jBBgwFoAU9NJWXZvy7/tny0S+OsJWq/NhibkwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYw"
	"CgYIKoZIzj0EAwIDSAAwRQIgCbqqXLhB4bXbdgJ/zZgbsNWsaOafa0YcrrLg/VOKB7ACIQD08vi9FMYvvlhdUqU/nP7qafgqlak2"
	"5/tVslJoRBRo6g==";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slice der;
	struct ocsp_question question = { 0 };
	struct slice input = slice_of(data, size);
	struct ocsp_answer answer;
	struct point_list points;
	const char *why = NULL;

	if (!der.ptr)
		der = certs_base64(issuer);
	question.issuer = der;
	if (size == 0)
		return 0;
	question.serial = slice_sub(input, 1, data[0] % 21);
	input = slice_sub(input, 1 + question.serial.len, size);
	if (ocsp_read(input, &question, NOW, &answer, &why) == ERR_OK && answer.status &&
	    !answer.this_update)
		abort();
	if (!why)
		abort();
	if (points_freshest(input, &points) && points.count)
		abort();
	return 0;
}
