/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "svc/target.h"

static bool allowed(const char *text, bool public_only)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
		return target_allowed((struct sockaddr *)&in4, public_only);
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return target_allowed((struct sockaddr *)&in6, public_only);
}

static void never_link_local(void **state)
{
	static const char *const never[] = { "169.254.169.254", "169.254.0.0", "224.0.0.1", "255.255.255.255",
					     "240.0.0.1", "fe80::1", "febf::1", "ff02::1", "::ffff:169.254.1.1",
					     "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1" };

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (allowed(never[i], false) || allowed(never[i], true))
			fail_msg("%s", never[i]);
}

static void private_ones_unless_public(void **state)
{
	static const char *const own[] = { "127.0.0.1", "127.255.255.255", "10.1.2.3", "172.16.0.1", "172.31.255.255",
					   "192.168.1.1", "100.64.0.1", "100.127.255.255", "0.0.0.0", "198.18.0.1",
					   "192.0.0.8", "::1", "::", "fc00::1", "fdff::1", "fec0::1",
					   "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::808:808",
					   "2002:7f00:1::" };

	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!allowed(own[i], false) || allowed(own[i], true))
			fail_msg("%s", own[i]);
}

static void public_ones_always(void **state)
{
	static const char *const open[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
					    "169.253.255.255", "169.255.0.0", "100.63.255.255", "100.128.0.0",
					    "192.0.1.0", "223.255.255.255", "2606:4700::1111", "2001:db8::1",
					    "::ffff:8.8.8.8", "64:ff9b::808:808" };

	(void)state;
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (!allowed(open[i], true) || !allowed(open[i], false))
			fail_msg("%s", open[i]);
}

static void no_other_families(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)state;
	assert_false(target_allowed((struct sockaddr *)&un, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_link_local),
		cmocka_unit_test(private_ones_unless_public),
		cmocka_unit_test(public_ones_always),
		cmocka_unit_test(no_other_families),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
