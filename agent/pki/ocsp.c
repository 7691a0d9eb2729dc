/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/ocsp.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "pki/ocsp_internal.h"
#include "pki/x509.h"

#define SERIAL_MAX 20

static ASN1_INTEGER *serial_of(struct slice octets)
{
	ASN1_INTEGER *serial;

	if (octets.len == 0 || octets.len > SERIAL_MAX)
		return NULL;
	serial = ASN1_INTEGER_new();
	if (serial && !ASN1_STRING_set(serial, octets.ptr, (int)octets.len)) {
		ASN1_INTEGER_free(serial);
		return NULL;
	}
	return serial;
}

static OCSP_CERTID *certid(const EVP_MD *md, X509 *issuer, const ASN1_INTEGER *serial)
{
	return OCSP_cert_id_new(md, X509_get_subject_name(issuer),
				X509_get0_pubkey_bitstr(issuer), serial);
}

/* The nonce is an OCTET STRING inside the extension's own (RFC 9654 2.1). OpenSSL 3.0 would make one of 16
 * octets, and writes what is given to it as it is. */
static bool add_nonce(OCSP_REQUEST *request, struct slice nonce)
{
	ASN1_OCTET_STRING *value;
	uint8_t inner[2 + OCSP_NONCE] = { V_ASN1_OCTET_STRING, OCSP_NONCE };
	bool good;

	if (nonce.len == 0)
		return true;
	if (nonce.len != OCSP_NONCE)
		return false;
	memcpy(inner + 2, nonce.ptr, OCSP_NONCE);
	value = ASN1_OCTET_STRING_new();
	good = value && ASN1_OCTET_STRING_set(value, inner, (int)sizeof(inner)) &&
	       OCSP_REQUEST_add1_ext_i2d(request, NID_id_pkix_OCSP_Nonce, value, 0,
					 X509V3_ADD_APPEND) == 1;
	ASN1_OCTET_STRING_free(value);
	return good;
}

static enum err encode(OCSP_REQUEST *request, struct buf *der)
{
	unsigned char *bytes = NULL;
	int n = i2d_OCSP_REQUEST(request, &bytes);

	if (n > 0)
		buf_put(der, slice_of(bytes, (size_t)n));
	OPENSSL_free(bytes);
	return n > 0 ? buf_err(der) : ERR_CRYPTO;
}

enum err ocsp_request(const struct ocsp_question *question, struct buf *der)
{
	ASN1_INTEGER *serial = serial_of(question->serial);
	X509 *issuer = x509_decode(question->issuer);
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	OCSP_CERTID *id = NULL;
	enum err err = ERR_CRYPTO;

	if (!serial) {
		err = ERR_RANGE;
	} else if (!issuer) {
		err = ERR_FORMAT;
	} else if (request && (id = certid(EVP_sha1(), issuer, serial)) != NULL) {
		/* The request owns the id once it is in. */
		if (OCSP_request_add0_id(request, id))
			err = add_nonce(request, question->nonce) ? encode(request, der) : ERR_CRYPTO;
		else
			OCSP_CERTID_free(id);
	}
	OCSP_REQUEST_free(request);
	ASN1_INTEGER_free(serial);
	X509_free(issuer);
	ERR_clear_error();
	return err;
}

enum err ocsp_get_path(struct slice url, struct slice request, struct buf *out)
{
	struct buf text = buf_capped(OCSP_GET_MAX);
	size_t before = out->len;

	text_base64(&text, request);
	if (buf_err(&text)) {
		buf_fini(&text);
		return ERR_LIMIT;
	}
	if (url.len == 0 || url.ptr[url.len - 1] != '/')
		buf_u8(out, '/');
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '+' || c == '/' || c == '=')
			buf_printf(out, "%%%02X", c);
		else
			buf_u8(out, c);
	}
	buf_fini(&text);
	return out->len - before > OCSP_GET_MAX ? ERR_LIMIT : buf_err(out);
}

/* What is known while a response is read. */
struct reading {
	const struct ocsp_question *question;
	X509 *issuer;
	ASN1_INTEGER *serial;
	int64_t now;
	OCSP_RESPONSE *response;
	OCSP_BASICRESP *basic;
	struct ocsp_answer *out;
	const char **why;
};

static enum err refuse(struct reading *reading, enum err err, const char *why)
{
	*reading->why = why;
	return err;
}

static const char *status_text(int status)
{
	switch (status) {
	case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST:
		return "the responder says malformedRequest";
	case OCSP_RESPONSE_STATUS_INTERNALERROR:
		return "the responder says internalError";
	case OCSP_RESPONSE_STATUS_TRYLATER:
		return "the responder says tryLater";
	case OCSP_RESPONSE_STATUS_SIGREQUIRED:
		return "the responder says sigRequired";
	case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
		return "the responder says unauthorized";
	default:
		return "the responder tells a status that does not exist";
	}
}

static enum err decode(struct reading *reading, struct slice response)
{
	const unsigned char *at = response.ptr;
	int status;

	if (response.len > OCSP_RESPONSE_MAX)
		return refuse(reading, ERR_LIMIT, "the answer is too large");
	if (response.len)
		reading->response = d2i_OCSP_RESPONSE(NULL, &at, (long)response.len);
	if (!reading->response || at != response.ptr + response.len)
		return refuse(reading, ERR_FORMAT, "the answer is no OCSP response");
	status = OCSP_response_status(reading->response);
	if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return refuse(reading, ERR_CLOSED, status_text(status));
	reading->basic = OCSP_response_get1_basic(reading->response);
	if (!reading->basic)
		return refuse(reading, ERR_FORMAT, "the answer is no basic OCSP response");
	return ERR_OK;
}

static bool is_nonce(X509_EXTENSION *extension)
{
	return OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_id_pkix_OCSP_Nonce;
}

/* No critical extension but the nonce is known; the nonce that came back has to be the one sent. */
static enum err check_extensions(struct reading *reading)
{
	struct slice sent = reading->question->nonce;

	for (int i = 0; i < OCSP_BASICRESP_get_ext_count(reading->basic); i++) {
		X509_EXTENSION *extension = OCSP_BASICRESP_get_ext(reading->basic, i);
		const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
		struct slice octets = slice_of(ASN1_STRING_get0_data(value),
					       (size_t)ASN1_STRING_length(value));

		if (!is_nonce(extension)) {
			if (X509_EXTENSION_get_critical(extension))
				return refuse(reading, ERR_TYPE, "an unknown critical extension");
			continue;
		}
		if (sent.len == 0)
			continue;
		if (octets.len != sent.len + 2 || octets.ptr[0] != V_ASN1_OCTET_STRING ||
		    octets.ptr[1] != sent.len || memcmp(octets.ptr + 2, sent.ptr, sent.len) != 0)
			return refuse(reading, ERR_DUPLICATE, "the answer has another nonce than was sent");
		reading->out->has_nonce = true;
	}
	return ERR_OK;
}

static const EVP_MD *known_digest(const ASN1_OBJECT *oid)
{
	switch (OBJ_obj2nid(oid)) {
	case NID_sha1:
		return EVP_sha1();
	case NID_sha256:
		return EVP_sha256();
	case NID_sha384:
		return EVP_sha384();
	case NID_sha512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

static bool is_about(struct reading *reading, OCSP_SINGLERESP *single)
{
	OCSP_CERTID *theirs = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single), *ours;
	ASN1_OBJECT *oid = NULL;
	ASN1_INTEGER *serial = NULL;
	const EVP_MD *md;
	bool same;

	/* The serial first: it costs no hash, and responses may speak of thousands. */
	if (!OCSP_id_get0_info(NULL, &oid, NULL, &serial, theirs) ||
	    ASN1_INTEGER_cmp(serial, reading->serial) != 0)
		return false;
	md = known_digest(oid);
	ours = md ? certid(md, reading->issuer, reading->serial) : NULL;
	same = ours && OCSP_id_cmp(ours, theirs) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

static bool epoch(const ASN1_GENERALIZEDTIME *time, int64_t *out)
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

static bool has_critical(OCSP_SINGLERESP *single)
{
	for (int i = 0; i < OCSP_SINGLERESP_get_ext_count(single); i++)
		if (X509_EXTENSION_get_critical(OCSP_SINGLERESP_get_ext(single, i)))
			return true;
	return false;
}

static enum err read_single(struct reading *reading, OCSP_SINGLERESP *single)
{
	struct ocsp_answer *out = reading->out;
	ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *next = NULL;
	int reason = -1, status = OCSP_single_get0_status(single, &reason, &revoked, &from, &next);

	if (has_critical(single))
		return refuse(reading, ERR_TYPE, "an unknown critical extension");
	if (!epoch(from, &out->this_update) || (next && !epoch(next, &out->next_update)))
		return refuse(reading, ERR_FORMAT, "a date of the answer cannot be read");
	out->status = OCSP_STATUS_UNKNOWN;
	if (status == V_OCSP_CERTSTATUS_GOOD)
		out->status = OCSP_STATUS_GOOD;
	if (status != V_OCSP_CERTSTATUS_REVOKED)
		return ERR_OK;
	if (!epoch(revoked, &out->revoked_at))
		return refuse(reading, ERR_FORMAT, "a date of the answer cannot be read");
	out->status = OCSP_STATUS_REVOKED;
	out->reason = reason > 0 ? (unsigned)reason : 0;
	return ERR_OK;
}

/* Of several answers about the certificate one that revokes counts, else the newest. */
static enum err find_single(struct reading *reading)
{
	struct ocsp_answer best = { 0 };
	bool found = false;

	for (int i = 0; i < OCSP_resp_count(reading->basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(reading->basic, i);
		struct ocsp_answer *out = reading->out;
		enum err err;

		if (!is_about(reading, single))
			continue;
		out->next_update = 0;
		err = read_single(reading, single);
		if (err)
			return err;
		if (!found || out->status == OCSP_STATUS_REVOKED ||
		    (best.status != OCSP_STATUS_REVOKED && out->this_update > best.this_update))
			best = *out;
		found = true;
	}
	if (!found)
		return refuse(reading, ERR_NOT_FOUND, "the answer is not about this certificate");
	*reading->out = best;
	return ERR_OK;
}

/* An answer that says no end could be replayed for ever: it counts from thisUpdate, or from now when it is
 * certainly new. */
static enum err check_dates(struct reading *reading)
{
	struct ocsp_answer *out = reading->out;

	if (out->this_update > reading->now + OCSP_SKEW)
		return refuse(reading, ERR_RANGE, "thisUpdate of the answer lies in the future");
	if (out->next_update)
		out->until = out->next_update;
	else
		out->until = (out->has_nonce ? reading->now : out->this_update) + OCSP_WITHOUT_NEXT;
	if (out->until < reading->now)
		return refuse(reading, ERR_TIMEOUT, "the answer is over: nextUpdate has passed");
	return ERR_OK;
}

static enum err read_all(struct reading *reading, struct slice response)
{
	enum err err = decode(reading, response);

	if (!err)
		err = check_extensions(reading);
	if (!err)
		err = find_single(reading);
	if (!err)
		err = ocsp_check_signer(reading->basic, reading->issuer, reading->now, reading->out,
					reading->why);
	return err ? err : check_dates(reading);
}

enum err ocsp_read(struct slice response, const struct ocsp_question *question, int64_t now,
		   struct ocsp_answer *out, const char **why)
{
	struct reading reading = { .question = question, .now = now, .out = out, .why = why };
	enum err err;

	*out = (struct ocsp_answer){ 0 };
	*why = "";
	reading.serial = serial_of(question->serial);
	reading.issuer = x509_decode(question->issuer);
	if (!reading.serial)
		err = refuse(&reading, ERR_RANGE, "no serial that can be asked about");
	else if (!reading.issuer)
		err = refuse(&reading, ERR_FORMAT, "the issuer is no certificate");
	else
		err = read_all(&reading, response);
	if (err && err != ERR_TIMEOUT)
		*out = (struct ocsp_answer){ 0 };
	OCSP_BASICRESP_free(reading.basic);
	OCSP_RESPONSE_free(reading.response);
	ASN1_INTEGER_free(reading.serial);
	X509_free(reading.issuer);
	ERR_clear_error();
	return err;
}
