/* SPDX-License-Identifier: Apache-2.0 */
#include "core/problem.h"

#include "base/buf.h"
#include "core/request_headers.h"

#define BODY_MAX 768
#define HEADERS_MAX 96

static const char *const types[] = {
	[PROBLEM_JSON] = "application/problem+json",
	[PROBLEM_TEXT] = "text/plain; charset=utf-8",
	[PROBLEM_HTML] = "text/html; charset=utf-8",
};

/* The weight in thousandths behind ";q=", 1000 when there is none (RFC 9110 12.4.2). */
static unsigned weight(struct slice parameters)
{
	while (parameters.len) {
		struct slice one = slice_trim(slice_cut(&parameters, ';'));
		unsigned value, scale = 1000;

		if (one.len < 3 || ascii_lower(one.ptr[0]) != 'q' || one.ptr[1] != '=')
			continue;
		value = one.ptr[2] == '1' ? 1000 : 0;
		for (size_t i = 4; i < one.len && i < 7 && value < 1000; i++) {
			scale /= 10;
			if (one.ptr[i] >= '0' && one.ptr[i] <= '9')
				value += scale * (unsigned)(one.ptr[i] - '0');
		}
		return value;
	}
	return 1000;
}

/* How well a media range fits a form: 0 not at all, 3 exactly. */
static unsigned fit(struct slice range, enum problem_form form)
{
	static const char *const exact[] = { "application/problem+json", "text/plain", "text/html" };
	static const char *const family[] = { "application/*", "text/*", "text/*" };

	if (slice_eq_nocase(range, slice_str(exact[form])) ||
	    (form == PROBLEM_JSON && slice_eq_nocase(range, SLICE_LIT("application/json"))))
		return 3;
	if (slice_eq_nocase(range, slice_str(family[form])))
		return 2;
	return slice_eq(range, SLICE_LIT("*/*"));
}

static unsigned liking(struct slice accept, enum problem_form form)
{
	unsigned best_fit = 0, best = 0;

	while (accept.len) {
		struct slice item = slice_cut(&accept, ',');
		struct slice range = slice_trim(slice_cut(&item, ';'));
		unsigned this_fit = fit(range, form);

		if (this_fit > best_fit) {
			best_fit = this_fit;
			best = weight(item);
		}
	}
	return best;
}

enum problem_form problem_form(struct slice accept)
{
	enum problem_form best = PROBLEM_JSON;
	unsigned most = liking(accept, PROBLEM_JSON);

	for (enum problem_form form = PROBLEM_TEXT; form <= PROBLEM_HTML; form++) {
		unsigned likes = liking(accept, form);

		if (likes > most) {
			most = likes;
			best = form;
		}
	}
	return best;
}

static void write_json(struct buf *b, const struct verdict *verdict, const char *title,
		       const char *reason)
{
	buf_str(b, "{\"type\":\"");
	if (reason)
		buf_printf(b, "urn:mtlsguard:%s", reason);
	else
		buf_str(b, "about:blank");
	buf_printf(b, "\",\"title\":\"%s\",\"status\":%d,", title, verdict->status);
	if (reason)
		buf_printf(b, "\"reason\":\"%s\",", reason);
	buf_printf(b, "\"id\":\"%.*s\"}\n", SLICE_FMT(verdict->id));
}

static void write_text(struct buf *b, const struct verdict *verdict, const char *title,
		       const char *reason)
{
	buf_printf(b, "%d %s\n", verdict->status, title);
	if (reason)
		buf_printf(b, "reason: %s\n", reason);
	buf_printf(b, "id: %.*s\n", SLICE_FMT(verdict->id));
}

static void write_html(struct buf *b, const struct verdict *verdict, const char *title,
		       const char *reason)
{
	buf_printf(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%d %s</title></head>\n"
		      "<body><h1>%s</h1>\n<p>",
		   verdict->status, title, title);
	if (reason)
		buf_printf(b, "Reason: <code>%s</code><br>", reason);
	buf_printf(b, "Id: <code>%.*s</code></p></body></html>\n", SLICE_FMT(verdict->id));
}

/* What a status says by itself, where the title would tell the reason. */
static const char *plain_title(int status)
{
	switch (status) {
	case 400: return "Bad Request";
	case 421: return "Misdirected Request";
	case 425: return "Too Early";
	case 503: return "Service Unavailable";
	default: return "Forbidden";
	}
}

static void write_headers(struct request *req, const char *type)
{
	uint8_t *room = arena_take(req->arena, HEADERS_MAX);
	struct buf b = buf_fixed(room, room ? HEADERS_MAX : 0);

	buf_varstr(&b, SLICE_LIT("content-type"));
	buf_varstr(&b, slice_str(type));
	buf_varstr(&b, SLICE_LIT("cache-control"));
	buf_varstr(&b, SLICE_LIT("no-store"));
	if (!header_block_add(&req->verdict.res_set, buf_slice(&b)))
		req->verdict.content_type = slice_str(type);
}

void problem_write(struct request *req, bool tell_reason)
{
	static void (*const writers[])(struct buf *, const struct verdict *, const char *,
				       const char *) = { write_json, write_text, write_html };
	struct verdict *verdict = &req->verdict;
	const char *title = tell_reason ? reason_title(verdict->reason) : plain_title(verdict->status);
	const char *reason = tell_reason ? reason_name(verdict->reason) : NULL;
	struct slice accept = SLICE_EMPTY;
	enum problem_form form = PROBLEM_JSON;
	uint8_t *room = arena_take(req->arena, BODY_MAX);
	struct buf b = buf_fixed(room, room ? BODY_MAX : 0);

	if (request_header(req, SLICE_LIT("accept"), &accept) == HEADER_PRESENT)
		form = problem_form(accept);
	writers[form](&b, verdict, title, reason);
	verdict->body = buf_slice(&b);
	if (verdict->body.len)
		write_headers(req, types[form]);
}
