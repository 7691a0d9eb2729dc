/* SPDX-License-Identifier: Apache-2.0 */
#include "core/request.h"

#include <assert.h>

#include "base/mem.h"

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

/* Eighteen of them come with every request: the length leaves a few to compare with, each in one step. */
enum arg arg_find(struct slice name)
{
#define IS(literal) (memcmp(name.ptr, literal, sizeof(literal) - 1) == 0)
	switch (name.len) {
	case 2:
		return IS("id") ? ARG_ID : ARG_COUNT;
	case 3:
		return IS("sni") ? ARG_SNI : IS("src") ? ARG_SRC : ARG_COUNT;
	case 4:
		return IS("cert") ? ARG_CERT : IS("used") ? ARG_USED : IS("host") ? ARG_HOST :
		       IS("path") ? ARG_PATH : ARG_COUNT;
	case 5:
		return IS("chain") ? ARG_CHAIN : IS("early") ? ARG_EARLY : IS("query") ? ARG_QUERY :
		       ARG_COUNT;
	case 6:
		return IS("method") ? ARG_METHOD : IS("scheme") ? ARG_SCHEME : ARG_COUNT;
	case 7:
		return IS("resumed") ? ARG_RESUMED : IS("version") ? ARG_VERSION :
		       IS("headers") ? ARG_HEADERS : ARG_COUNT;
	case 8:
		return IS("src_port") ? ARG_SRC_PORT : ARG_COUNT;
	case 10:
		return IS("tls_cipher") ? ARG_TLS_CIPHER : ARG_COUNT;
	case 11:
		return IS("tls_version") ? ARG_TLS_VERSION : ARG_COUNT;
	default:
		return ARG_COUNT;
	}
#undef IS
}

void request_init(struct request *req, struct arena *arena)
{
	mem_zero(req, offsetof(struct request, verdict));
	verdict_clear(&req->verdict);
	req->arena = arena;
	req->extra_tail = &req->extra;
}

enum err request_extra(struct request *req, struct slice name, struct value **out)
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

enum err request_set_arg(struct request *req, struct slice name, struct value value)
{
	struct value *place;
	enum err err = request_arg_slot(req, name, &place);

	assert(value.kind != VALUE_NOT_SENT);
	if (!err)
		*place = value;
	return err;
}
