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

enum arg arg_find(struct slice name)
{
	enum arg arg = 0;

	while (arg < ARG_COUNT && !slice_eq(names[arg], name))
		arg++;
	return arg;
}

void request_init(struct request *req, struct arena *arena)
{
	*req = (struct request){ .arena = arena };
	req->extra_tail = &req->extra;
}

static enum err add_extra(struct request *req, struct slice name, struct value value)
{
	struct extra_arg *extra = arena_take(req->arena, sizeof(*extra));

	if (!extra)
		return ERR_MEMORY;
	*extra = (struct extra_arg){ .name = name, .value = value };
	*req->extra_tail = extra;
	req->extra_tail = &extra->next;
	return ERR_OK;
}

enum err request_set_arg(struct request *req, struct slice name, struct value value)
{
	enum arg arg = arg_find(name);

	assert(value.kind != VALUE_NOT_SENT);
	if (arg == ARG_COUNT)
		return add_extra(req, name, value);
	if (request_sent(req, arg))
		return ERR_DUPLICATE;
	req->args[arg] = value;
	return ERR_OK;
}
