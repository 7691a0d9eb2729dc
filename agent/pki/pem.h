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

#endif
