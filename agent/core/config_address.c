/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config_address.h"

#include "base/mem.h"

/* sun_path of Linux, less the NUL. */
#define UNIX_PATH_MAX 107

bool address_read_v4(struct slice text, uint8_t *out)
{
	uint64_t octet;

	for (size_t i = 0; i < 4; i++) {
		struct slice part;

		if ((i < 3) != (slice_find(text, '.') < text.len))
			return false;
		part = slice_cut(&text, '.');
		if (!slice_to_u64(part, 255, &octet) || (part.len > 1 && part.ptr[0] == '0'))
			return false;
		out[i] = (uint8_t)octet;
	}
	return true;
}

static bool read_group(struct slice text, uint8_t *out)
{
	unsigned value = 0;

	if (text.len == 0 || text.len > 4)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = ascii_lower(text.ptr[i]);

		if (c >= '0' && c <= '9')
			value = value << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (unsigned)(c - 'a' + 10);
		else
			return false;
	}
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return true;
}

/* Groups with single colons between them, where v4 allows it an IPv4 address as the last two;
 * returns octets or -1. */
static int read_groups(struct slice text, uint8_t *out, bool v4)
{
	int n = 0;

	if (text.len == 0)
		return 0;
	for (;;) {
		bool last = slice_find(text, ':') == text.len;
		struct slice part = slice_cut(&text, ':');

		if (last && v4 && n <= 12 && address_read_v4(part, out + n))
			return n + 4;
		if (n > 14 || !read_group(part, out + n))
			return -1;
		n += 2;
		if (last)
			return n;
	}
}

static size_t find_gap(struct slice text)
{
	for (size_t i = 0; i + 1 < text.len; i++)
		if (text.ptr[i] == ':' && text.ptr[i + 1] == ':')
			return i;
	return text.len;
}

bool address_read_v6(struct slice text, uint8_t *out)
{
	size_t gap = find_gap(text);
	uint8_t front[16], back[16];
	int before = read_groups(slice_sub(text, 0, gap), front, gap == text.len), after = 0;

	if (gap < text.len)
		after = read_groups(slice_sub(text, gap + 2, text.len), back, true);
	if (before < 0 || after < 0 || (gap == text.len ? before != 16 : before + after > 14))
		return false;
	memset(out, 0, 16);
	memcpy(out, front, (size_t)before);
	memcpy(out + 16 - after, back, (size_t)after);
	return true;
}

static bool has_host_bits(const struct listen_network *network)
{
	unsigned bits = network->v6 ? 128 : 32;

	for (unsigned i = network->prefix; i < bits; i++)
		if (network->address[i / 8] & (0x80u >> i % 8))
			return true;
	return false;
}

bool address_read_network(struct slice text, struct listen_network *out)
{
	struct slice address = slice_sub(text, 0, slice_find(text, '/'));
	struct slice prefix = slice_sub(text, address.len + 1, text.len);
	uint64_t bits;

	memset(out, 0, sizeof(*out));
	out->v6 = slice_find(address, ':') < address.len;
	if (out->v6 ? !address_read_v6(address, out->address) :
		      !address_read_v4(address, out->address))
		return false;
	bits = out->v6 ? 128 : 32;
	if (address.len < text.len && !slice_to_u64(prefix, bits, &bits))
		return false;
	out->prefix = (unsigned)bits;
	return !has_host_bits(out);
}

static enum err read_unix(struct slice path, struct listen_entry *out, const char **why)
{
	out->kind = path.len && path.ptr[0] == '@' ? ADDRESS_ABSTRACT : ADDRESS_UNIX;
	if (out->kind == ADDRESS_ABSTRACT)
		path = slice_sub(path, 1, path.len);
	*why = "a unix socket needs a path, or @ and a name";
	if (path.len == 0)
		return ERR_FORMAT;
	*why = "the path of a unix socket has at most 107 bytes";
	if (path.len > UNIX_PATH_MAX)
		return ERR_FORMAT;
	out->host = mem_dup(path);
	return ERR_OK;
}

static enum err read_tcp(struct slice text, struct listen_entry *out, const char **why)
{
	size_t end = text.len && text.ptr[0] == '[' ? slice_find(text, ']') : slice_find(text, ':');
	bool v6 = text.len && text.ptr[0] == '[';
	struct slice host = v6 ? slice_sub(text, 1, end - 1) : slice_sub(text, 0, end);
	struct slice port = slice_sub(text, end + (v6 ? 1 : 0), text.len);
	uint8_t octets[16];
	uint64_t number;

	*why = "an address is \"IPv4:port\", \"[IPv6]:port\", \"unix:/path\" or \"unix:@name\"";
	if (port.len < 2 || port.ptr[0] != ':')
		return ERR_FORMAT;
	*why = "its port is no number from 0 to 65535";
	if (!slice_to_u64(slice_sub(port, 1, port.len), 65535, &number))
		return ERR_FORMAT;
	*why = "its host is no numeric address (for all of them: \"0.0.0.0\" or \"[::]\")";
	if (v6 ? !address_read_v6(host, octets) : !address_read_v4(host, octets))
		return ERR_FORMAT;
	out->kind = ADDRESS_TCP;
	out->port = (uint16_t)number;
	out->host = mem_dup(host);
	return ERR_OK;
}

enum err address_read_listen(struct slice text, struct listen_entry *out, const char **why)
{
	if (slice_starts(text, SLICE_LIT("unix:")))
		return read_unix(slice_sub(text, 5, text.len), out, why);
	return read_tcp(text, out, why);
}

bool address_is_loopback(const struct listen_entry *entry)
{
	static const uint8_t one[16] = { [15] = 1 };
	uint8_t octets[16];
	struct slice host = slice_str(entry->host);

	if (address_read_v4(host, octets))
		return octets[0] == 127;
	return address_read_v6(host, octets) && memcmp(octets, one, sizeof(one)) == 0;
}
