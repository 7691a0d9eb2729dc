/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader and the checks behind `check --haproxy`. Input: a front, a NUL,
 * and the SPOE file that the front names. Has to reach: .if blocks, quotes,
 * conditions of rules, del-header expressions, arguments, sockets in a chroot,
 * fronts in TCP mode.
 */
#include <stdlib.h>

#include "haproxy_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_spoe(void *arg, const char *front, const char *name, struct buf *path, struct buf *text)
{
	(void)front;
	(void)name;
	buf_str(path, "spoe.conf");
	buf_put(text, *(const struct slice *)arg);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct haproxy_arg args[] = { { "cert", "ssl_c_der", "is needed", true, 7 } };
	static const char *owned[] = { "x-mtls-", "client-cert" };
	static const char *sockets[] = { "/a/b" };
	const struct haproxy_need need = { .args = args, .arg_count = 1, .connection_args = args,
					   .connection_arg_count = 1, .owned = owned, .owned_count = 2, .host_count = 2,
					   .config_file = "c.lua", .deadline_ns = 5, .sockets = sockets,
					   .socket_count = 1 };
	struct slice spoe = slice_of(data, size), front = slice_cut(&spoe, 0);
	const struct haproxy_files files = { read_spoe, &spoe };
	struct diag_list diag = { 0 };

	haproxy_check_text("front.cfg", front, &files, &need, &diag);
	diag_fini(&diag);
	return 0;
}
