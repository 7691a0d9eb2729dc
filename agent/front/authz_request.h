/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_AUTHZ_REQUEST_H
#define MTLSGUARD_FRONT_AUTHZ_REQUEST_H

#include "core/pemcache.h"
#include "core/request.h"
#include "wire/authz.h"

/* What the listener and the call say about a CheckRequest. */
struct authz_manner {
	bool chain_xfcc;	  /* the presented chain stands in x-forwarded-client-cert */
	struct slice tls_version; /* of the client's connection, or empty */
	struct pemcache *pems;
};

/*
 * Names the arguments of a request by what Envoy says; without attributes.request
 * it becomes a connection. The message's bytes must live as long as the request. Anything but REASON_ALLOWED: the question
 * cannot be taken, and *why says it in words for the log.
 */
enum reason authz_request_fill(struct request *req, const struct authz_request *check,
			       const struct authz_manner *manner, const char **why) MUST_USE;

#endif
