/* SPDX-License-Identifier: Apache-2.0 */
#include "eval_url.h"

static bool cut_scheme(struct slice *url, struct slice *scheme)
{
	static const struct slice schemes[] = { SLICE_INIT("https"), SLICE_INIT("http") };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = schemes[i].len;

		if (!slice_eq_nocase(slice_sub(*url, 0, n), schemes[i]) ||
		    !slice_eq(slice_sub(*url, n, 3), SLICE_LIT("://")))
			continue;
		*scheme = schemes[i];
		*url = slice_sub(*url, n + 3, SIZE_MAX);
		return true;
	}
	return false;
}

bool eval_url_split(struct slice url, struct eval_input *input)
{
	struct slice rest = slice_sub(url, 0, slice_find(url, '#'));
	size_t end = 0;

	/* What no client puts on a request line would be another request than the one meant. */
	for (size_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] <= ' ' || rest.ptr[i] == 0x7f)
			return false;
	if (!cut_scheme(&rest, &input->scheme))
		return false;
	while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
		end++;
	input->host = slice_sub(rest, 0, end);
	rest = slice_sub(rest, end, SIZE_MAX);
	input->path = slice_cut(&rest, '?');
	input->query = rest;
	if (input->path.len == 0)
		input->path = SLICE_LIT("/");
	return input->host.len > 0 && slice_find(input->host, '@') == input->host.len;
}
