/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_VALUE_H
#define MTLSGUARD_BASE_VALUE_H

#include "base/slice.h"

/*
 * One argument of a request, whatever carried it (SPOE text 3.1 "typed data"
 * is the richest of them). "Not sent" is told from NULL ("the proxy looked and
 * there was none") and from an empty text.
 */
enum value_kind {
	VALUE_NOT_SENT = 0,
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,   /* integer: signed 64 bits */
	VALUE_UINT,  /* integer holds the bits of an unsigned 64-bit number */
	VALUE_IP,    /* bytes: 4 or 16 octets in network order */
	VALUE_TEXT,  /* bytes */
	VALUE_BINARY /* bytes */
};

struct value {
	enum value_kind kind;
	bool boolean;
	int64_t integer;
	struct slice bytes;
};

#endif
