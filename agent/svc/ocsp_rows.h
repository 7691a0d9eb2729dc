/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_OCSP_ROWS_H
#define MTLSGUARD_SVC_OCSP_ROWS_H

#include "base/err.h"
#include "svc/ocsp_cache.h"

/*
 * The file of what responders have revoked, as bytes: rows of one size, each
 * with a sum over the rest of it. The last one of a certificate counts, also
 * when it says that the certificate is revoked no longer.
 */
#define OCSP_ROW_SIZE 112u
#define OCSP_ROWS_MAX (16u << 20) /* bytes of a file */

struct ocsp_row {
	uint8_t bytes[OCSP_ROW_SIZE];
};

/* used_from and look_again of the record are not kept. */
struct ocsp_row ocsp_row_encode(const struct ocsp_key *key, const struct ocsp_record *record);

struct ocsp_kept {
	struct ocsp_key key;
	struct ocsp_record record; /* revoked; used_from and look_again 0: due to be asked about again */
};

/* Certificates that are still revoked, one each, in the order in which the file names them first. */
struct ocsp_rows {
	struct ocsp_kept *kept;
	size_t count;
};

/*
 * Reads a file. A row that is cut short or changed, or that another version
 * has written, is passed over: what stands in a file can only deny. Free with
 * ocsp_rows_fini. ERR_LIMIT: of more than OCSP_ROWS_MAX bytes; out is empty.
 */
enum err ocsp_rows_decode(struct slice file, struct ocsp_rows *out) MUST_USE;
void ocsp_rows_fini(struct ocsp_rows *rows);

#endif
