/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http_texts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/digest.h"

struct http_texts *texts;

const char *const http_cert_names[HTTP_DIALECT_COUNT] = {
	[HTTP_ENVOY] = "x-forwarded-client-cert", [HTTP_NGINX] = "X-SSL-Cert", [HTTP_TRAEFIK] = "X-Forwarded-Tls-Client-Cert",
	[HTTP_CADDY] = "Client-Cert", [HTTP_HAPROXY] = "client-cert",
};

static char *text_of(struct buf *b)
{
	buf_u8(b, 0);
	return (char *)b->ptr;
}

char *http_format(const char *fmt, ...)
{
	char *text;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	return text;
}

static char *base64(struct slice der)
{
	struct buf b = buf_capped(0);

	text_base64(&b, der);
	return text_of(&b);
}

static char *hex(struct slice bytes)
{
	struct buf b = buf_capped(0);

	text_hex(&b, bytes, false);
	return text_of(&b);
}

static char *escaped_pem(const struct certs *first, const struct certs *second)
{
	struct buf b = buf_capped(0);

	check_certificate(&b, first->der);
	if (second)
		check_certificate(&b, second->der);
	return text_of(&b);
}

int http_texts_set_up(void **state)
{
	struct http_texts *t = mem_new(sizeof(*t));
	char *leaf64, *ca64, *both;
	uint8_t octets[DIGEST_MAX];
	size_t len;

	(void)state;
	t->ca = certs_ca("/CN=CA", NULL);
	t->leaf = certs_leaf("/CN=alice", t->ca);
	t->other = certs_leaf("/CN=mallory", NULL);
	leaf64 = base64(t->leaf->der);
	ca64 = base64(t->ca->der);
	t->leaf_hex = hex(t->leaf->der);
	t->ca_hex = hex(t->ca->der);
	t->leaf_pem = escaped_pem(t->leaf, NULL);
	t->other_pem = escaped_pem(t->other, NULL);
	both = escaped_pem(t->leaf, t->ca);
	if (digest_make(SLICE_LIT("SHA-256"), t->leaf->der, octets, &len))
		abort();
	t->hash = hex(slice_of(octets, len));
	t->forms[HTTP_ENVOY] = http_format("By=spiffe://edge;Hash=%s;Cert=\"%s\";Subject=\"CN=alice\"", t->hash, t->leaf_pem);
	t->forms[HTTP_NGINX] = http_format("%s", t->leaf_pem);
	t->forms[HTTP_TRAEFIK] = http_format("%s", leaf64);
	t->forms[HTTP_CADDY] = http_format(":%s:", leaf64);
	t->forms[HTTP_HAPROXY] = http_format(":%s:", leaf64);
	t->traefik_chain = http_format("%s,%s", leaf64, ca64);
	t->list_chain = http_format(":%s: ,\t:%s:", ca64, ca64);
	t->xfcc_chain = http_format("By=spiffe://edge;Hash=%s;Cert=\"%s\";Chain=\"%s\"", t->hash, t->leaf_pem, both);
	free(leaf64);
	free(ca64);
	free(both);
	texts = t;
	return 0;
}

int http_texts_tear_down(void **state)
{
	struct http_texts *t = texts;
	char *const all[] = { t->traefik_chain, t->xfcc_chain, t->list_chain, t->leaf_hex, t->ca_hex, t->leaf_pem, t->other_pem, t->hash };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
	for (size_t i = 0; i < HTTP_DIALECT_COUNT; i++)
		free(t->forms[i]);
	certs_free(t->ca);
	certs_free(t->leaf);
	certs_free(t->other);
	free(t);
	return 0;
}
