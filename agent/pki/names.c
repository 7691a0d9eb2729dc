/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/names.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "pki/x509.h"

struct name {
	uint32_t hash;
	X509_NAME *x509; /* its canonical form is made when it is decoded: comparing only reads */
};

struct names {
	struct name *items;
	size_t count;
};

struct names *names_new(void)
{
	return mem_new(sizeof(struct names));
}

void names_free(struct names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < names->count; i++)
		X509_NAME_free(names->items[i].x509);
	free(names->items);
	free(names);
}

static X509_NAME *decode(struct slice der)
{
	const unsigned char *at = der.ptr;
	X509_NAME *name = der.len && der.len <= X509_DER_MAX ? d2i_X509_NAME(NULL, &at, (long)der.len) : NULL;

	if (name && at != der.ptr + der.len) {
		X509_NAME_free(name);
		name = NULL;
	}
	ERR_clear_error();
	return name;
}

static bool find(const struct names *names, const X509_NAME *name, uint32_t hash, size_t *number)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i].hash == hash && X509_NAME_cmp(names->items[i].x509, name) == 0) {
			*number = i;
			return true;
		}
	return false;
}

enum err names_add(struct names *names, struct slice der, size_t *number)
{
	X509_NAME *name = decode(der);
	uint32_t hash;

	if (!name)
		return ERR_FORMAT;
	hash = x509_name_hash(name);
	if (find(names, name, hash, number)) {
		X509_NAME_free(name);
		return ERR_OK;
	}
	if (names->count == NAMES_MAX) {
		X509_NAME_free(name);
		return ERR_LIMIT;
	}
	names->items = mem_grow(names->items, (names->count + 1) * sizeof(*names->items));
	*number = names->count++;
	names->items[*number] = (struct name){ hash, name };
	return ERR_OK;
}

bool names_find(const struct names *names, struct slice der, size_t *number)
{
	X509_NAME *name = names->count ? decode(der) : NULL;
	bool found = name && find(names, name, x509_name_hash(name), number);

	X509_NAME_free(name);
	return found;
}

size_t names_count(const struct names *names)
{
	return names->count;
}
