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

static void forget(struct object *object, struct slice name)
{
	struct edit **at = &object->edits;

	while (*at) {
		if (slice_eq((*at)->name, name)) {
			*at = (*at)->next;
			object->edit_count--;
		} else {
			at = &(*at)->next;
		}
	}
	object->edits_tail = at;
}

static size_t varstr_size(struct slice s)
{
	return varint_size(s.len) + s.len;
}

/* The pair is encoded once, behind its edit, where the value then stands too. */
static enum err add(struct object *object, struct arena *arena, struct edit edit)
{
	struct edit *item;
	struct buf b;

	if (object->edit_count == OBJECT_EDITS_MAX)
		return ERR_LIMIT;
	edit.head = varstr_size(edit.name);
	edit.whole = edit.head + (edit.adds ? varstr_size(edit.value) : 0);
	item = arena_take(arena, sizeof(*item) + edit.whole);
	if (!item)
		return ERR_MEMORY;
	b = buf_fixed(item + 1, edit.whole);
	buf_varstr(&b, edit.name);
	if (edit.adds) {
		buf_varstr(&b, edit.value);
		edit.value.ptr = b.ptr + edit.whole - edit.value.len;
	}
	*item = edit;
	item->next = NULL;
	*object->edits_tail = item;
	object->edits_tail = &item->next;
	object->edit_count++;
	return ERR_OK;
}

enum err object_set(struct object *object, struct arena *arena, struct slice name,
		    struct slice value)
{
	forget(object, name);
	return add(object, arena, (struct edit){ .name = name, .value = value,
						 .removes = true, .adds = true });
}

enum err object_append(struct object *object, struct arena *arena, struct slice name,
		       struct slice value)
{
	return add(object, arena, (struct edit){ .name = name, .value = value, .adds = true });
}

enum err object_delete(struct object *object, struct arena *arena, struct slice name)
{
	forget(object, name);
	return add(object, arena, (struct edit){ .name = name, .removes = true });
}

enum err object_take_edits(struct object *object, const struct object *from, struct arena *arena)
{
	enum err err = ERR_OK;

	for (const struct edit *edit = from->edits; edit && !err; edit = edit->next)
		err = add(object, arena, *edit);
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

enum err object_blocks(const struct object *object, struct arena *arena, struct slice *del,
		       struct slice *set)
{
	size_t del_size = 0, set_size = 0;
	uint8_t *del_at, *set_at;

	*del = *set = SLICE_EMPTY;
	if (!object->edits)
		return ERR_OK;
	for (const struct edit *edit = object->edits; edit; edit = edit->next) {
		del_size += edit->removes ? edit->head : 0;
		set_size += edit->adds ? edit->whole : 0;
	}
	del_at = arena_take(arena, del_size + set_size);
	if (!del_at)
		return ERR_MEMORY;
	set_at = del_at + del_size;
	*del = slice_of(del_at, del_size);
	*set = slice_of(set_at, set_size);
	for (const struct edit *edit = object->edits; edit; edit = edit->next) {
		if (edit->removes)
			del_at = copy(del_at, edit, edit->head);
		if (edit->adds)
			set_at = copy(set_at, edit, edit->whole);
	}
	return ERR_OK;
}
