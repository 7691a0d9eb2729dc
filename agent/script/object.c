/* SPDX-License-Identifier: Apache-2.0 */
#include "script/object.h"

#include "base/buf.h"

struct object *object_new(struct arena *arena, enum object_type type)
{
	struct object *object = arena_take(arena, sizeof(*object));

	if (!object)
		return NULL;
	*object = (struct object){ .type = type };
	object->edits_tail = &object->edits;
	return object;
}

static inline void forget(struct object *object, struct slice name)
{
	struct edit **at = &object->edits;

	while (*at) {
		/* Mostly the same text, at the same place. */
		if ((*at)->name.len == name.len &&
		    ((*at)->name.ptr == name.ptr || slice_eq((*at)->name, name))) {
			object->edit_count--;
			object->del_size -= (*at)->removes ? (*at)->head : 0;
			object->set_size -= (*at)->adds ? (*at)->whole : 0;
			*at = (*at)->next;
		} else {
			at = &(*at)->next;
		}
	}
	object->edits_tail = at;
}

static size_t varstr_size(struct slice s)
{
	return (likely(s.len < 240) ? 1 : varint_size(s.len)) + s.len;
}

/* SPOP's string: its length, its bytes. There is room for it. */
static inline uint8_t *put_varstr(uint8_t *at, struct slice s)
{
	if (likely(s.len < 240))
		*at++ = (uint8_t)s.len;
	else
		at = varint_write(at, s.len);
	if (likely(s.len))
		memcpy(at, s.ptr, s.len);
	return at + s.len;
}

/* The pair is encoded once, behind its edit, where the value then stands too. */
static inline enum err add(struct object *object, struct arena *arena, struct slice name,
			   struct slice value, bool removes, bool adds)
{
	size_t head = varstr_size(name), whole = head + (adds ? varstr_size(value) : 0);
	struct edit *item;
	uint8_t *at;

	if (unlikely(object->edit_count == OBJECT_EDITS_MAX))
		return ERR_LIMIT;
	item = arena_take(arena, sizeof(*item) + whole);
	if (!item)
		return ERR_MEMORY;
	at = put_varstr((uint8_t *)(item + 1), name);
	item->next = NULL;
	item->name = name;
	item->value = adds ? slice_of(put_varstr(at, value) - value.len, value.len) : SLICE_EMPTY;
	item->removes = removes;
	item->adds = adds;
	item->head = head;
	item->whole = whole;
	object->del_size += removes ? head : 0;
	object->set_size += adds ? whole : 0;
	*object->edits_tail = item;
	object->edits_tail = &item->next;
	object->edit_count++;
	return ERR_OK;
}

enum err object_set(struct object *object, struct arena *arena, struct slice name,
		    struct slice value)
{
	forget(object, name);
	return add(object, arena, name, value, true, true);
}

enum err object_append(struct object *object, struct arena *arena, struct slice name,
		       struct slice value)
{
	return add(object, arena, name, value, false, true);
}

enum err object_delete(struct object *object, struct arena *arena, struct slice name)
{
	forget(object, name);
	return add(object, arena, name, SLICE_EMPTY, true, false);
}

enum err object_take_edits(struct object *object, const struct object *from, struct arena *arena)
{
	enum err err = ERR_OK;

	for (const struct edit *edit = from->edits; edit && !err; edit = edit->next)
		err = add(object, arena, edit->name, edit->value, edit->removes, edit->adds);
	return err;
}

bool object_removes(const struct object *object, struct slice name)
{
	for (const struct edit *edit = object->edits; edit; edit = edit->next)
		if (edit->removes && slice_eq(edit->name, name))
			return true;
	return false;
}

struct slice object_value(const struct object *object, struct slice name)
{
	for (const struct edit *edit = object->edits; edit; edit = edit->next)
		if (edit->adds && slice_eq(edit->name, name))
			return edit->value;
	return SLICE_EMPTY;
}

static uint8_t *copy(uint8_t *at, const struct edit *edit, size_t len)
{
	memcpy(at, edit + 1, len);
	return at + len;
}

HOT enum err object_blocks(const struct object *object, struct arena *arena, struct slice *del,
			   struct slice *set)
{
	uint8_t *del_at, *set_at;

	*del = SLICE_EMPTY;
	*set = SLICE_EMPTY;
	if (unlikely(!object->edits))
		return ERR_OK;
	del_at = arena_take(arena, object->del_size + object->set_size);
	if (!del_at)
		return ERR_MEMORY;
	set_at = del_at + object->del_size;
	*del = slice_of(del_at, object->del_size);
	*set = slice_of(set_at, object->set_size);
	for (const struct edit *edit = object->edits; edit; edit = edit->next) {
		if (likely(edit->removes))
			del_at = copy(del_at, edit, edit->head);
		if (likely(edit->adds))
			set_at = copy(set_at, edit, edit->whole);
	}
	return ERR_OK;
}
