/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_EVAL_URL_H
#define MTLSGUARD_EVAL_URL_H

#include "eval.h"

/*
 * Splits an http or https URL (RFC 3986 3) into scheme, host (with its port),
 * path and query of input, which are views into url. The fragment is left out,
 * as a client does. Nothing is made canonical: that is core's work. False when
 * it is no such URL, or names a user.
 */
bool eval_url_split(struct slice url, struct eval_input *input);

#endif
