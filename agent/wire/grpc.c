/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/grpc.h"

#include "base/reader.h"
#include "base/text.h"
#include "wire/pb.h"

enum grpc_status grpc_message(struct slice body, struct slice *out)
{
	struct reader r = reader_of(body);
	uint8_t flag = reader_u8(&r);
	uint32_t len = reader_u32(&r);

	*out = reader_bytes(&r, len);
	if (!reader_err(&r) && flag && len)
		return GRPC_UNIMPLEMENTED;
	return reader_end(&r) || flag > 1 ? GRPC_INTERNAL : GRPC_OK;
}

void grpc_prefix(uint8_t out[GRPC_PREFIX], uint32_t len)
{
	struct buf b = buf_fixed(out, GRPC_PREFIX);

	buf_u8(&b, 0);
	buf_u32(&b, len);
}

static int64_t unit_ns(uint8_t unit)
{
	switch (unit) {
	case 'H': return INT64_C(3600000000000);
	case 'M': return INT64_C(60000000000);
	case 'S': return INT64_C(1000000000);
	case 'm': return 1000000;
	case 'u': return 1000;
	case 'n': return 1;
	default: return 0;
	}
}

bool grpc_timeout(struct slice text, int64_t *ns)
{
	uint64_t number;
	int64_t unit;

	if (text.len < 2 || text.len > 9)
		return false;
	unit = unit_ns(text.ptr[text.len - 1]);
	if (!unit || !slice_to_u64(slice_sub(text, 0, text.len - 1), 99999999, &number))
		return false;
	*ns = (int64_t)number > INT64_MAX / unit ? INT64_MAX : (int64_t)number * unit;
	return true;
}

bool grpc_content_type(struct slice value)
{
	struct slice name = SLICE_INIT("application/grpc");
	struct slice rest = slice_sub(value, name.len, value.len);

	return slice_eq_nocase(slice_sub(value, 0, name.len), name) &&
	       (rest.len == 0 || rest.ptr[0] == '+' || rest.ptr[0] == ';');
}

void grpc_escape(struct buf *b, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c >= 0x20 && c < 0x7f && c != '%') {
			buf_u8(b, c);
		} else {
			buf_u8(b, '%');
			text_hex(b, slice_of(&text.ptr[i], 1), true);
		}
	}
}

enum err grpc_health_decode(struct slice message, struct slice *service)
{
	struct reader r = reader_of(message);
	struct pb_field field;
	uint32_t seen = 0;

	*service = SLICE_EMPTY;
	while (pb_next(&r, &field))
		if (field.number == 1 && pb_is(&r, &field, PB_BYTES, &seen))
			*service = field.bytes;
	return reader_err(&r);
}

void grpc_health_encode(struct buf *b, bool serving)
{
	pb_number(b, 1, serving ? 1 : 2);
}
