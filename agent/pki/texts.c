/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/texts.h"

#include <stdlib.h>

#include "base/mem.h"

void texts_view(struct texts *texts, struct slice *field, size_t at, size_t len)
{
	if (texts->count == texts->room) {
		texts->room = texts->room ? texts->room * 2 : 32;
		texts->marks = mem_grow(texts->marks, texts->room * sizeof(*texts->marks));
	}
	texts->marks[texts->count++] = (struct texts_mark){ field, at, len };
}

void texts_open(struct texts *texts, struct slice *field)
{
	texts_view(texts, field, texts->bytes.len, 0);
}

void texts_close(struct texts *texts)
{
	struct texts_mark *mark = &texts->marks[texts->count - 1];

	mark->len = texts->bytes.len - mark->at;
}

void texts_put(struct texts *texts, struct slice *field, struct slice text)
{
	texts_open(texts, field);
	buf_put(&texts->bytes, text);
	texts_close(texts);
}

uint8_t *texts_place(struct texts *texts)
{
	uint8_t *storage = (uint8_t *)mem_dup(buf_slice(&texts->bytes));

	for (size_t i = 0; i < texts->count; i++) {
		const struct texts_mark *mark = &texts->marks[i];

		*mark->field = mark->len ? slice_of(storage + mark->at, mark->len) : SLICE_EMPTY;
	}
	texts_fini(texts);
	return storage;
}

void texts_fini(struct texts *texts)
{
	buf_fini(&texts->bytes);
	free(texts->marks);
	*texts = (struct texts){ .bytes = buf_capped(0) };
}
