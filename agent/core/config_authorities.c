/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config_read.h"

#define CA_FILE_MAX ((size_t)16 << 20)
#define NAME_MAX_BYTES 128
#define SERIAL_MAX 20 /* octets, RFC 5280 4.1.2.2 */
#define HASH_OCTETS 32
#define SKI_MAX 64

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7f || name.ptr[i] == '"')
			return false;
	return name.len > 0 && name.len <= NAME_MAX_BYTES && utf8_valid(name);
}

static void read_authority(struct config_build *build, const struct config_at *at,
			   struct authority_conf *authority)
{
	struct config_at member;

	authority->name = mem_dup(slice_str(at->key));
	authority->line = config_line_of(at);
	authority->file = config_file_of(build, at);
	if (!is_name(slice_str(at->key)))
		config_fault(build, at, NULL, "a name has 1 to 128 printable characters");
	config_read_section(build, at, "authorities[]", authority);
	if (at->value->kind != TREE_TABLE)
		return;
	member = config_member(at, "certificates");
	if (authority->certificates)
		config_load_file(build, &member, authority->certificates, CA_FILE_MAX,
				 &authority->certificates_text, &authority->certificates_len);
	member = config_member(at, "intermediates");
	if (authority->intermediates)
		config_load_file(build, &member, authority->intermediates, CA_FILE_MAX,
				 &authority->intermediates_text, &authority->intermediates_len);
}

void config_read_authorities(struct config_build *build, const struct config_at *at, size_t offset,
			     void *target)
{
	struct config *config = target;
	const struct tree_table *table;

	(void)offset;
	if (!at->value || !config_is_map(build, at) || !config_is_filled(build, at))
		return;
	table = at->value->table;
	config->authorities = mem_array(table->member_count, sizeof(*config->authorities));
	config->authority_count = table->member_count;
	for (size_t i = 0; i < table->member_count; i++) {
		struct config_at member = { .up = at, .key = table->members[i].key,
					    .value = &table->members[i].value };

		read_authority(build, &member, &config->authorities[i]);
	}
}

static void add_entry(struct authority_conf *authority, enum deny_kind kind, struct slice octets)
{
	size_t n = authority->deny_count + 1;

	authority->deny = mem_grow(authority->deny, n * sizeof(*authority->deny));
	authority->deny[authority->deny_count] = (struct deny_entry){
		.kind = kind, .octets = (uint8_t *)mem_dup(octets), .len = octets.len };
	authority->deny_count = n;
}

static struct slice without_zeros(struct slice octets)
{
	while (octets.len && octets.ptr[0] == 0)
		octets = slice_sub(octets, 1, octets.len);
	return octets;
}

/* Hex with or without colons, an odd digit first or not, into room bytes. */
static bool read_hex(struct slice text, uint8_t *out, size_t room, size_t *len)
{
	struct buf digits = buf_capped(2 * room + 2), octets = buf_fixed(out, room);
	size_t colons = 0;
	bool good;

	for (size_t i = 0; i < text.len; i++)
		colons += text.ptr[i] == ':';
	if ((text.len - colons) % 2)
		buf_u8(&digits, '0');
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] != ':')
			buf_u8(&digits, text.ptr[i]);
	good = text.len > colons && !buf_err(&digits) &&
	       text_unhex(&octets, buf_slice(&digits)) == ERR_OK;
	*len = octets.len;
	buf_fini(&digits);
	return good;
}

/* A decimal number of at most 20 octets, without leading zeros. */
static bool read_decimal(struct slice text, uint8_t *out, size_t *len)
{
	uint8_t number[SERIAL_MAX] = { 0 };
	struct slice octets;

	for (size_t i = 0; i < text.len; i++) {
		unsigned carry = (unsigned)(text.ptr[i] - '0');

		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		for (size_t j = SERIAL_MAX; j-- > 0;) {
			carry += number[j] * 10u;
			number[j] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry)
			return false;
	}
	octets = without_zeros(slice_of(number, sizeof(number)));
	*len = octets.len;
	if (octets.len == 0)
		return false;
	memcpy(out, octets.ptr, octets.len);
	return true;
}

static bool has_only_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

static bool read_hex_serial(struct slice text, uint8_t *out, struct slice *serial)
{
	size_t len;

	/* Room for zeros in front: "00:93:6E…" is written by many tools. */
	if (!read_hex(text, out, 2 * SERIAL_MAX, &len))
		return false;
	*serial = without_zeros(slice_of(out, len));
	return serial->len > 0 && serial->len <= SERIAL_MAX;
}

static void read_serial(struct config_build *build, const struct config_at *at,
			struct authority_conf *authority, struct slice text)
{
	uint8_t octets[2 * SERIAL_MAX], decimal[SERIAL_MAX];
	struct slice serial;
	size_t len;
	bool as_hex = read_hex_serial(text, octets, &serial);
	bool as_decimal = has_only_digits(text) && read_decimal(text, decimal, &len);

	if (as_hex)
		add_entry(authority, DENY_SERIAL, serial);
	if (as_decimal && !(as_hex && slice_eq(serial, slice_of(decimal, len))))
		add_entry(authority, DENY_SERIAL, slice_of(decimal, len));
	if (as_hex && as_decimal && text.len > 1)
		config_note(build, at, DIAG_LINT, "write \"dec:\" in front, or the hex form with colons",
			    "\"%.*s\" has only digits: it is read as a hex serial and as a decimal one",
			    SLICE_FMT(text));
	if (!as_hex && !as_decimal)
		config_fault(build, at,
			     "\"936EACBE07F201DF\", \"dec:10629346\", \"sha256:…\", \"ski:…\" or \"spki:…\"",
			     "\"%.*s\" is no serial: hex, positive, at most 20 octets", SLICE_FMT(text));
}

static void read_decimal_entry(struct config_build *build, const struct config_at *at,
			       struct authority_conf *authority, struct slice text)
{
	uint8_t octets[SERIAL_MAX];
	size_t len;

	if (has_only_digits(text) && read_decimal(text, octets, &len))
		add_entry(authority, DENY_SERIAL, slice_of(octets, len));
	else
		config_fault(build, at, NULL,
			     "\"%.*s\" is no decimal serial: positive, at most 20 octets",
			     SLICE_FMT(text));
}

static void read_hash(struct config_build *build, const struct config_at *at,
		      struct authority_conf *authority, enum deny_kind kind, struct slice text)
{
	uint8_t octets[SKI_MAX];
	size_t len = 0, digits = 0;
	bool good;

	for (size_t i = 0; i < text.len; i++)
		digits += text.ptr[i] != ':';
	good = digits % 2 == 0 && read_hex(text, octets, sizeof(octets), &len) &&
	       (kind == DENY_SKI || len == HASH_OCTETS);
	if (good)
		add_entry(authority, kind, slice_of(octets, len));
	else
		config_fault(build, at, NULL, kind == DENY_SKI ?
				     "\"%.*s\" is no key id: 2 to 128 hex digits" :
				     "\"%.*s\" is no SHA-256: 64 hex digits", SLICE_FMT(text));
}

static void read_deny_entry(struct config_build *build, const struct config_at *at,
			    struct authority_conf *authority)
{
	static const struct { struct slice front; enum deny_kind kind; } hashes[] = {
		{ SLICE_INIT("sha256:"), DENY_SHA256 },
		{ SLICE_INIT("ski:"), DENY_SKI },
		{ SLICE_INIT("spki:"), DENY_SPKI },
	};
	struct slice text;

	if (at->value->kind == TREE_NUMBER) {
		config_fault(build, at, NULL, "write serials as texts: a number loses digits");
		return;
	}
	if (!config_is_text(build, at, &text))
		return;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (slice_starts(text, hashes[i].front)) {
			read_hash(build, at, authority, hashes[i].kind,
				  slice_sub(text, hashes[i].front.len, text.len));
			return;
		}
	if (slice_starts(text, SLICE_LIT("dec:")))
		read_decimal_entry(build, at, authority, slice_sub(text, 4, text.len));
	else
		read_serial(build, at, authority, text);
}

void config_read_deny(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target)
{
	struct authority_conf *authority = target;

	(void)offset;
	if (!at->value || !config_is_list(build, at))
		return;
	for (size_t i = 0; i < at->value->table->item_count; i++) {
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };

		read_deny_entry(build, &item, authority);
	}
}
