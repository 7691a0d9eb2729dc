/* SPDX-License-Identifier: Apache-2.0 */
#include "core/request_headers.h"

enum err request_headers_check(const struct request *req, struct headers_seen *seen)
{
	struct slice block = request_bytes(req, ARG_HEADERS);
	struct slice name, value;
	size_t at = 0;

	*seen = (struct headers_seen){ 0 };
	if (req->args[ARG_HEADERS].kind <= VALUE_NULL)
		return ERR_OK;
	while (request_header_next(req, &at, &name, &value)) {
		if (name.len == 4)
			seen->hosts += slice_eq_nocase(name, SLICE_LIT("host"));
		else if (name.len == 10)
			seen->early_data |= slice_eq_nocase(name, SLICE_LIT("early-data"));
	}
	return slice_eq(slice_sub(block, at, block.len), SLICE_LIT("\0\0")) ? ERR_OK : ERR_FORMAT;
}

/* Whether an argument "hdr_user_agent" is the header "user-agent". */
static bool names_header(struct slice arg, struct slice header)
{
	struct slice name = slice_sub(arg, 4, arg.len);

	if (!slice_starts(arg, SLICE_LIT("hdr_")) || name.len != header.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = ascii_lower(name.ptr[i]);

		if (c != header.ptr[i] && !(c == '_' && header.ptr[i] == '-'))
			return false;
	}
	return true;
}

enum header_state request_header(const struct request *req, struct slice name, struct slice *value)
{
	struct slice found;
	size_t at = 0;

	for (const struct extra_arg *extra = req->extra; extra; extra = extra->next) {
		if (!names_header(extra->name, name))
			continue;
		*value = extra->value.bytes;
		return extra->value.kind == VALUE_TEXT || extra->value.kind == VALUE_BINARY ?
			       HEADER_PRESENT : HEADER_ABSENT;
	}
	if (!request_sent(req, ARG_HEADERS))
		return HEADER_NOT_SENT;
	while (request_header_next(req, &at, &found, value))
		if (found.len == name.len && slice_eq_nocase(found, name))
			return HEADER_PRESENT;
	return HEADER_ABSENT;
}
