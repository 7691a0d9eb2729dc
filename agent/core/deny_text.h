/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_DENY_TEXT_H
#define MTLSGUARD_CORE_DENY_TEXT_H

#include "core/config.h"

/*
 * The spelling of deny entries, the same in the configuration and in deny
 * files: a serial in hex (colons, any case, leading zeros are fine; what has
 * only digits is read both ways), "dec:", "sha256:", "ski:", "spki:".
 */
#define DENY_TEXT_MAX 2
#define DENY_OCTETS_MAX 64

struct deny_text {
	enum deny_kind kind;
	uint8_t octets[DENY_OCTETS_MAX];
	size_t len;
};

enum deny_fault { DENY_FINE = 0, DENY_NO_SERIAL, DENY_NO_DECIMAL, DENY_NO_KEY_ID, DENY_NO_HASH };

/* Fills out with *count entries (one, or both readings of digits); none when it is a fault. */
enum deny_fault deny_text_read(struct slice text, struct deny_text *out, size_t *count);

/* "is no serial: …", for behind the text; and an example or NULL. */
const char *deny_fault_text(enum deny_fault fault);
const char *deny_fault_hint(enum deny_fault fault);

#endif
