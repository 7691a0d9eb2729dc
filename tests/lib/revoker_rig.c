/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/revoker_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/io.h"
#include "lib/trusts.h"
#include "pki/x509.h"

static void on_state(void *arg, struct revocation *state)
{
	struct rig *rig = arg;

	revocation_unref(rig->state);
	rig->state = revocation_ref(state);
	rig->states++;
}

void rig_start(struct rig *rig)
{
	rig->revoker = revoker_new(rig->state_folder);
	assert_non_null(rig->revoker);
	rig->port = revoker_port_new(rig->revoker, rig->loop, on_state, rig);
	assert_non_null(rig->state);
}

void rig_stop(struct rig *rig)
{
	revoker_port_free(rig->port);
	revoker_free(rig->revoker);
	revocation_unref(rig->state);
	rig->state = NULL;
	rig->port = NULL;
	rig->revoker = NULL;
}

int revoker_rig_set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	io_mkdir(rig->folder);
	snprintf(rig->state_folder, sizeof(rig->state_folder), "%s/state", rig->folder);
	snprintf(rig->served, sizeof(rig->served), "%s/served", rig->folder);
	mkdir(rig->state_folder, 0700);
	mkdir(rig->served, 0700);
	server_start(&rig->server, rig->served);
	rig->loop = loop_new();
	rig->ca = certs_ca("/CN=Lists", NULL);
	rig->other = certs_ca("/CN=Other", NULL);
	rig->trust = trusts_one(rig->ca);
	rig->now = clock_wall_s();
	assert_true(x509_issuer_key(rig->ca->x509, rig->ca_key));
	sem_init(&rig->looked, 0, 0);
	rig_start(rig);
	*state = rig;
	return 0;
}

int revoker_rig_tear_down(void **state)
{
	struct rig *rig = *state;

	rig_stop(rig);
	loop_free(rig->loop);
	server_stop(&rig->server);
	trust_unref(rig->trust);
	certs_free(rig->ca);
	certs_free(rig->other);
	io_rmdir(rig->folder);
	sem_destroy(&rig->looked);
	free(rig);
	return 0;
}

void put_file(const char *folder, const char *name, struct slice bytes)
{
	char draft[256], path[256];
	FILE *file;

	snprintf(draft, sizeof(draft), "%s/.draft", folder);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(draft, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	fclose(file);
	assert_int_equal(rename(draft, path), 0);
}

void put_list(struct rig *rig, const char *folder, const char *name, struct list_spec spec)
{
	const struct crls_entry entries[] = { { .serial = spec.serial ? spec.serial : "01", .reason = (int)spec.reason },
					      { 0 } };
	const char *const extensions[] = { spec.freshest, NULL };
	struct slice der = crls_make(&(struct crls_spec){
		.issuer = spec.issuer ? spec.issuer : rig->ca, .signer = spec.signer, .number = spec.number,
		.base = spec.base, .entries = entries, .extensions = extensions,
		.bad_signature = spec.bad_signature, .digest = spec.digest,
		.this_update = spec.this_update ? spec.this_update : rig->now - 10,
		.next_update = spec.next_update ? spec.next_update : rig->now + 3600 });

	put_file(folder, name, der);
	free((void *)(uintptr_t)der.ptr);
}

void on_configured(void *arg)
{
	atomic_store((_Atomic bool *)arg, true);
}

bool is_told(void *arg)
{
	return atomic_load((_Atomic bool *)arg);
}

void configure_with(struct rig *rig, const char *list, bool points, bool public_only)
{
	const char *lists[] = { list };
	struct revoker_authority authority = { .name = "a", .trust = rig->trust, .lists = lists,
					       .list_count = list ? 1 : 0, .distribution_points = points,
					       .ocsp = true, .public_only = public_only };
	_Atomic bool told = false;

	revoker_configure(rig->revoker, &authority, 1, on_configured, &told);
	assert_true(io_until(rig->loop, is_told, &told, 5000));
}

/* While this waits, the revoker finds out nothing. */
static void on_done(void *arg)
{
	struct rig *rig = arg;

	atomic_store(&rig->told, true);
	while (sem_wait(&rig->looked))
		;
}

bool revokes_once_configured(const struct revoker_authority *authority, struct expectation *want)
{
	struct rig *rig = want->rig;
	bool met, told;

	atomic_store(&rig->told, false);
	revoker_configure(rig->revoker, authority, 1, on_done, rig);
	told = io_until(rig->loop, is_told, &rig->told, 5000);
	met = is_revoked(want);
	sem_post(&rig->looked);
	return told && met;
}

const struct revocation_source *source(struct rig *rig, enum source_kind kind, const char *name)
{
	return revocation_find(rig->state, "a", kind, name);
}

bool revokes(struct rig *rig, enum source_kind kind, const char *name, const char *serial)
{
	const struct revocation_source *said = source(rig, kind, name);
	const struct revlist_subject subject = { .issuer_key = rig->ca_key };
	struct revlist_hit hit;

	for (size_t i = 0; said && i < said->list_count; i++)
		if (said->lists[i].verified &&
		    revlist_find(said->lists[i].list, &subject, slice_str(serial), &hit) &&
		    hit.reason != CRL_REASON_REMOVE_FROM_CRL)
			return true;
	return false;
}

bool is_revoked(void *arg)
{
	struct expectation *want = arg;

	return revokes(want->rig, want->kind, want->name, want->serial);
}

bool has_failed(void *arg)
{
	struct expectation *want = arg;
	const struct revocation_source *said = source(want->rig, want->kind, want->name);

	return said && said->error && strstr(said->error, want->error);
}

const char *path_of(const struct rig *rig, const char *name)
{
	static char texts[4][256];
	static unsigned turn;
	char *text = texts[turn++ % 4];

	snprintf(text, sizeof(texts[0]), "%s/%s", rig->folder, name);
	return text;
}

void on_waited(struct revocation_wait *wait)
{
	((struct waiting *)wait->arg)->done++;
}

bool has_waited(void *arg)
{
	return ((struct waiting *)arg)->done > 0;
}

void ask(struct rig *rig, struct waiting *waiting, const struct revocation_question *question)
{
	*waiting = (struct waiting){ .wait = { .questions = question, .count = 1, .on_done = on_waited,
					       .deadline_ns = clock_mono_ns() + INT64_C(4000000000), .arg = waiting } };
	assert_true(revoker_ops.ask(rig->port, &waiting->wait));
}
