/* SPDX-License-Identifier: Apache-2.0 */
#include "script/atom.h"

static void add(struct atoms *atoms, lua_State *L, const char *text, enum atom atom)
{
	const void *name;
	uintptr_t at;
	size_t i;

	lua_pushstring(L, text);
	name = lua_topointer(L, -1);
	at = (uintptr_t)name;
	i = (at >> 4 ^ at >> 12) % ATOM_SLOTS;
	lua_rawseti(L, -2, (lua_Integer)atom);
	while (atoms->slots[i].name)
		i = (i + 1) % ATOM_SLOTS;
	atoms->slots[i].name = name;
	atoms->slots[i].atom = atom;
}

void atoms_init(struct atoms *atoms, lua_State *L)
{
	static const char *const names[] = {
#define ATOM_NAME(name) [ATOM_##name] = #name,
		ATOM_LIST(ATOM_NAME)
#undef ATOM_NAME
	};

	_Static_assert(ATOM_COUNT < ATOM_SLOTS / 2, "room for every name, half of it free");
	lua_createtable(L, ATOM_COUNT, 0);
	for (enum atom atom = ATOM_NONE + 1; atom < ATOM_FACT; atom++)
		add(atoms, L, names[atom], atom);
	for (enum fact fact = 0; fact < FACT_COUNT; fact++)
		add(atoms, L, fact_info(fact)->property, ATOM_FACT + fact);
	lua_rawsetp(L, LUA_REGISTRYINDEX, atoms);
}
