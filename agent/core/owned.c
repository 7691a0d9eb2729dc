/* SPDX-License-Identifier: Apache-2.0 */
#include "core/owned.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/facts.h"

static const char *const built_in[] = { "client-cert", "client-cert-chain",
					"cf-client-cert-der-base64", "cf-client-cert-sha256",
					"cf-access-jwt-assertion", "x-mtls-" };

#define BUILT_IN (sizeof(built_in) / sizeof(built_in[0]))

struct owned_names {
	const char **names; /* in order, borrowed; names before prefixes */
	size_t name_count, count;
	/* By the folded first byte, since most headers are none of ours: which whole names begin with it, and
	 * whether a prefix does. */
	struct {
		size_t begin, end;
		bool prefix;
	} first[256];
	struct buf block;
};

static uint8_t fold(uint8_t c)
{
	return c == '_' ? '-' : ascii_lower(c);
}

static bool is_prefix(const char *name)
{
	return name[strlen(name) - 1] == '-';
}

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	if (is_prefix(*x) != is_prefix(*y))
		return is_prefix(*x) ? 1 : -1;
	return strcmp(*x, *y);
}

static void collect(struct owned_names *owned, const struct headers_conf *conf)
{
	owned->names = mem_array(FACT_COUNT + BUILT_IN + conf->owned_count, sizeof(*owned->names));
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (fact_info((enum fact)i)->header)
			owned->names[owned->count++] = fact_info((enum fact)i)->header;
	for (size_t i = 0; i < BUILT_IN; i++)
		owned->names[owned->count++] = built_in[i];
	for (size_t i = 0; i < conf->owned_count; i++)
		owned->names[owned->count++] = conf->owned[i];
}

static void sort_unique(struct owned_names *owned)
{
	size_t kept = 0;

	qsort(owned->names, owned->count, sizeof(*owned->names), compare_names);
	for (size_t i = 0; i < owned->count; i++)
		if (kept == 0 || strcmp(owned->names[kept - 1], owned->names[i]))
			owned->names[kept++] = owned->names[i];
	owned->count = kept;
}

static void index_name(struct owned_names *owned, size_t i)
{
	uint8_t first = (uint8_t)owned->names[i][0];

	if (is_prefix(owned->names[i])) {
		owned->first[first].prefix = true;
		return;
	}
	if (owned->first[first].end == 0)
		owned->first[first].begin = i;
	owned->first[first].end = ++owned->name_count;
	buf_varstr(&owned->block, slice_str(owned->names[i]));
}

struct owned_names *owned_names_new(const struct config *config)
{
	struct owned_names *owned = mem_new(sizeof(*owned));

	owned->block = buf_capped(0);
	collect(owned, &config->headers);
	sort_unique(owned);
	for (size_t i = 0; i < owned->count; i++)
		index_name(owned, i);
	return owned;
}

void owned_names_free(struct owned_names *owned)
{
	if (!owned)
		return;
	buf_fini(&owned->block);
	free(owned->names);
	free(owned);
}

/* strcmp order of a sent name and one of ours. */
static int compare_folded(struct slice sent, const char *name)
{
	for (size_t i = 0; i < sent.len; i++) {
		int difference = fold(sent.ptr[i]) - (uint8_t)name[i];

		if (difference || !name[i])
			return difference;
	}
	return name[sent.len] ? -1 : 0;
}

static bool has_prefix(struct slice sent, const char *prefix)
{
	size_t i = 0;

	while (i < sent.len && prefix[i] && fold(sent.ptr[i]) == (uint8_t)prefix[i])
		i++;
	return !prefix[i];
}

bool owned_names_lists(const struct owned_names *owned, struct slice name)
{
	size_t low, high;

	if (name.len == 0)
		return false;
	low = owned->first[fold(name.ptr[0])].begin;
	high = owned->first[fold(name.ptr[0])].end;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_folded(name, owned->names[middle]);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

bool owned_names_has(const struct owned_names *owned, struct slice name)
{
	if (owned_names_lists(owned, name))
		return true;
	if (name.len == 0 || !owned->first[fold(name.ptr[0])].prefix)
		return false;
	for (size_t i = owned->name_count; i < owned->count; i++)
		if (has_prefix(name, owned->names[i]))
			return true;
	return false;
}

struct slice owned_names_block(const struct owned_names *owned)
{
	return buf_slice(&owned->block);
}

const char *owned_names_get(const struct owned_names *owned, size_t i)
{
	return i < owned->count ? owned->names[i] : NULL;
}
