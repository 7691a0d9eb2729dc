/* SPDX-License-Identifier: Apache-2.0 */
#include "core/request_id.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/attr.h"
#include "base/word.h"

/* Eight hex digits at once: nibbles spread to octets, then all of them made letters where they must be. */
static void hex_digits(uint8_t *out, uint32_t value)
{
	uint64_t x = value;

	x = (x << 16 | x) & UINT64_C(0x0000ffff0000ffff);
	x = (x << 8 | x) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x << 4 | x) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	x += UINT64_C(0x3030303030303030) +
	     (((x + UINT64_C(0x0606060606060606)) >> 4) & WORD_ONES) * ('a' - '0' - 10);
	x = __builtin_bswap64(x);
	memcpy(out, &x, sizeof(x));
}

static void write_head(struct request_ids *ids, uint64_t head)
{
	ids->head = head;
	hex_digits(ids->head_digits, (uint32_t)(head >> 32));
	hex_digits(ids->head_digits + 8, (uint32_t)head);
}

void request_ids_init(struct request_ids *ids)
{
	ids->count = 0;
	if (getrandom(&ids->start, sizeof(ids->start), 0) != (ssize_t)sizeof(ids->start))
		abort();
	write_head(ids, 0);
}

void request_ids_next(struct request_ids *ids, int64_t now, uint8_t *out)
{
	uint64_t number = ids->start + ++ids->count;
	uint64_t head = (uint64_t)now << 32 | number >> 32;

	if (unlikely(head != ids->head))
		write_head(ids, head);
	memcpy(out, ids->head_digits, REQUEST_ID_HEAD);
	hex_digits(out + REQUEST_ID_HEAD, (uint32_t)number);
}
