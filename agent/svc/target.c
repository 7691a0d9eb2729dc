/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/target.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Blocks of the special-purpose registries (RFC 6890), most general last. */
struct block {
	uint32_t first;
	unsigned bits;
	bool never;
};

static const struct block blocks[] = {
	{ 0xa9fe0000, 16, true },  /* link-local */
	{ 0xe0000000, 4, true },   /* multicast */
	{ 0xf0000000, 4, true },   /* reserved, broadcast */
	{ 0x00000000, 8, false },  /* this host, which is loopback to connect() */
	{ 0x0a000000, 8, false },  { 0x64400000, 10, false }, { 0x7f000000, 8, false },
	{ 0xac100000, 12, false }, { 0xc0000000, 24, false }, { 0xc0a80000, 16, false },
	{ 0xc6120000, 15, false },
};

static bool allowed4(uint32_t address, bool public_only)
{
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if ((address ^ blocks[i].first) >> (32 - blocks[i].bits) == 0)
			return !blocks[i].never && !public_only;
	return true;
}

static uint32_t inner4(const uint8_t *octets)
{
	return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 | octets[3];
}

static bool allowed6(const uint8_t *a, bool public_only)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
	static const uint8_t own_nat64[6] = { 0, 0x64, 0xff, 0x9b, 0, 1 };
	static const uint8_t zeros[15] = { 0 };

	if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
		return allowed4(inner4(a + 12), public_only);
	if (a[0] == 0x20 && a[1] == 0x02)
		return allowed4(inner4(a + 2), public_only);
	if ((a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || a[0] == 0xff)
		return false;
	/* RFC 8215: where in it the address stands is known to the network alone. */
	if (memcmp(a, own_nat64, sizeof(own_nat64)) == 0)
		return !public_only;
	/* Loopback, unspecified, old IPv4-compatible ones; unique local; old site-local. */
	if (memcmp(a, zeros, 12) == 0 || (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0xc0))
		return !public_only;
	return true;
}

bool target_allowed(const struct sockaddr *address, bool public_only)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&in4, address, sizeof(in4));
		return allowed4(ntohl(in4.sin_addr.s_addr), public_only);
	case AF_INET6:
		memcpy(&in6, address, sizeof(in6));
		return allowed6(in6.sin6_addr.s6_addr, public_only);
	default:
		return false;
	}
}
