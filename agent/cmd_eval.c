/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli.h"
#include "config_load.h"
#include "core/config_address.h"
#include "core/config_file.h"
#include "eval.h"
#include "eval_url.h"
#include "pki/pem.h"

#define PEM_MAX (1024 * 1024)

struct options {
	const char *config, *url, *method, *cert, *chain, *sni, *src, *at;
	struct cli_list headers;
	bool connection, json, trace;
};

static int parse(struct options *o, int argc, char **argv)
{
	const struct cli_option rows[] = {
		{ "config", 'c', "FILE", "the configuration (" CONFIG_DEFAULT_PATH ")", NULL, &o->config, NULL },
		{ "url", 'u', "URL", "what is asked for, http or https; needed for a request", NULL, &o->url, NULL },
		{ "connection", 0, NULL, "no request: a TLS connection to the host of --sni", &o->connection, NULL,
		  NULL },
		{ "method", 'X', "METHOD", "request method (GET)", NULL, &o->method, NULL },
		{ "header", 'H', "'K: V'", "a request header; may be repeated", NULL, NULL, &o->headers },
		{ "cert", 0, "PEM", "file with the client certificate, its chain may follow", NULL, &o->cert, NULL },
		{ "chain", 0, "PEM", "file with the certificates that the client sends along", NULL, &o->chain, NULL },
		{ "sni", 0, "NAME", "server name of the TLS handshake (none)", NULL, &o->sni, NULL },
		{ "src", 0, "IP", "address of the client", NULL, &o->src, NULL },
		{ "at", 0, "TIME", "decide as of then: RFC 3339 or epoch seconds (now)", NULL, &o->at, NULL },
		{ "json", 0, NULL, "print one JSON object", &o->json, NULL, NULL },
		{ "trace", 0, NULL, "tell each stage's result too", &o->trace, NULL, NULL },
		{ 0 },
	};
	const struct cli_command command = {
		"eval", "",
		"Decides one request, or with --connection a connection, offline, as the agent would, and\n"
		"prints every property, every header, and what decided. Never touches the network. An https\n"
		"URL and a connection count as TLS 1.3.\n"
		"Exits 0 when allowed, 10 for anything else, 1 for a fault in what was given.",
		rows,
	};

	return cli_parse(&command, argc, argv, NULL);
}

static bool read_pem(const char *path, struct buf *der, size_t *first)
{
	const char *why;
	char *text;
	size_t len;
	enum err err;

	if (config_file_read(path, PEM_MAX, &text, &len, &why)) {
		fprintf(stderr, "%s: error: %s\n", path, why);
		return false;
	}
	err = pem_certificates(slice_of(text, len), der, first);
	if (err)
		fprintf(stderr, "%s: error: holds no PEM certificate that can be read\n"
				"    convert DER with: openssl x509 -inform DER -in FILE\n", path);
	free(text);
	return err == ERR_OK;
}

static bool read_address(struct slice words, uint8_t octets[16], struct slice *out)
{
	bool v4 = address_read_v4(words, octets);

	*out = slice_of(octets, v4 ? 4 : 16);
	return v4 || address_read_v6(words, octets);
}

/* The leaf is --cert's first certificate; what follows it, and --chain, is the chain. */
static bool read_certificates(const struct options *o, struct eval_input *input, struct buf *der)
{
	size_t leaf = 0;

	if (o->cert && !read_pem(o->cert, der, &leaf))
		return false;
	if (o->chain && !read_pem(o->chain, der, NULL))
		return false;
	input->cert = slice_sub(buf_slice(der), 0, leaf);
	input->chain = slice_sub(buf_slice(der), leaf, SIZE_MAX);
	return true;
}

static void put_lower(struct buf *out, struct slice s)
{
	size_t at = out->len;

	buf_varstr(out, s);
	for (size_t i = at; i < out->len; i++)
		out->ptr[i] = ascii_lower(out->ptr[i]);
}

/* The block that HAProxy would send; the last Host header is the request's host. */
static int read_headers(const struct options *o, struct eval_input *input, struct buf *block)
{
	struct slice authority = input->host;

	for (size_t i = 0; i < o->headers.count; i++) {
		struct slice value = slice_str(o->headers.items[i]);
		struct slice name = slice_cut(&value, ':');

		value = slice_trim(value);
		if (!text_is_token(name) || !strchr(o->headers.items[i], ':') || !text_is_field_value(value))
			return cli_wrong("eval", "--header needs 'Name: value', not '%s'",
					 o->headers.items[i]);
		if (slice_eq_nocase(name, SLICE_LIT("host")))
			input->host = value;
	}
	if (input->host.ptr == authority.ptr) {
		put_lower(block, SLICE_LIT("host"));
		buf_varstr(block, authority);
	}
	for (size_t i = 0; i < o->headers.count; i++) {
		struct slice value = slice_str(o->headers.items[i]);

		put_lower(block, slice_cut(&value, ':'));
		buf_varstr(block, slice_trim(value));
	}
	buf_put(block, SLICE_LIT("\0\0"));
	input->headers = buf_slice(block);
	return CLI_GO_ON;
}

static int read_target(const struct options *o, struct eval_input *input)
{
	input->connection = o->connection;
	if (o->connection)
		return o->url || o->method || o->headers.count ?
			       cli_wrong("eval", "--connection has no --url, --method or --header") : CLI_GO_ON;
	if (!o->url)
		return cli_wrong("eval", "--url is needed, or --connection");
	if (!eval_url_split(slice_str(o->url), input))
		return cli_wrong("eval", "--url needs http://HOST/PATH or https://HOST/PATH, not '%s'", o->url);
	input->method = slice_str(o->method ? o->method : "GET");
	return CLI_GO_ON;
}

static int read_words(const struct options *o, struct eval_input *input, uint8_t *address)
{
	input->sni = slice_str(o->sni);
	if (o->chain && !o->cert)
		return cli_wrong("eval", "--chain without --cert");
	if (o->src && !read_address(slice_str(o->src), address, &input->src))
		return cli_wrong("eval", "--src needs an IPv4 or IPv6 address, not '%s'", o->src);
	input->at = clock_wall_s();
	if (o->at && !text_to_time(slice_str(o->at), &input->at))
		return cli_wrong("eval", "--at needs RFC 3339 or epoch seconds, not '%s'", o->at);
	return CLI_GO_ON;
}

static int decide(const struct options *o, const struct eval_input *input)
{
	const char *path = o->config ? o->config : CONFIG_DEFAULT_PATH;
	struct diag_list diag = { 0 };
	struct setup *setup;
	json_t *object;
	int code;

	if (setup_new(path, NULL, 1, &diag, &setup)) {
		cli_print_faults(stderr, &diag, false);
		diag_fini(&diag);
		return EXIT_FAULT;
	}
	diag_fini(&diag);
	object = eval_run(setup, input, o->trace);
	setup_free(setup);
	if (!object) {
		fputs("mtlsguard eval: error: the request is too large\n", stderr);
		return EXIT_FAULT;
	}
	code = strcmp(json_string_value(json_object_get(object, "verdict")), "allow") == 0 ?
		       EXIT_FINE : EXIT_NOT_ALLOWED;
	if (o->json)
		return cli_print_json(object) == EXIT_FINE ? code : EXIT_FAULT;
	eval_print(object);
	json_decref(object);
	return code;
}

int cmd_eval(int argc, char **argv)
{
	struct buf block = buf_capped(0), der = buf_capped(0);
	struct eval_input input = { 0 };
	struct options o = { 0 };
	uint8_t address[16];
	int code = parse(&o, argc, argv);

	if (code == CLI_GO_ON)
		code = read_target(&o, &input);
	if (code == CLI_GO_ON)
		code = read_words(&o, &input, address);
	if (code == CLI_GO_ON && !o.connection)
		code = read_headers(&o, &input, &block);
	if (code == CLI_GO_ON)
		code = read_certificates(&o, &input, &der) ? decide(&o, &input) : EXIT_FAULT;
	cli_list_fini(&o.headers);
	buf_fini(&block);
	buf_fini(&der);
	return code;
}
