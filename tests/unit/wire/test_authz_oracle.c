/* SPDX-License-Identifier: Apache-2.0 */
/* CheckRequests as libprotobuf-c and as wire/authz read them: what ours accepts is to mean the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/authz.pb-c.h"
#include "lib/bytes.h"
#include "lib/chance.h"
#include "wire/authz.h"

#define REQUESTS 3000
#define FIELDS_MAX 2048

/* What one request is made of; given back before the next. */
static uint8_t pool[16u << 20];
static size_t pool_used;
static struct chance chance;

static void *take(size_t n)
{
	void *p = pool + pool_used;

	pool_used += (n + 15) & ~(size_t)15;
	assert_true(pool_used <= sizeof(pool));
	return memset(p, 0, n);
}

#define NEW(type, name) take_message(sizeof(type), (void (*)(ProtobufCMessage *))(void (*)(void))name##__init)

static void *take_message(size_t size, void (*init)(ProtobufCMessage *))
{
	ProtobufCMessage *message = take(size);

	init(message);
	return message;
}

static bool maybe(void)
{
	return !chance_once_in(&chance, 4);
}

static ProtobufCBinaryData data_of(struct slice s)
{
	uint8_t *p = take(s.len + 1);

	if (s.len)
		memcpy(p, s.ptr, s.len);
	return (ProtobufCBinaryData){ s.len, p };
}

static ProtobufCBinaryData text(void)
{
	static uint8_t room[20000];

	return maybe() ? data_of(chance_text(&chance, room)) : data_of(SLICE_EMPTY);
}

static ProtobufCBinaryData octets(void)
{
	static uint8_t room[20000];

	return data_of(chance_octets(&chance, room));
}

/* How many: most often few, now and then as many as there may be. */
static size_t some(size_t max)
{
	if (chance_once_in(&chance, 200))
		return max;
	return chance_below(&chance, chance_once_in(&chance, 20) ? max : 5);
}

/* Entries of a map: their keys differ, at most one is empty. */
static Oracle__Pair **map(size_t count)
{
	Oracle__Pair **pairs = take(count * sizeof(Oracle__Pair *));

	for (size_t i = 0; i < count; i++) {
		char key[32];

		pairs[i] = NEW(Oracle__Pair, oracle__pair);
		snprintf(key, sizeof(key), "x-%zu", i);
		pairs[i]->key = i || maybe() ? data_of(slice_str(key)) : data_of(SLICE_EMPTY);
		pairs[i]->value = text();
	}
	return pairs;
}

static Oracle__HeaderMap *header_map(void)
{
	Oracle__HeaderMap *list = NEW(Oracle__HeaderMap, oracle__header_map);

	list->n_headers = some(AUTHZ_HEADERS_MAX);
	list->headers = take(list->n_headers * sizeof(Oracle__Header *));
	for (size_t i = 0; i < list->n_headers; i++) {
		Oracle__Header *header = list->headers[i] = NEW(Oracle__Header, oracle__header);

		header->key = text();
		if (maybe())
			header->raw_value = octets();
		if (!maybe() || !header->raw_value.len)
			header->value = text();
	}
	return list;
}

static Oracle__Address *address(void)
{
	Oracle__Address *address = NEW(Oracle__Address, oracle__address);
	Oracle__Socket *socket = NEW(Oracle__Socket, oracle__socket);

	address->kind_case = (Oracle__Address__KindCase)chance_below(&chance, 4);
	if (maybe())
		address->kind_case = ORACLE__ADDRESS__KIND_SOCKET;
	socket->address = text();
	socket->port = (uint32_t)chance_below(&chance, maybe() ? 65536 : UINT64_C(1) << 32);
	if (address->kind_case == ORACLE__ADDRESS__KIND_SOCKET)
		address->socket = socket;
	else if (address->kind_case != ORACLE__ADDRESS__KIND__NOT_SET)
		address->pipe = octets();
	return address;
}

static Oracle__Peer *peer(void)
{
	Oracle__Peer *peer = NEW(Oracle__Peer, oracle__peer);

	if (maybe())
		peer->address = address();
	peer->service = text();
	peer->certificate = text();
	return peer;
}

static Oracle__Http *http(void)
{
	Oracle__Http *http = NEW(Oracle__Http, oracle__http);

	http->id = text();
	http->method = text();
	http->path = text();
	http->host = text();
	http->scheme = text();
	http->protocol = text();
	if (chance_once_in(&chance, 2)) {
		http->header_map = header_map();
		return http;
	}
	http->n_headers = some(AUTHZ_HEADERS_MAX);
	http->headers = map(http->n_headers);
	return http;
}

static Oracle__CheckRequest *check_request(void)
{
	Oracle__CheckRequest *check = NEW(Oracle__CheckRequest, oracle__check_request);
	Oracle__Attributes *attributes = check->attributes = NEW(Oracle__Attributes, oracle__attributes);

	if (maybe())
		attributes->source = peer();
	if (maybe())
		attributes->destination = peer();
	if (maybe())
		attributes->request = NEW(Oracle__Request, oracle__request);
	if (attributes->request && maybe())
		attributes->request->http = http();
	attributes->n_context_extensions = some(AUTHZ_EXTENSIONS_MAX);
	attributes->context_extensions = map(attributes->n_context_extensions);
	if (maybe())
		attributes->tls_session = NEW(Oracle__Tls, oracle__tls);
	if (attributes->tls_session)
		attributes->tls_session->sni = text();
	return check;
}

static struct slice packed(void)
{
	Oracle__CheckRequest *check = check_request();
	size_t size = oracle__check_request__get_packed_size(check);
	uint8_t *p = take(size + 1);

	assert_int_equal(oracle__check_request__pack(check, p), size);
	return slice_of(p, size);
}

/* A field that this message does not have: metadata, a body, one of a later release. */
static void put_unknown(const ProtobufCMessageDescriptor *descriptor, struct buf *out)
{
	static const uint32_t far[] = { 1000, 1u << 20, (1u << 29) - 1 };
	static uint8_t room[20000];
	uint32_t number = 1 + (uint32_t)chance_below(&chance, 20);

	if (chance_once_in(&chance, 4))
		number = far[chance_below(&chance, 3)];
	if (protobuf_c_message_descriptor_get_field(descriptor, number))
		return;
	switch (chance_below(&chance, 4)) {
	case 0:
		pb_number(out, number, chance_once_in(&chance, 2) ? UINT64_MAX : chance_below(&chance, 1000));
		break;
	case 1:
		pb_varint(out, (uint64_t)number << 3 | PB_FIXED64);
		buf_put(out, SLICE_LIT("\xff\x01\x02\x03\x04\x05\x06\x07"));
		break;
	case 2:
		pb_varint(out, (uint64_t)number << 3 | PB_FIXED32);
		buf_put(out, SLICE_LIT("\xff\x01\x02\x03"));
		break;
	default:
		pb_bytes(out, number, chance_octets(&chance, room));
	}
}

struct piece {
	struct pb_field field;
	struct slice whole;
};

static size_t split(struct slice message, struct piece *pieces)
{
	struct reader r = reader_of(message);
	size_t count = 0;

	for (const uint8_t *from = r.pos; pb_next(&r, &pieces[count].field); from = r.pos) {
		pieces[count++].whole = slice_of(from, (size_t)(r.pos - from));
		assert_true(count < FIELDS_MAX);
	}
	assert_int_equal(reader_err(&r), ERR_OK);
	return count;
}

static void shuffle(struct piece *pieces, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t j = chance_below(&chance, i);
		struct piece last = pieces[i - 1];

		pieces[i - 1] = pieces[j];
		pieces[j] = last;
	}
}

/* The same message with its fields in another order, unknown ones among them, and one in `doubling` of them twice (0: none). */
static struct slice scramble(const ProtobufCMessageDescriptor *descriptor, struct slice message, unsigned doubling)
{
	struct piece *pieces = take(FIELDS_MAX * sizeof(*pieces));
	struct buf out = buf_capped(0);
	size_t count = split(message, pieces);
	ProtobufCBinaryData data;

	shuffle(pieces, count);
	for (size_t i = 0; i < count; i++) {
		const struct pb_field *field = &pieces[i].field;
		const ProtobufCFieldDescriptor *known = protobuf_c_message_descriptor_get_field(descriptor, field->number);

		if (chance_once_in(&chance, 4))
			put_unknown(descriptor, &out);
		if (doubling && chance_once_in(&chance, doubling))
			buf_put(&out, pieces[i].whole);
		if (known && known->type == PROTOBUF_C_TYPE_MESSAGE && count < 16)
			pb_bytes(&out, field->number, scramble(known->descriptor, field->bytes, doubling));
		else
			buf_put(&out, pieces[i].whole);
	}
	if (chance_once_in(&chance, 4))
		put_unknown(descriptor, &out);
	data = data_of(buf_slice(&out));
	buf_fini(&out);
	return slice_of(data.data, data.len);
}

static void assert_same(struct slice ours, ProtobufCBinaryData theirs)
{
	assert_bytes(ours, slice_of(theirs.data, theirs.len));
}

static void compare_peers(const struct authz_peer *ours, const Oracle__Peer *theirs)
{
	static const Oracle__Socket none = ORACLE__SOCKET__INIT;
	const Oracle__Socket *socket = &none;

	assert_int_equal(ours->sent, theirs != NULL);
	if (theirs && theirs->address && theirs->address->kind_case == ORACLE__ADDRESS__KIND_SOCKET)
		socket = theirs->address->socket;
	assert_same(ours->address, socket->address);
	assert_int_equal(ours->port, socket->port);
	assert_same(ours->service, theirs ? theirs->service : none.address);
	assert_same(ours->certificate, theirs ? theirs->certificate : none.address);
}

static void compare_headers(const struct authz_request *ours, const Oracle__Http *theirs)
{
	const Oracle__HeaderMap *raw = theirs->header_map;

	assert_int_equal(ours->has_header_map, raw != NULL);
	assert_int_equal(ours->header_count, raw ? raw->n_headers : theirs->n_headers);
	for (size_t i = 0; i < ours->header_count; i++) {
		struct slice name = ours->headers[i].name, value = ours->headers[i].value;

		assert_same(name, raw ? raw->headers[i]->key : theirs->headers[i]->key);
		if (!raw)
			assert_same(value, theirs->headers[i]->value);
		else if (raw->headers[i]->raw_value.len)
			assert_same(value, raw->headers[i]->raw_value);
		else
			assert_same(value, raw->headers[i]->value);
	}
}

static void compare_http(const struct authz_request *ours, const Oracle__Request *theirs)
{
	static const Oracle__Http none = ORACLE__HTTP__INIT;
	const Oracle__Http *http = theirs && theirs->http ? theirs->http : &none;

	assert_int_equal(ours->has_request, theirs != NULL);
	assert_int_equal(ours->has_http, http != &none);
	assert_same(ours->id, http->id);
	assert_same(ours->method, http->method);
	assert_same(ours->path, http->path);
	assert_same(ours->host, http->host);
	assert_same(ours->scheme, http->scheme);
	assert_same(ours->protocol, http->protocol);
	compare_headers(ours, http);
}

static void compare(const struct authz_request *ours, const Oracle__Attributes *theirs)
{
	static const Oracle__Tls none = ORACLE__TLS__INIT;
	const Oracle__Tls *tls = theirs->tls_session ? theirs->tls_session : &none;

	compare_peers(&ours->source, theirs->source);
	compare_peers(&ours->destination, theirs->destination);
	compare_http(ours, theirs->request);
	assert_int_equal(ours->has_tls, tls != &none);
	assert_same(ours->sni, tls->sni);
	assert_int_equal(ours->extension_count, theirs->n_context_extensions);
	for (size_t i = 0; i < ours->extension_count; i++) {
		assert_same(ours->extensions[i].name, theirs->context_extensions[i]->key);
		assert_same(ours->extensions[i].value, theirs->context_extensions[i]->value);
	}
}

/* How often ours refused what the other took, by reason, and what else there was. */
struct tally {
	unsigned accepted, refused_by_both, stricter[ERR_COUNT];
};

/* A view on exactly as many bytes, so that a sanitizer sees a step too far. */
static void judge(struct slice message, struct tally *tally)
{
	uint8_t *exact = malloc(message.len + !message.len);
	struct authz_request ours;
	Oracle__CheckRequest *theirs;
	enum err err;

	assert_non_null(exact);
	if (message.len)
		memcpy(exact, message.ptr, message.len);
	err = authz_request_decode(slice_of(exact, message.len), &ours);
	theirs = oracle__check_request__unpack(NULL, message.len, exact);
	if (!err) {
		assert_non_null(theirs);
		assert_non_null(theirs->attributes);
		compare(&ours, theirs->attributes);
		tally->accepted++;
	} else if (theirs) {
		tally->stricter[err]++;
	} else {
		tally->refused_by_both++;
	}
	if (theirs)
		oracle__check_request__free_unpacked(theirs, NULL);
	free(exact);
}

static int begin(void **state)
{
	(void)state;
	chance.state = 20261125;
	return 0;
}

static void what_it_packs_is_read(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct slice message;

		pool_used = 0;
		message = packed();
		judge(message, &tally);
		judge(scramble(&oracle__check_request__descriptor, message, 0), &tally);
	}
	assert_int_equal(tally.accepted, 2 * REQUESTS);
}

static size_t place(struct slice message)
{
	return message.len ? chance_below(&chance, message.len) : 0;
}

/* One fault: a bit, a byte changed, lost or more, a stretch twice, the end cut off. */
static struct slice spoil(struct slice message)
{
	struct buf out = buf_capped(0);
	size_t at = place(message), until = at + chance_below(&chance, message.len - at + 1);
	ProtobufCBinaryData data;

	buf_put(&out, slice_sub(message, 0, at));
	switch (chance_below(&chance, 6)) {
	case 0:
		buf_u8(&out, (uint8_t)(message.ptr[at] ^ 1u << chance_below(&chance, 8)));
		until = at + 1;
		break;
	case 1:
		buf_u8(&out, (uint8_t)chance_below(&chance, 256));
		until = at + 1;
		break;
	case 2:
		until = at + 1;
		break;
	case 3:
		buf_u8(&out, (uint8_t)chance_below(&chance, 256));
		until = at;
		break;
	case 4:
		buf_put(&out, slice_sub(message, at, until - at));
		until = at;
		break;
	default:
		until = message.len;
	}
	buf_put(&out, slice_sub(message, until, message.len));
	data = data_of(buf_slice(&out));
	buf_fini(&out);
	return slice_of(data.data, data.len);
}

/* The number at p in one byte more than it needs, or in six more: protobuf has at most five of a tag or a length. */
static struct slice stretch(struct slice message)
{
	size_t at = place(message), more = chance_once_in(&chance, 2) ? 1 : 6;
	struct buf out = buf_capped(0);
	ProtobufCBinaryData data;

	buf_put(&out, slice_sub(message, 0, at));
	buf_u8(&out, message.ptr[at] | 0x80);
	while (--more)
		buf_u8(&out, 0x80);
	buf_u8(&out, 0);
	buf_put(&out, slice_sub(message, at + 1, message.len));
	data = data_of(buf_slice(&out));
	buf_fini(&out);
	return slice_of(data.data, data.len);
}

/*
 * Ours may be stricter, for these reasons: a string that is no UTF-8, a field number 0 or a number of over 64 bits (format), a
 * singular field, a oneof or a key twice, or headers in both forms (duplicate), too many (limit), no attributes (not found).
 */
static void what_ours_accepts_means_the_same(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct slice message;

		pool_used = 0;
		do
			message = packed();
		while (message.len > 1000);
		message = scramble(&oracle__check_request__descriptor, message, i % 4 ? 0 : 20);
		judge(message, &tally);
		for (unsigned j = 0; j < 20; j++)
			judge(spoil(message), &tally);
		for (unsigned j = 0; j < 4; j++)
			judge(stretch(message), &tally);
		for (size_t len = 0; i % 64 == 0 && len < message.len; len++)
			judge(slice_sub(message, 0, len), &tally);
	}
	for (enum err err = 0; err < ERR_COUNT; err++) {
		bool may = err == ERR_FORMAT || err == ERR_DUPLICATE || err == ERR_LIMIT || err == ERR_NOT_FOUND;

		if (!may)
			assert_int_equal(tally.stricter[err], 0);
	}
	assert_true(tally.stricter[ERR_FORMAT] > 100 && tally.stricter[ERR_DUPLICATE] > 100);
	assert_true(tally.stricter[ERR_NOT_FOUND] > 0);
	assert_true(tally.accepted > REQUESTS && tally.refused_by_both > REQUESTS);
}

static void too_many_are_refused(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		Oracle__CheckRequest check = ORACLE__CHECK_REQUEST__INIT;
		Oracle__Attributes attributes = ORACLE__ATTRIBUTES__INIT;
		Oracle__Request request = ORACLE__REQUEST__INIT;
		Oracle__Http many = ORACLE__HTTP__INIT;
		Oracle__HeaderMap list = ORACLE__HEADER_MAP__INIT;
		size_t max = i ? AUTHZ_HEADERS_MAX : AUTHZ_EXTENSIONS_MAX;
		size_t *count = i == 0 ? &attributes.n_context_extensions : i == 1 ? &many.n_headers : &list.n_headers;

		pool_used = 0;
		check.attributes = &attributes;
		attributes.request = &request;
		request.http = &many;
		many.header_map = i == 2 ? &list : NULL;
		attributes.context_extensions = many.headers = map(max + 1);
		list.headers = take((max + 1) * sizeof(Oracle__Header *));
		for (size_t j = 0; j <= max; j++)
			list.headers[j] = NEW(Oracle__Header, oracle__header);
		for (*count = max; *count <= max + 1; ++*count) {
			uint8_t *p = take(oracle__check_request__get_packed_size(&check));

			judge(slice_of(p, oracle__check_request__pack(&check, p)), &tally);
		}
	}
	assert_int_equal(tally.accepted, 3);
	assert_int_equal(tally.stricter[ERR_LIMIT], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_it_packs_is_read, begin),
		cmocka_unit_test_setup(what_ours_accepts_means_the_same, begin),
		cmocka_unit_test_setup(too_many_are_refused, begin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
