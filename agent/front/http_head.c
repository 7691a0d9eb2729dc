/* SPDX-License-Identifier: Apache-2.0 */
#include "front/http_head.h"

#include "base/text.h"
#include "front/http_conn.h"

static enum MHD_Result take_line(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
				 const char *value, size_t value_len)
{
	struct http_head *head = arg;

	(void)kind;
	head->lines[head->count++] = (struct http_header){
		slice_of(name, name_len), slice_of(value, value_len),
	};
	return MHD_YES;
}

/* Newer versions do not leave the lines as they were, and refuse these themselves. */
#if MHD_VERSION >= 0x00097701
static bool is_to_the_letter(const struct http_head *head)
{
	return head->raw_target != NULL;
}
#else
static bool stands_at(const void *part, uintptr_t place)
{
	return (uintptr_t)part == place;
}

static uintptr_t behind(const void *part, size_t len, size_t gap)
{
	return (uintptr_t)part + len + gap;
}

/* Every NUL in the head was put there in the place of one blank, colon, CR or LF. */
static bool is_to_the_letter(const struct http_head *head)
{
	uintptr_t at = behind(head->method, strlen(head->method), 1);

	if (!stands_at(head->raw_target, at) ||
	    !stands_at(head->version, behind(head->raw_target, head->target.len, 1)))
		return false;
	at = behind(head->version, strlen(head->version), 2);
	for (size_t i = 0; i < head->count; i++) {
		const struct http_header *line = &head->lines[i];

		if (!stands_at(line->name.ptr, at))
			return false;
		/* Blanks at most are between the two. */
		at = behind(line->value.ptr, line->value.len, 2);
	}
	return stands_at(head->method + head->size, at + 2);
}
#endif

static bool is_clear_framing(const struct http_head *head)
{
	unsigned lengths = 0, encodings = 0;
	bool chunked = true;

	for (size_t i = 0; i < head->count; i++) {
		const struct http_header *line = &head->lines[i];

		lengths += slice_eq_nocase(line->name, SLICE_LIT("content-length"));
		if (!slice_eq_nocase(line->name, SLICE_LIT("transfer-encoding")))
			continue;
		encodings++;
		chunked = slice_eq_nocase(line->value, SLICE_LIT("chunked"));
	}
	return lengths + encodings <= 1 && chunked;
}

/* "Content-Length : 5" is none to libmicrohttpd, and may be one to others. */
static bool has_only_tokens(const struct http_head *head)
{
	for (size_t i = 0; i < head->count; i++)
		if (!text_is_token(head->lines[i].name))
			return false;
	return true;
}

static bool is_small_body(const struct http_head *head)
{
	uint64_t length;

	for (size_t i = 0; i < head->count; i++)
		if (slice_eq_nocase(head->lines[i].name, SLICE_LIT("content-length")))
			return slice_to_u64(head->lines[i].value, HTTP_BODY_MAX, &length);
	return true;
}

static const char *fault_of(const struct http_head *head)
{
	if (head->size > HTTP_HEAD_MAX)
		return "the request's head is over 64 KiB";
	if (!is_to_the_letter(head) || slice_find(head->target, ' ') < head->target.len)
		return "the request's head holds a NUL, a bare LF, a folded line or a double blank";
	if (!has_only_tokens(head))
		return "the name of a header is no token";
	if (!is_clear_framing(head))
		return "where the request's body ends is in doubt";
	if (!is_small_body(head))
		return "the request's body is over 64 KiB";
	return NULL;
}

bool http_head_read(struct http_head *head, struct arena *arena, const char **why)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(head->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	int count = MHD_get_connection_values(head->connection, MHD_HEADER_KIND, NULL, NULL);

	head->count = 0;
	head->size = info ? info->header_size : SIZE_MAX;
	if (count < 0 || count > (int)HTTP_LINES_MAX) {
		*why = "the request has more than 512 header lines";
		return false;
	}
	head->lines = arena_take(arena, (size_t)count * sizeof(*head->lines));
	if (!head->lines) {
		*why = "the request's head needs too much memory";
		return false;
	}
	MHD_get_connection_values_n(head->connection, MHD_HEADER_KIND, take_line, head);
	*why = fault_of(head);
	for (size_t i = 0; i < head->count; i++)
		head->lines[i].value = slice_trim(head->lines[i].value);
	return !*why;
}
