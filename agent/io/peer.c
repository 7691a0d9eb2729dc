/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static void peer_unix(int fd, struct peer *out)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	out->is_unix = true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid != (uid_t)-1) {
		out->has_uid = true;
		out->uid = who.uid;
		snprintf(out->text, sizeof(out->text), "unix:uid=%u", (unsigned)who.uid);
	} else {
		snprintf(out->text, sizeof(out->text), "unix:");
	}
}

static void peer_v4(const void *address, in_port_t port, struct peer *out)
{
	char text[INET_ADDRSTRLEN] = "";

	memcpy(out->address, address, 4);
	inet_ntop(AF_INET, address, text, sizeof(text));
	snprintf(out->text, sizeof(out->text), "%s:%u", text, (unsigned)ntohs(port));
}

static void peer_v6(const struct sockaddr_in6 *from, struct peer *out)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (IN6_IS_ADDR_V4MAPPED(&from->sin6_addr)) {
		peer_v4(&from->sin6_addr.s6_addr[12], from->sin6_port, out);
		return;
	}
	out->v6 = true;
	memcpy(out->address, &from->sin6_addr, 16);
	inet_ntop(AF_INET6, &from->sin6_addr, text, sizeof(text));
	snprintf(out->text, sizeof(out->text), "[%s]:%u", text, (unsigned)ntohs(from->sin6_port));
}

void peer_of(int fd, struct peer *out)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
	} from;
	socklen_t len = sizeof(from);

	*out = (struct peer){ 0 };
	memset(&from, 0, sizeof(from));
	if (getpeername(fd, &from.any, &len) < 0)
		return;
	if (from.any.sa_family == AF_UNIX)
		peer_unix(fd, out);
	else if (from.any.sa_family == AF_INET)
		peer_v4(&from.v4.sin_addr, from.v4.sin_port, out);
	else if (from.any.sa_family == AF_INET6)
		peer_v6(&from.v6, out);
}
