/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_PEM_H
#define MTLSGUARD_PKI_PEM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * Appends the content of each CERTIFICATE block of a PEM text (RFC 7468 5) to
 * der, one behind the other, without looking at what it holds; other blocks
 * are passed over. first (NULL: not wanted) gets the length of the first.
 * ERR_FORMAT when a block cannot be read or there is none.
 */
enum err pem_certificates(struct slice pem, struct buf *der, size_t *first) MUST_USE;

/*
 * Turns the lists of a file (CRLs) into DER where they lie, one behind the
 * other: a list may have 64 MB, of which nobody wants a copy. Text is decoded
 * (RFC 7468 6: X509 CRL blocks, others are passed over), what begins with a DER
 * SEQUENCE stays. Returns the length in *der_len. ERR_FORMAT: neither, a block
 * without its end, or bytes that are no whole SEQUENCE; the bytes are then spoiled.
 */
enum err pem_lists(uint8_t *bytes, size_t len, size_t *der_len) MUST_USE;

#endif
