/* SPDX-License-Identifier: Apache-2.0 */
#include "front/fill.h"

#include <arpa/inet.h>
#include <stdio.h>

#define WHY_MAX 128

enum reason fill_bad(const struct filling *filling, const char *what)
{
	*filling->why = what;
	return REASON_BAD_REQUEST;
}

enum reason fill_bad_name(const struct filling *filling, const char *name, const char *what)
{
	char *text = arena_take(filling->req->arena, WHY_MAX);

	if (text)
		snprintf(text, WHY_MAX, "%s %s", name, what);
	return fill_bad(filling, text ? text : what);
}

enum reason fill_no_memory(const struct filling *filling)
{
	*filling->why = "the arguments need too much memory";
	return REASON_OVERLOADED;
}

void fill_text(const struct filling *filling, enum arg arg, struct slice text)
{
	filling->req->args[arg] = (struct value){ .kind = VALUE_TEXT, .bytes = text };
}

void fill_text_or_null(const struct filling *filling, enum arg arg, struct slice text)
{
	if (text.len)
		fill_text(filling, arg, text);
	else
		filling->req->args[arg] = (struct value){ .kind = VALUE_NULL };
}

void fill_from_header(const struct filling *filling, struct slice name, struct slice value)
{
	if (slice_eq_nocase(name, SLICE_LIT("x-request-id")))
		fill_text(filling, ARG_ID, value);
}

enum err fill_source(const struct filling *filling, struct slice address)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t *octets;
	int family;

	if (address.len == 0 || address.len >= sizeof(text))
		return ERR_FORMAT;
	memcpy(text, address.ptr, address.len);
	text[address.len] = '\0';
	family = strchr(text, ':') ? AF_INET6 : AF_INET;
	octets = arena_take(filling->req->arena, sizeof(struct in6_addr));
	if (!octets)
		return ERR_MEMORY;
	if (strlen(text) != address.len || inet_pton(family, text, octets) != 1)
		return ERR_FORMAT;
	filling->req->args[ARG_SRC] = (struct value){
		.kind = VALUE_IP, .bytes = slice_of(octets, family == AF_INET ? 4 : 16),
	};
	return ERR_OK;
}
