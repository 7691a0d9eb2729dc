/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_CONTROL_H
#define MTLSGUARD_FRONT_CONTROL_H

#include <jansson.h>

#include "io/loop.h"

/*
 * The control socket: one JSON object on one line asks, {"command": "status"}
 * for example, one answers, then the connection closes. An answer may take its
 * time. Who may connect is checked by whoever accepts.
 */
struct control;
struct control_call; /* one request; answered exactly once */

struct control *control_new(struct loop *loop,
			    void (*on_call)(void *arg, struct control_call *call), void *arg);

/* Takes an accepted connection over. */
void control_accept(struct control *control, int fd);

/* The request, always an object with a string "command". Borrowed until it is answered. */
const json_t *control_request(const struct control_call *call);

/* Answers and takes answer over. A client that has gone is no fault. */
void control_answer(struct control_call *call, json_t *answer);

/* Connections that are open or not answered. */
unsigned control_count(const struct control *control);

/* Closes what is open; every call must have been answered. NULL is fine. */
void control_free(struct control *control);

/*
 * The client's side: sends request to the socket at address ("unix:/path",
 * "unix:@name" or a path) and waits for the answer, seconds at most (0: for
 * ever). NULL on failure, and then *error is a sentence, static or per-thread.
 * The caller owns the answer; request is taken over.
 */
json_t *control_ask(const char *address, json_t *request, int seconds, const char **error);

#endif
