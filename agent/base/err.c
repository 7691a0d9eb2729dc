/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stddef.h>

static const struct {
	const char *name;
	const char *text;
	enum err_class class;
} table[ERR_COUNT] = {
	[ERR_OK] = { "ok", "no error", ERR_CLASS_NONE },
	[ERR_USAGE] = { "usage", "wrong usage", ERR_CLASS_USAGE },
	[ERR_SHORT] = { "short", "the data ends too early", ERR_CLASS_INPUT },
	[ERR_FORMAT] = { "format", "the data is malformed", ERR_CLASS_INPUT },
	[ERR_TYPE] = { "type", "the value has another type", ERR_CLASS_INPUT },
	[ERR_RANGE] = { "range", "the value is out of range", ERR_CLASS_INPUT },
	[ERR_DUPLICATE] = { "duplicate", "it is there twice", ERR_CLASS_INPUT },
	[ERR_NOT_FOUND] = { "not_found", "there is no such thing", ERR_CLASS_INPUT },
	[ERR_LIMIT] = { "limit", "a configured limit was reached", ERR_CLASS_LIMIT },
	[ERR_MEMORY] = { "memory", "a memory limit was reached", ERR_CLASS_LIMIT },
	[ERR_TIMEOUT] = { "timeout", "a deadline passed", ERR_CLASS_LIMIT },
	[ERR_CLOSED] = { "closed", "the peer closed the connection", ERR_CLASS_IO },
	[ERR_IO] = { "io", "the system refused", ERR_CLASS_IO },
	[ERR_CRYPTO] = { "crypto", "OpenSSL refused", ERR_CLASS_CRYPTO },
	[ERR_CONFIG] = { "config", "the configuration has faults", ERR_CLASS_INPUT },
	[ERR_POLICY] = { "policy", "the policy failed", ERR_CLASS_INPUT },
	[ERR_INTERNAL] = { "internal", "an internal fault", ERR_CLASS_INTERNAL },
};

static int known(enum err err)
{
	return (unsigned)err < ERR_COUNT;
}

const char *err_name(enum err err)
{
	return known(err) ? table[err].name : "unknown";
}

const char *err_text(enum err err)
{
	return known(err) ? table[err].text : "an unknown error";
}

enum err_class err_class(enum err err)
{
	return known(err) ? table[err].class : ERR_CLASS_INTERNAL;
}
