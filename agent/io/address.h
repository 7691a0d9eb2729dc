/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_ADDRESS_H
#define MTLSGUARD_IO_ADDRESS_H

#include "base/slice.h"

/* An IPv4 or IPv6 address in words to its 4 or 16 octets; returns how many, 0 when it is none. */
size_t address_parse(struct slice words, uint8_t octets[16]);

#endif
