/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_TEXTS_H
#define MTLSGUARD_PKI_TEXTS_H

#include "base/buf.h"
#include "base/slice.h"

/*
 * Many texts in one piece of storage: they are written one after the other,
 * and the slices that view them are set when the storage has its last place.
 */
struct texts_mark {
	struct slice *field;
	size_t at, len;
};

struct texts {
	struct buf bytes;
	struct texts_mark *marks;
	size_t count, room;
};

/* What is written to bytes from here until texts_close is the text of *field. */
void texts_open(struct texts *texts, struct slice *field);
void texts_close(struct texts *texts);

/* The whole of a text at once. */
void texts_put(struct texts *texts, struct slice *field, struct slice text);

/* *field views `len` bytes that were written already, from offset `at` of bytes. */
void texts_view(struct texts *texts, struct slice *field, size_t at, size_t len);

/* Sets every field to its place in one allocation, which the caller frees; texts is empty afterwards. */
uint8_t *texts_place(struct texts *texts);

/* Forgets everything; no field was set. */
void texts_fini(struct texts *texts);

#endif
