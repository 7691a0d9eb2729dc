/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/trust_store.h"

#include <stdlib.h>

#include <openssl/x509.h>

#include "base/mem.h"

void memory_init(struct memory *memory)
{
	pthread_mutex_init(&memory->lock, NULL);
}

static struct memory_item *item_at(const struct memory *memory, size_t i)
{
	return &memory->items[(memory->first + i) % TRUST_MEMORY_CERTS];
}

static void drop_oldest(struct memory *memory)
{
	struct memory_item *item = item_at(memory, 0);

	X509_free(item->x509);
	item->x509 = NULL;
	memory->bytes -= item->bytes;
	memory->first = (memory->first + 1) % TRUST_MEMORY_CERTS;
	memory->count--;
}

void memory_fini(struct memory *memory)
{
	while (memory->count)
		drop_oldest(memory);
	free(memory->items);
	memory->items = NULL;
	pthread_mutex_destroy(&memory->lock);
}

static bool knows(const struct memory *memory, const struct x509_st *x509, uint32_t subject_hash)
{
	for (size_t i = 0; i < memory->count; i++) {
		const struct memory_item *item = item_at(memory, i);

		if (item->subject_hash == subject_hash && X509_cmp(item->x509, x509) == 0)
			return true;
	}
	return false;
}

static void add(struct memory *memory, struct x509_st *x509, uint32_t subject_hash, size_t bytes)
{
	while (memory->count &&
	       (memory->count == TRUST_MEMORY_CERTS || memory->bytes + bytes > TRUST_MEMORY_BYTES))
		drop_oldest(memory);
	if (!memory->items)
		memory->items = mem_array(TRUST_MEMORY_CERTS, sizeof(*memory->items));
	if (!X509_up_ref(x509))
		return;
	*item_at(memory, memory->count++) = (struct memory_item){ x509, subject_hash, bytes };
	memory->bytes += bytes;
	atomic_store(&memory->seen, memory->count);
	atomic_fetch_add(&memory->number, 1);
}

void memory_put(struct memory *memory, struct x509_st *x509, uint32_t subject_hash, size_t bytes)
{
	pthread_mutex_lock(&memory->lock);
	if (!knows(memory, x509, subject_hash))
		add(memory, x509, subject_hash, bytes);
	pthread_mutex_unlock(&memory->lock);
}

size_t memory_get(struct memory *memory, uint32_t subject_hash, struct x509_st **out, size_t max)
{
	size_t found = 0;

	if (atomic_load(&memory->seen) == 0)
		return 0;
	pthread_mutex_lock(&memory->lock);
	for (size_t i = memory->count; i-- > 0 && found < max;) {
		const struct memory_item *item = item_at(memory, i);

		if (item->subject_hash == subject_hash && X509_up_ref(item->x509))
			out[found++] = item->x509;
	}
	pthread_mutex_unlock(&memory->lock);
	return found;
}

bool memory_has(struct memory *memory, uint32_t subject_hash)
{
	bool found = false;

	if (atomic_load(&memory->seen) == 0)
		return false;
	pthread_mutex_lock(&memory->lock);
	for (size_t i = 0; i < memory->count && !found; i++)
		found = item_at(memory, i)->subject_hash == subject_hash;
	pthread_mutex_unlock(&memory->lock);
	return found;
}

/* Oldest first, so that the order of leaving stays; one lock at a time, so that no two can cross. */
void trust_inherit(struct trust *trust, struct trust *before)
{
	struct memory_item items[TRUST_MEMORY_CERTS];
	size_t count = 0;

	pthread_mutex_lock(&before->memory.lock);
	for (size_t i = 0; i < before->memory.count; i++) {
		items[count] = *item_at(&before->memory, i);
		count += X509_up_ref(items[count].x509) == 1;
	}
	pthread_mutex_unlock(&before->memory.lock);
	for (size_t i = 0; i < count; i++) {
		memory_put(&trust->memory, items[i].x509, items[i].subject_hash, items[i].bytes);
		X509_free(items[i].x509);
	}
}

uint64_t trust_memory(const struct trust *trust)
{
	return atomic_load(&trust->memory.number);
}
