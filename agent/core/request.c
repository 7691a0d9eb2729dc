/* SPDX-License-Identifier: Apache-2.0 */
#include "core/request.h"

#include <assert.h>

static const struct slice names[ARG_COUNT] = {
	[ARG_CERT] = SLICE_INIT("cert"),
	[ARG_USED] = SLICE_INIT("used"),
	[ARG_CHAIN] = SLICE_INIT("chain"),
	[ARG_SNI] = SLICE_INIT("sni"),
	[ARG_TLS_VERSION] = SLICE_INIT("tls_version"),
	[ARG_TLS_CIPHER] = SLICE_INIT("tls_cipher"),
	[ARG_RESUMED] = SLICE_INIT("resumed"),
	[ARG_EARLY] = SLICE_INIT("early"),
	[ARG_SRC] = SLICE_INIT("src"),
	[ARG_SRC_PORT] = SLICE_INIT("src_port"),
	[ARG_METHOD] = SLICE_INIT("method"),
	[ARG_SCHEME] = SLICE_INIT("scheme"),
	[ARG_HOST] = SLICE_INIT("host"),
	[ARG_PATH] = SLICE_INIT("path"),
	[ARG_QUERY] = SLICE_INIT("query"),
	[ARG_VERSION] = SLICE_INIT("version"),
	[ARG_HEADERS] = SLICE_INIT("headers"),
	[ARG_ID] = SLICE_INIT("id"),
};

const char *arg_name(enum arg arg)
{
	assert(arg < ARG_COUNT);
	return (const char *)names[arg].ptr;
}

/* Length, first and last octet tell all known names apart. */
#define NAME_KEY(len, first, last) ((unsigned)(len) << 16 | (unsigned)(first) << 8 | (unsigned)(last))

static enum arg candidate(struct slice name)
{
	switch (NAME_KEY(name.len, name.ptr[0], name.ptr[name.len - 1])) {
	case NAME_KEY(4, 'c', 't'): return ARG_CERT;
	case NAME_KEY(4, 'u', 'd'): return ARG_USED;
	case NAME_KEY(5, 'c', 'n'): return ARG_CHAIN;
	case NAME_KEY(3, 's', 'i'): return ARG_SNI;
	case NAME_KEY(11, 't', 'n'): return ARG_TLS_VERSION;
	case NAME_KEY(10, 't', 'r'): return ARG_TLS_CIPHER;
	case NAME_KEY(7, 'r', 'd'): return ARG_RESUMED;
	case NAME_KEY(5, 'e', 'y'): return ARG_EARLY;
	case NAME_KEY(3, 's', 'c'): return ARG_SRC;
	case NAME_KEY(8, 's', 't'): return ARG_SRC_PORT;
	case NAME_KEY(6, 'm', 'd'): return ARG_METHOD;
	case NAME_KEY(6, 's', 'e'): return ARG_SCHEME;
	case NAME_KEY(4, 'h', 't'): return ARG_HOST;
	case NAME_KEY(4, 'p', 'h'): return ARG_PATH;
	case NAME_KEY(5, 'q', 'y'): return ARG_QUERY;
	case NAME_KEY(7, 'v', 'n'): return ARG_VERSION;
	case NAME_KEY(7, 'h', 's'): return ARG_HEADERS;
	case NAME_KEY(2, 'i', 'd'): return ARG_ID;
	default: return ARG_COUNT;
	}
}

enum arg arg_find(struct slice name)
{
	enum arg arg = name.len && name.len < 256 ? candidate(name) : ARG_COUNT;

	return arg < ARG_COUNT && slice_eq(names[arg], name) ? arg : ARG_COUNT;
}

void request_init(struct request *req, struct arena *arena)
{
	*req = (struct request){ .arena = arena };
	req->extra_tail = &req->extra;
}

static enum err extra_slot(struct request *req, struct slice name, struct value **out)
{
	struct extra_arg *extra = arena_take(req->arena, sizeof(*extra));

	if (!extra)
		return ERR_MEMORY;
	*extra = (struct extra_arg){ .name = name };
	*req->extra_tail = extra;
	req->extra_tail = &extra->next;
	*out = &extra->value;
	return ERR_OK;
}

enum err request_arg_slot(struct request *req, struct slice name, struct value **out)
{
	enum arg arg = arg_find(name);

	if (arg == ARG_COUNT)
		return extra_slot(req, name, out);
	if (request_sent(req, arg))
		return ERR_DUPLICATE;
	*out = &req->args[arg];
	return ERR_OK;
}

enum err request_set_arg(struct request *req, struct slice name, struct value value)
{
	struct value *slot;
	enum err err = request_arg_slot(req, name, &slot);

	assert(value.kind != VALUE_NOT_SENT);
	if (!err)
		*slot = value;
	return err;
}
