/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_BASIS_H
#define MTLSGUARD_CORE_BASIS_H

#include "core/config.h"
#include "pki/digest.h"

/*
 * What an entry of the certificate cache stands on, as sums: when a reload
 * leaves all of it alone, the entries hold.
 */
struct basis {
	uint8_t octets[DIGEST_OCTETS];
};

/* Of the texts of both files of an authority, which must have been read. */
struct basis basis_of_texts(const struct authority_conf *authority);

/*
 * Of the authorities (names, the sums of their texts, what tells of revoked
 * certificates), of which of them hosts ask, and of the headers that an entry
 * has encoded. texts has one sum for each of config->authorities.
 */
struct basis basis_of_config(const struct config *config, const struct basis *texts);

static inline bool basis_equal(const struct basis *a, const struct basis *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

#endif
