/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_OCSP_INTERNAL_H
#define MTLSGUARD_PKI_OCSP_INTERNAL_H

#include <openssl/ocsp.h>

#include "pki/ocsp.h"

/* Looks for whoever signed: fills out->delegated, nocheck and signer_serial. ERR_CRYPTO, *why. */
enum err ocsp_check_signer(OCSP_BASICRESP *basic, X509 *issuer, int64_t now,
			   struct ocsp_answer *out, const char **why) MUST_USE;

#endif
