/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BENCH_MIX_H
#define MTLSGUARD_BENCH_MIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * The requests that a load is made of, read from a file with a line each:
 *
 *     EXPECT HOST METHOD PATH CERT [CHAIN]
 *
 * EXPECT is "allow", "respond", or "deny", the latter perhaps with the reason
 * ("deny:certificate_required"); CERT and CHAIN are DER files, relative to the
 * mix file, CERT "-" for none. Lines that start with '#' say nothing.
 */
struct mix_item {
	char verdict[12];
	char reason[40];  /* empty: any */
	uint8_t *frame;	  /* the request, as its form has it */
	size_t len;
	size_t id_at;	  /* where the 16 hex digits of the unique id stand */
};

struct mix {
	struct mix_item *items;
	size_t count;
};

/* Where every NOTIFY holds its two-octet stream and frame numbers. */
#define MIX_STREAM_AT 9
#define MIX_FRAME_AT 11
/* Numbers that take exactly two octets as varint. */
#define MIX_NUMBER_MIN 240
#define MIX_NUMBER_COUNT 2048

/* What one line asks for. */
struct mix_line {
	const char *host, *method, *path;
	struct slice cert, chain; /* DER, or empty */
};

/* Appends the request of a line to out, and says in item where its id stands. */
typedef void mix_form(struct mix_item *item, const struct mix_line *line, struct buf *out);

/* A whole NOTIFY with every argument of the shipped message. */
mix_form mix_spop;

/* Ends the process with a message when the file can't be used. */
struct mix mix_read(const char *path, mix_form *form);

/* Writes a NOTIFY to `to` (len bytes), numbered, with a unique id of its own. */
void mix_stamp(const struct mix_item *item, uint8_t *to, unsigned stream, unsigned frame,
	       uint64_t id);

/* Reads a number back; MIX_NUMBER_COUNT when it is none that mix_stamp writes. */
unsigned mix_number(const uint8_t *at);

/*
 * Whether an ACK's payload (its actions) says what the item expects; false for
 * rubbish too. *why gets a short text when it does not.
 */
bool mix_answer_right(const struct mix_item *item, struct slice actions, const char **why);

#endif
