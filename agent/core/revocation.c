/* SPDX-License-Identifier: Apache-2.0 */
#include "core/revocation.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

/* A source is copied once; states share it. */
struct shared_source {
	_Atomic unsigned refs;
	struct revocation_source said;
};

struct authority {
	_Atomic unsigned refs;
	char *name;
	struct shared_source **sources;
	size_t count;
};

struct revocation {
	_Atomic unsigned refs;
	uint64_t number;
	struct authority **authorities; /* in the order of their names */
	size_t count;
};

static atomic_uint_fast64_t last_number;

const char *source_kind_name(enum source_kind kind)
{
	static const char *const names[] = { "file", "url", "point", "deny" };

	return names[kind];
}

static struct shared_source *source_copy(const struct revocation_source *source)
{
	struct shared_source *copy = mem_new(sizeof(*copy));
	struct revocation_source *said = &copy->said;
	struct source_list *lists = mem_array(source->list_count, sizeof(*lists));

	atomic_init(&copy->refs, 1);
	*said = *source;
	said->name = mem_dup(slice_str(source->name));
	said->error = source->error ? mem_dup(slice_str(source->error)) : NULL;
	said->deny = deny_ref(source->deny);
	for (size_t i = 0; i < source->list_count; i++) {
		lists[i] = source->lists[i];
		lists[i].list = revlist_ref(source->lists[i].list);
		lists[i].issuer = slice_of(mem_dup(source->lists[i].issuer), source->lists[i].issuer.len);
	}
	said->lists = lists;
	return copy;
}

static void source_unref(struct shared_source *source)
{
	struct revocation_source *said = &source->said;

	if (atomic_fetch_sub(&source->refs, 1) != 1)
		return;
	for (size_t i = 0; i < said->list_count; i++) {
		revlist_unref(said->lists[i].list);
		free((void *)(uintptr_t)said->lists[i].issuer.ptr);
	}
	free((void *)(uintptr_t)said->lists);
	free((void *)(uintptr_t)said->name);
	free((void *)(uintptr_t)said->error);
	deny_free(said->deny);
	free(source);
}

static void authority_unref(struct authority *authority)
{
	if (atomic_fetch_sub(&authority->refs, 1) != 1)
		return;
	for (size_t i = 0; i < authority->count; i++)
		source_unref(authority->sources[i]);
	free(authority->sources);
	free(authority->name);
	free(authority);
}

static struct authority *authority_new(const char *name)
{
	struct authority *authority = mem_new(sizeof(*authority));

	atomic_init(&authority->refs, 1);
	authority->name = mem_dup(slice_str(name));
	return authority;
}

static struct authority *authority_copy(const struct authority *before)
{
	struct authority *copy = authority_new(before->name);

	copy->sources = mem_array(before->count, sizeof(*copy->sources));
	copy->count = before->count;
	for (size_t i = 0; i < before->count; i++) {
		copy->sources[i] = before->sources[i];
		atomic_fetch_add_explicit(&copy->sources[i]->refs, 1, memory_order_relaxed);
	}
	return copy;
}

/* The place of the authority, or where it would stand. */
static size_t place_of(const struct revocation *state, const char *name, bool *found)
{
	size_t low = 0, high = state->count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(state->authorities[middle]->name, name);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct authority *find(const struct revocation *state, const char *name)
{
	bool found;
	size_t i = place_of(state, name, &found);

	return found ? state->authorities[i] : NULL;
}

/* The authority as one that only this state has, made when it is new. */
static struct authority *own(struct revocation *next, const char *name)
{
	bool found;
	size_t i = place_of(next, name, &found);
	struct authority *copy;

	if (found && atomic_load(&next->authorities[i]->refs) == 1)
		return next->authorities[i];
	if (found) {
		copy = authority_copy(next->authorities[i]);
		authority_unref(next->authorities[i]);
	} else {
		copy = authority_new(name);
		next->authorities = mem_grow(next->authorities,
					     (next->count + 1) * sizeof(*next->authorities));
		memmove(next->authorities + i + 1, next->authorities + i,
			(next->count - i) * sizeof(*next->authorities));
		next->count++;
	}
	next->authorities[i] = copy;
	return copy;
}

static size_t source_place(const struct authority *authority, enum source_kind kind, const char *name)
{
	size_t i = 0;

	while (i < authority->count && (authority->sources[i]->said.kind != kind ||
					strcmp(authority->sources[i]->said.name, name) != 0))
		i++;
	return i;
}

struct revocation *revocation_new(void)
{
	struct revocation *state = mem_new(sizeof(*state));

	atomic_init(&state->refs, 1);
	state->number = atomic_fetch_add(&last_number, 1) + 1;
	return state;
}

struct revocation *revocation_next(const struct revocation *before)
{
	struct revocation *next = revocation_new();

	next->authorities = mem_array(before->count, sizeof(*next->authorities));
	next->count = before->count;
	for (size_t i = 0; i < before->count; i++) {
		next->authorities[i] = before->authorities[i];
		atomic_fetch_add_explicit(&next->authorities[i]->refs, 1, memory_order_relaxed);
	}
	return next;
}

void revocation_put(struct revocation *next, const char *authority,
		    const struct revocation_source *source)
{
	/* Copied first: it may be a view into what is replaced. */
	struct shared_source *copy = source_copy(source);
	struct authority *mine;
	size_t i;

	assert(atomic_load(&next->refs) == 1);
	mine = own(next, authority);
	i = source_place(mine, source->kind, source->name);
	if (i == mine->count) {
		mine->sources = mem_grow(mine->sources, (mine->count + 1) * sizeof(*mine->sources));
		mine->count++;
	} else {
		source_unref(mine->sources[i]);
	}
	mine->sources[i] = copy;
}

void revocation_drop(struct revocation *next, const char *authority, enum source_kind kind,
		     const char *name)
{
	const struct authority *present = find(next, authority);
	struct authority *mine;
	size_t i;

	assert(atomic_load(&next->refs) == 1);
	if (!present || source_place(present, kind, name) == present->count)
		return;
	mine = own(next, authority);
	i = source_place(mine, kind, name);
	source_unref(mine->sources[i]);
	mine->count--;
	memmove(mine->sources + i, mine->sources + i + 1, (mine->count - i) * sizeof(*mine->sources));
}

void revocation_retain(struct revocation *next, bool (*keep)(void *arg, const char *authority),
		       void *arg)
{
	size_t kept = 0;

	assert(atomic_load(&next->refs) == 1);
	for (size_t i = 0; i < next->count; i++) {
		if (keep(arg, next->authorities[i]->name))
			next->authorities[kept++] = next->authorities[i];
		else
			authority_unref(next->authorities[i]);
	}
	next->count = kept;
}

struct revocation *revocation_ref(struct revocation *state)
{
	atomic_fetch_add_explicit(&state->refs, 1, memory_order_relaxed);
	return state;
}

void revocation_unref(struct revocation *state)
{
	if (!state || atomic_fetch_sub(&state->refs, 1) != 1)
		return;
	for (size_t i = 0; i < state->count; i++)
		authority_unref(state->authorities[i]);
	free(state->authorities);
	free(state);
}

bool revocation_is_last(const struct revocation *state)
{
	return atomic_load(&state->refs) == 1;
}

uint64_t revocation_number(const struct revocation *state)
{
	return state->number;
}

const char *revocation_authority(const struct revocation *state, size_t i)
{
	return i < state->count ? state->authorities[i]->name : NULL;
}

const struct revocation_source *revocation_source(const struct revocation *state,
						  const char *authority, size_t i)
{
	const struct authority *known = find(state, authority);

	return known && i < known->count ? &known->sources[i]->said : NULL;
}

const struct revocation_source *revocation_find(const struct revocation *state,
						const char *authority, enum source_kind kind,
						const char *name)
{
	const struct authority *known = find(state, authority);
	size_t i = known ? source_place(known, kind, name) : 0;

	return known && i < known->count ? &known->sources[i]->said : NULL;
}
