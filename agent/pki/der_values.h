/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_DER_VALUES_H
#define MTLSGUARD_PKI_DER_VALUES_H

#include "pki/der.h"

/* The kinds of DER value that lists are made of. Faults stick in the reader: ERR_SHORT, ERR_FORMAT. */
#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_OBJECT 0x06
#define DER_ENUMERATED 0x0a
#define DER_UTC_TIME 0x17
#define DER_GENERALIZED_TIME 0x18

/* The tag that comes next, 0 at the end. */
uint8_t der_peek(const struct reader *r);

/* One value, which must have that tag. */
struct der der_expect(struct reader *r, uint8_t tag);

/* An INTEGER that is not negative: its octets without leading zeros. */
struct slice der_unsigned(struct reader *r);

/* An INTEGER's octets without leading zeros, whatever its sign: how serials are compared. */
struct slice der_magnitude(struct reader *r);

/* UTCTime or GeneralizedTime in the forms of RFC 5280 4.1.2.5, as epoch seconds. */
int64_t der_time(struct reader *r);

/* One Extension (RFC 5280 4.1). */
struct der_extension {
	struct slice oid, value;
	bool critical;
};
struct der_extension der_extension_next(struct reader *r);

/* True when one of the count slices equals s. */
bool der_listed(struct slice s, const struct slice *list, size_t count);

#endif
