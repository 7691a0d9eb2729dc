/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_HTTP_ASK_H
#define TESTS_LIB_HTTP_ASK_H

#include "front/http_answer.h"
#include "lib/checks.h"
#include "lib/rig.h"

/* Questions as proxies ask them by HTTP, without a socket. */
#define HTTP_ASK_HEADERS 32
#define PAIRS(...) ((const struct check_pair[]){ __VA_ARGS__, { NULL, NULL } })

struct http_ask {
	struct arena arena;
	struct request req;
	struct ticket ticket;
	struct http_header headers[HTTP_ASK_HEADERS + 1];
	struct http_question question;
	enum reason filled; /* what http_request_fill said */
	const char *why;
	struct rig *rig; /* where it was decided, or NULL */
};

/*
 * The usual question of a dialect: GET /a?b for api.example.com from 192.0.2.1,
 * without a certificate. `over` (ends with a name of NULL, may be NULL) goes in
 * place of the headers of the same name, or behind them; a value of NULL takes
 * one away, a name with a "+" before it is added.
 */
struct http_ask *http_ask_new(enum http_dialect dialect, const struct check_pair *over);

/* The same with a method and a target of the request line. */
struct http_ask *http_ask_target(enum http_dialect dialect, const char *method, const char *target,
				 const struct check_pair *over);

/* Submits it to the rig, or refuses as a front would. */
void http_ask_decide(struct http_ask *ask, struct rig *rig);
void http_ask_free(struct http_ask *ask);

/* The text of an argument: "-" not sent, "null", "true", "=text", "#hex" of bytes; free() it. */
char *http_ask_arg(const struct http_ask *ask, enum arg arg);

/* Fails the test unless the question was taken, and that is the argument's text. */
void http_ask_says(const struct http_ask *ask, enum arg arg, const char *says);

/* "200\n", then "name: value\n" each, then "\n" and the body; free() it. */
char *http_ask_words(const struct http_answer *answer);

#endif
