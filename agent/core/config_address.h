/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CONFIG_ADDRESS_H
#define MTLSGUARD_CORE_CONFIG_ADDRESS_H

#include "base/err.h"
#include "base/slice.h"
#include "core/config.h"

/* Dotted-quad IPv4 (no leading zeros) into out[0..4). */
bool address_read_v4(struct slice text, uint8_t *out);

/* IPv6 without zone (RFC 4291 2.2) into out[0..16). */
bool address_read_v6(struct slice text, uint8_t *out);

/* "10.0.0.0/8", "2001:db8::/32", or an address for itself alone. Bits behind the prefix must be 0: false. */
bool address_read_network(struct slice text, struct listen_network *out);

/*
 * "127.0.0.1:9640", "[::1]:9640", "unix:/path", "unix:@name" into kind, host
 * and port of *out (host is malloc'd, a unix path as written). On failure
 * *why is a static text with what is wrong; ERR_FORMAT.
 */
enum err address_read_listen(struct slice text, struct listen_entry *out, const char **why) MUST_USE;

/* True for a TCP address that only this machine reaches. */
bool address_is_loopback(const struct listen_entry *entry);

#endif
