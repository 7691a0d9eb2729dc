/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "wire/spop.h"

/* 32-bit numbers travel sign-extended; the plain 32-bit pattern of a negative one is understood too. */
static int64_t decode_int32(struct reader *r)
{
	uint64_t bits = reader_varint(r);

	if (bits <= UINT32_MAX)
		return (int32_t)(uint32_t)bits;
	if ((int64_t)bits < INT32_MIN || (int64_t)bits > INT32_MAX)
		reader_fail(r, ERR_RANGE);
	return (int64_t)bits;
}

static int64_t decode_uint32(struct reader *r)
{
	uint64_t bits = reader_varint(r);

	if (bits > UINT32_MAX)
		reader_fail(r, ERR_RANGE);
	return (int64_t)bits;
}

void spop_value_decode(struct reader *r, struct value *out)
{
	unsigned head = reader_u8(r), type = head & 0x0f;

	*out = (struct value){ .kind = VALUE_NULL };
	switch (type) {
	case SPOP_DATA_NULL:
		break;
	case SPOP_DATA_BOOL:
		out->kind = VALUE_BOOL;
		out->boolean = head & SPOP_DATA_TRUE;
		head &= ~SPOP_DATA_TRUE;
		break;
	case SPOP_DATA_INT32:
		out->kind = VALUE_INT;
		out->integer = decode_int32(r);
		break;
	case SPOP_DATA_UINT32:
		out->kind = VALUE_UINT;
		out->integer = decode_uint32(r);
		break;
	case SPOP_DATA_INT64:
	case SPOP_DATA_UINT64:
		out->kind = type == SPOP_DATA_INT64 ? VALUE_INT : VALUE_UINT;
		out->integer = (int64_t)reader_varint(r);
		break;
	case SPOP_DATA_IPV4:
	case SPOP_DATA_IPV6:
		out->kind = VALUE_IP;
		out->bytes = reader_bytes(r, type == SPOP_DATA_IPV4 ? 4 : 16);
		break;
	case SPOP_DATA_TEXT:
	case SPOP_DATA_BINARY:
		out->kind = type == SPOP_DATA_TEXT ? VALUE_TEXT : VALUE_BINARY;
		out->bytes = reader_varstr(r);
		break;
	default:
		reader_fail(r, ERR_FORMAT);
	}
	if (head >> 4)
		reader_fail(r, ERR_FORMAT);
	if (reader_err(r))
		*out = (struct value){ .kind = VALUE_NULL };
}

void spop_value_encode(struct buf *out, enum spop_data type, const struct value *value)
{
	uint64_t bits = (uint64_t)value->integer;

	switch (type) {
	case SPOP_DATA_NULL:
		buf_u8(out, SPOP_DATA_NULL);
		break;
	case SPOP_DATA_BOOL:
		buf_u8(out, value->boolean ? SPOP_DATA_BOOL | SPOP_DATA_TRUE : SPOP_DATA_BOOL);
		break;
	case SPOP_DATA_INT32:
	case SPOP_DATA_UINT32:
	case SPOP_DATA_INT64:
	case SPOP_DATA_UINT64:
		buf_u8(out, (uint8_t)type);
		buf_varint(out, type == SPOP_DATA_UINT32 ? bits & UINT32_MAX : bits);
		break;
	case SPOP_DATA_IPV4:
	case SPOP_DATA_IPV6:
		assert(value->bytes.len == (type == SPOP_DATA_IPV4 ? 4 : 16));
		buf_u8(out, (uint8_t)type);
		buf_put(out, value->bytes);
		break;
	case SPOP_DATA_TEXT:
	case SPOP_DATA_BINARY:
		buf_u8(out, (uint8_t)type);
		buf_varstr(out, value->bytes);
		break;
	}
}

/* The type that carries a value as it is. */
static enum spop_data natural_type(const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL:
		return SPOP_DATA_BOOL;
	case VALUE_INT:
		return SPOP_DATA_INT64;
	case VALUE_UINT:
		return SPOP_DATA_UINT64;
	case VALUE_IP:
		return value->bytes.len == 4 ? SPOP_DATA_IPV4 : SPOP_DATA_IPV6;
	case VALUE_TEXT:
		return SPOP_DATA_TEXT;
	case VALUE_BINARY:
		return SPOP_DATA_BINARY;
	case VALUE_NOT_SENT:
	case VALUE_NULL:
		break;
	}
	return SPOP_DATA_NULL;
}

bool spop_message_decode(struct reader *r, struct spop_message *out)
{
	if (reader_left(r) == 0)
		return false;
	out->name = reader_varstr(r);
	out->args = reader_u8(r);
	return !reader_err(r);
}

void spop_message_encode(struct buf *out, const struct spop_message *message)
{
	assert(message->args <= SPOP_ARGS_MAX);
	buf_varstr(out, message->name);
	buf_u8(out, (uint8_t)message->args);
}

void spop_arg_encode(struct buf *out, struct slice name, const struct value *value)
{
	buf_varstr(out, name);
	spop_value_encode(out, natural_type(value), value);
}

bool spop_action_decode(struct reader *r, struct spop_action *out)
{
	unsigned kind, args, scope;

	if (reader_left(r) == 0)
		return false;
	kind = reader_u8(r);
	args = reader_u8(r);
	scope = reader_u8(r);
	*out = (struct spop_action){ .kind = kind, .scope = scope, .name = reader_varstr(r) };
	if (kind == SPOP_SET_VAR)
		spop_value_decode(r, &out->value);
	if ((kind != SPOP_SET_VAR || args != 3) && (kind != SPOP_UNSET_VAR || args != 2))
		reader_fail(r, ERR_FORMAT);
	if (scope > SPOP_RES)
		reader_fail(r, ERR_RANGE);
	return !reader_err(r);
}

void spop_action_encode(struct buf *out, const struct spop_action *action)
{
	buf_u8(out, (uint8_t)action->kind);
	buf_u8(out, action->kind == SPOP_SET_VAR ? 3 : 2);
	buf_u8(out, (uint8_t)action->scope);
	buf_varstr(out, action->name);
	if (action->kind == SPOP_SET_VAR)
		spop_value_encode(out, natural_type(&action->value), &action->value);
}
