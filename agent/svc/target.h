/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_TARGET_H
#define MTLSGUARD_SVC_TARGET_H

#include <stdbool.h>

/*
 * Which addresses may be connected to, asked with the address that a name was
 * resolved to: link-local ones (where clouds keep their metadata), multicast
 * and broadcast never; loopback, private and shared ones not when public_only.
 * An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) counts as itself.
 */
struct sockaddr;

bool target_allowed(const struct sockaddr *address, bool public_only);

#endif
