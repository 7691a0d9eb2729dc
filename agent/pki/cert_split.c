/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/cert.h"
#include "pki/der.h"

enum err cert_split(struct slice chain, struct slice *out, size_t max, size_t *count)
{
	struct reader r = reader_of(chain);

	*count = 0;
	while (reader_left(&r)) {
		struct der der = der_next(&r);

		if (reader_err(&r) || der.tag != DER_SEQUENCE)
			return ERR_FORMAT;
		if (*count == max)
			return ERR_LIMIT;
		out[(*count)++] = der.whole;
	}
	return ERR_OK;
}
