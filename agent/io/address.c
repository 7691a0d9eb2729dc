/* SPDX-License-Identifier: Apache-2.0 */
#include "io/address.h"

#include <arpa/inet.h>

size_t address_parse(struct slice words, uint8_t octets[16])
{
	char text[INET6_ADDRSTRLEN];

	if (words.len == 0 || words.len >= sizeof(text) || slice_find(words, 0) < words.len)
		return 0;
	memcpy(text, words.ptr, words.len);
	text[words.len] = '\0';
	if (inet_pton(AF_INET, text, octets) == 1)
		return 4;
	return inet_pton(AF_INET6, text, octets) == 1 ? 16 : 0;
}
