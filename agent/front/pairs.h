/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_PAIRS_H
#define MTLSGUARD_FRONT_PAIRS_H

#include "base/arena.h"
#include "core/verdict.h"

#define PAIRS_MAX 400u
#define PAIRS_SLOTS 512u

/* A header to set, with all values that it is set to. */
struct pair {
	struct slice name, value;
	uint16_t next; /* a further value of this name, 0: none */
	uint16_t tail; /* the last of them */
	bool further;  /* it is one */
	bool deleted;  /* the client's own is to go */
};

/* Headers to set, found by name; number 0 is nobody's, the others are in the order added. */
struct pairs {
	unsigned count;
	uint16_t slots[PAIRS_SLOTS];
	struct pair items[PAIRS_MAX + 1];
};

/* None yet. */
void pairs_init(struct pairs *pairs);

/* ERR_LIMIT when there is no room left. */
enum err pairs_add(struct pairs *pairs, struct slice name, struct slice value) MUST_USE;

/* The number of the first pair of that name, any case; 0: there is none. */
uint16_t pairs_find(const struct pairs *pairs, struct slice name);

/* What stands between values of one name: Cookie has its own (RFC 9113 8.2.3). */
struct slice pairs_separator(struct slice name);

/* All values of one name as one. ERR_MEMORY. */
enum err pairs_join(const struct pairs *pairs, const struct pair *first, struct arena *arena,
		    struct slice *out) MUST_USE;

#endif
