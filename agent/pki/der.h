/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_DER_H
#define MTLSGUARD_PKI_DER_H

#include "base/err.h"
#include "base/reader.h"
#include "base/slice.h"

/*
 * The little DER (X.690) that is read without OpenSSL: where a value ends, and
 * the names of a certificate. Decoding a whole certificate costs OpenSSL 3.0
 * over 100 µs, which strangers must not be able to spend for us.
 */
#define DER_SEQUENCE 0x30

struct der {
	uint8_t tag;
	struct slice whole;   /* with tag and length */
	struct slice content;
};

/*
 * Reads one value with a one-byte tag and a definite length in its shortest
 * form (X.690 10.1). ERR_SHORT or ERR_FORMAT stick in the reader.
 */
struct der der_next(struct reader *r);

/* The whole DER of a certificate's issuer and subject names. ERR_FORMAT, ERR_SHORT. */
enum err der_names(struct slice cert, struct slice *issuer, struct slice *subject) MUST_USE;

#endif
