/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dialect.h"

const char *const http_dialect_words[] = {
	[HTTP_ENVOY] = "envoy", [HTTP_NGINX] = "nginx", [HTTP_TRAEFIK] = "traefik",
	[HTTP_CADDY] = "caddy", [HTTP_HAPROXY] = "haproxy", [HTTP_DIALECT_COUNT] = NULL,
};

enum http_dialect http_dialect_find(struct slice word)
{
	enum http_dialect dialect = 0;

	while (dialect < HTTP_DIALECT_COUNT && !slice_eq(word, slice_str(http_dialect_words[dialect])))
		dialect++;
	return dialect;
}
