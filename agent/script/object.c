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

static enum err add(struct object *object, struct arena *arena, struct edit edit)
{
	struct edit *item;
	uint8_t *bytes;

	if (object->edit_count == OBJECT_EDITS_MAX)
		return ERR_LIMIT;
	item = arena_take(arena, sizeof(*item) + edit.value.len);
	if (!item)
		return ERR_MEMORY;
	bytes = (uint8_t *)(item + 1);
	if (edit.value.len)
		memcpy(bytes, edit.value.ptr, edit.value.len);
	edit.value.ptr = bytes;
	*item = edit;
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

static size_t varstr_size(struct slice s)
{
	return varint_size(s.len) + s.len;
}

enum err object_blocks(const struct object *object, struct arena *arena, struct slice *del,
		       struct slice *set)
{
	size_t del_size = 0, set_size = 0;
	struct buf del_buf, set_buf;
	uint8_t *room;

	*del = *set = SLICE_EMPTY;
	if (!object->edits)
		return ERR_OK;
	for (const struct edit *edit = object->edits; edit; edit = edit->next) {
		del_size += edit->removes ? varstr_size(edit->name) : 0;
		set_size += edit->adds ? varstr_size(edit->name) + varstr_size(edit->value) : 0;
	}
	room = arena_take(arena, del_size + set_size);
	if (!room)
		return ERR_MEMORY;
	del_buf = buf_fixed(room, del_size);
	set_buf = buf_fixed(room + del_size, set_size);
	for (const struct edit *edit = object->edits; edit; edit = edit->next) {
		if (edit->removes)
			buf_varstr(&del_buf, edit->name);
		if (edit->adds) {
			buf_varstr(&set_buf, edit->name);
			buf_varstr(&set_buf, edit->value);
		}
	}
	*del = buf_slice(&del_buf);
	*set = buf_slice(&set_buf);
	return ERR_OK;
}
