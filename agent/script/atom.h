/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_ATOM_H
#define MTLSGUARD_SCRIPT_ATOM_H

#include <lua.h>

#include "core/facts.h"

/*
 * The names that scripts read on our objects, as numbers. Lua keeps one copy of
 * each short string, so a name is found by its address; the registry holds
 * the strings, lest an address be used again.
 */
#define ATOM_LIST(X)                                                                               \
	X(method) X(url) X(headers) X(cf) X(tls) X(args) X(tlsClientAuth) X(tlsVersion)            \
	X(tlsCipher) X(httpProtocol) X(get) X(set) X(append) X(delete) X(has) X(status) X(ok)      \
	X(body) X(waitUntil) X(passThroughOnException) X(san) X(spiffe_id) X(eku) X(spki_sha256)   \
	X(key_type) X(key_bits) X(not_before) X(not_after) X(verify_error) X(reason) X(authority)  \
	X(revocation)

enum atom {
	ATOM_NONE = 0,
#define ATOM_ENUM(name) ATOM_##name,
	ATOM_LIST(ATOM_ENUM)
#undef ATOM_ENUM
	ATOM_FACT, /* + enum fact */
	ATOM_COUNT = ATOM_FACT + FACT_COUNT
};

#define ATOM_SLOTS 256

struct atoms {
	struct {
		const void *name;
		enum atom atom;
	} slots[ATOM_SLOTS];
};

/* Interns the names; may raise. */
void atoms_init(struct atoms *atoms, lua_State *L);

/* The number of a name, by the address that lua_topointer gives; ATOM_NONE for others, NULL too. */
static inline enum atom atom_of(const struct atoms *atoms, const void *name)
{
	uintptr_t at = (uintptr_t)name;
	size_t i = (at >> 4 ^ at >> 12) % ATOM_SLOTS;

	while (unlikely(atoms->slots[i].name != name) && atoms->slots[i].name)
		i = (i + 1) % ATOM_SLOTS;
	return atoms->slots[i].atom;
}

#endif
