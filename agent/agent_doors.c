/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/stream.h"

#define TELL_NS INT64_C(1000000000)

const char *door_kind(const struct door *door)
{
	static const char *const names[LISTEN_KIND_COUNT] = { "spop", "grpc", "http", "admin", "control" };

	return names[door->spec.kind];
}

unsigned agent_connections(const struct agent *agent)
{
	unsigned total = 0;

	for (size_t i = 0; i < agent->worker_count; i++)
		total += worker_connections(agent->workers[i]);
	return total;
}

static unsigned connections_max(const struct agent *agent)
{
	return snapshot_config(agent->snapshot)->limits.connections;
}

/* Those whose connections go to the request loops, and are counted. */
static bool is_for_loops(enum listen_kind kind)
{
	return kind == LISTEN_SPOP || kind == LISTEN_GRPC || kind == LISTEN_HTTP;
}

static void pause_loops(struct agent *agent, bool paused)
{
	struct door *door;

	agent->paused = paused;
	DL_FOREACH(agent->doors, door)
		if (is_for_loops(door->spec.kind))
			listener_pause(door->listener, paused);
}

void doors_room(struct agent *agent)
{
	if (agent->paused && agent_connections(agent) < connections_max(agent)) {
		pause_loops(agent, false);
		return;
	}
	if (!agent->paused)
		return;
	for (size_t i = 0; i < agent->worker_count; i++)
		worker_tell_room(agent->workers[i]);
	/* Some may have gone between the count and the asking. */
	if (agent_connections(agent) < connections_max(agent))
		pause_loops(agent, false);
}

static struct worker *least_busy(const struct agent *agent)
{
	struct worker *best = agent->workers[0];

	for (size_t i = 1; i < agent->worker_count; i++)
		if (worker_connections(agent->workers[i]) < worker_connections(best))
			best = agent->workers[i];
	return best;
}

static bool in_network(const struct listen_network *network, const struct peer *peer)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	const uint8_t *address = peer->address;
	bool v6 = peer->v6;
	unsigned whole = network->prefix / 8, bits = network->prefix % 8;

	/* A v4 client of a v6 socket. */
	if (v6 && memcmp(address, mapped, sizeof(mapped)) == 0) {
		address += sizeof(mapped);
		v6 = false;
	}
	if (peer->is_unix || v6 != network->v6 || memcmp(address, network->address, whole) != 0)
		return false;
	return bits == 0 || ((address[whole] ^ network->address[whole]) & (0xff00 >> bits & 0xff)) == 0;
}

static bool is_listed(const struct listen_entry *entry, const struct peer *peer)
{
	for (size_t i = 0; i < entry->uid_count; i++)
		if (peer->has_uid && peer->uid == entry->uids[i])
			return true;
	for (size_t i = 0; i < entry->network_count; i++)
		if (in_network(&entry->networks[i], peer))
			return true;
	return false;
}

static bool may_connect(const struct door *door, const struct peer *peer)
{
	const struct listen_entry *entry = door->spec.entry;

	if (door->spec.kind == LISTEN_CONTROL && peer->has_uid &&
	    (peer->uid == 0 || peer->uid == door->agent->own_uid))
		return true;
	if (entry->uid_count + entry->network_count)
		return is_listed(entry, peer);
	return door->spec.kind != LISTEN_CONTROL;
}

static void turn_away(const struct door *door, const struct peer *peer)
{
	struct agent *agent = door->agent;
	int64_t now = clock_mono_ns();

	agent->turned_away++;
	/* A peer that keeps trying must not fill the log. */
	if (agent->told_turned_away_ns && now - agent->told_turned_away_ns < TELL_NS)
		return;
	agent->told_turned_away_ns = now;
	log_warning("connection of %s to the %s listener %s closed: not among its peers",
		    peer->text[0] ? peer->text : "an unknown peer", door_kind(door),
		    door->spec.entry->text);
}

static void to_worker(const struct door *door, int fd)
{
	struct agent *agent = door->agent;

	if (door->spec.kind == LISTEN_GRPC)
		worker_accept_grpc(least_busy(agent), fd, door->spec.tls, door->spec.entry->chain_xfcc);
	else if (door->spec.kind == LISTEN_HTTP)
		worker_accept_http(least_busy(agent), fd, door->spec.tls, door->spec.entry->dialect);
	else
		worker_accept(least_busy(agent), fd, door->spec.tls);
	if (agent_connections(agent) < connections_max(agent))
		return;
	pause_loops(agent, true);
	doors_room(agent);
}

static void accepted(void *arg, int fd)
{
	struct door *door = arg;
	struct peer peer;

	peer_of(fd, &peer);
	if (!may_connect(door, &peer)) {
		turn_away(door, &peer);
		close(fd);
		return;
	}
	switch (door->spec.kind) {
	case LISTEN_ADMIN:
		admin_accept(door->agent->admin, fd);
		return;
	case LISTEN_CONTROL:
		control_accept(door->agent->control, fd);
		return;
	default:
		to_worker(door, fd);
	}
}

static struct door *open_one(struct agent *agent, const struct door_spec *spec,
			     struct diag_list *diag, const char *file)
{
	static const enum listener_kind kinds[] = {
		[ADDRESS_TCP] = LISTENER_TCP, [ADDRESS_UNIX] = LISTENER_UNIX,
		[ADDRESS_ABSTRACT] = LISTENER_ABSTRACT,
	};
	const struct listen_entry *entry = spec->entry;
	const struct listener_address address = {
		.kind = kinds[entry->kind], .host = entry->host, .port = entry->port,
		.mode = entry->mode, .group = entry->group,
	};
	struct door *door = mem_new(sizeof(*door));
	const char *error = NULL;

	door->agent = agent;
	door->spec = *spec;
	if (listener_new(agent->loop, &address, accepted, door, &error, &door->listener)) {
		diag_add(diag, DIAG_ERROR, file, entry->line, NULL, "cannot listen on %s: %s",
			 entry->text, error);
		free(door);
		return NULL;
	}
	if (spec->tls)
		tls_server_ref(spec->tls);
	if (is_for_loops(spec->kind) && agent->paused)
		listener_pause(door->listener, true);
	return door;
}

static void close_one(struct door *door)
{
	listener_free(door->listener);
	tls_server_unref(door->spec.tls);
	free(door);
}

static bool same_address(const struct listen_entry *a, const struct listen_entry *b)
{
	return a->kind == b->kind && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The open door for an entry, NULL when there is none. */
static struct door *find(struct door *doors, enum listen_kind kind, const struct listen_entry *entry)
{
	struct door *door;

	DL_FOREACH(doors, door)
		if (door->spec.kind == kind && same_address(door->spec.entry, entry))
			return door;
	return NULL;
}

static struct door_spec spec_of(const struct setup *setup, enum listen_kind kind, size_t i)
{
	return (struct door_spec){
		.kind = kind, .entry = &snapshot_config(setup->snapshot)->listen[kind][i],
		.tls = setup->tls[kind][i],
	};
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void warn_of_rights(const struct door *door, const struct listen_entry *entry,
			   struct diag_list *diag, const char *file)
{
	if (entry->mode != door->spec.entry->mode || !same_text(entry->group, door->spec.entry->group))
		diag_add(diag, DIAG_WARNING, file, entry->line, "restart the agent",
			 "mode and group of the open socket %s stay as they are", entry->text);
}

void doors_discard(struct door *opened)
{
	struct door *door, *next;

	DL_FOREACH_SAFE(opened, door, next)
		close_one(door);
}

enum err doors_open(struct agent *agent, struct setup *setup, struct diag_list *diag,
		    struct door **opened)
{
	const struct config *config = snapshot_config(setup->snapshot);
	size_t errors = diag->errors;
	struct door *door;

	*opened = NULL;
	for (enum listen_kind kind = 0; kind < LISTEN_KIND_COUNT; kind++)
		for (size_t i = 0; i < config->listen_count[kind]; i++) {
			struct door_spec spec = spec_of(setup, kind, i);

			door = find(agent->doors, kind, spec.entry);
			if (door) {
				warn_of_rights(door, spec.entry, diag, config->file);
				continue;
			}
			door = open_one(agent, &spec, diag, config->file);
			if (door)
				DL_APPEND(*opened, door);
		}
	if (diag->errors == errors)
		return ERR_OK;
	doors_discard(*opened);
	*opened = NULL;
	return ERR_CONFIG;
}

/* A door that stays gets the new certificate, and the new rules of who may connect. */
static void keep(struct door *door, const struct door_spec *spec)
{
	tls_server_unref(door->spec.tls);
	door->spec = *spec;
	if (spec->tls)
		tls_server_ref(spec->tls);
}

void doors_commit(struct agent *agent, struct setup *setup, struct door *opened)
{
	const struct config *config = snapshot_config(setup->snapshot);
	struct door *former = agent->doors, *door, *next;

	agent->doors = opened;
	for (enum listen_kind kind = 0; kind < LISTEN_KIND_COUNT; kind++)
		for (size_t i = 0; i < config->listen_count[kind]; i++) {
			struct door_spec spec = spec_of(setup, kind, i);

			door = find(former, kind, spec.entry);
			if (!door)
				continue;
			DL_DELETE(former, door);
			keep(door, &spec);
			DL_APPEND(agent->doors, door);
		}
	DL_FOREACH_SAFE(former, door, next) {
		log_info("the listener %s is closed", door->spec.entry->text);
		close_one(door);
	}
}

void doors_close(struct agent *agent, enum listen_kind kind)
{
	struct door *door, *next;

	DL_FOREACH_SAFE(agent->doors, door, next)
		if (door->spec.kind == kind) {
			DL_DELETE(agent->doors, door);
			close_one(door);
		}
}

char *door_address(const struct door *door)
{
	const struct listen_entry *entry = door->spec.entry;
	struct buf b = buf_capped(0);
	char *text;

	if (entry->kind != ADDRESS_TCP)
		buf_printf(&b, "unix:%s%s", entry->kind == ADDRESS_ABSTRACT ? "@" : "", entry->host);
	else
		buf_printf(&b, strchr(entry->host, ':') ? "[%s]:%u" : "%s:%u", entry->host,
			   (unsigned)listener_port(door->listener));
	text = mem_dup(buf_slice(&b));
	buf_fini(&b);
	return text;
}

void doors_tell(const struct door *doors)
{
	const struct door *door;

	DL_FOREACH(doors, door) {
		char *address = door_address(door);

		log_info("listening on %s for %s%s%s%s", address, door_kind(door),
			 door->spec.kind == LISTEN_HTTP ? " of " : "",
			 door->spec.kind == LISTEN_HTTP ? http_dialect_words[door->spec.entry->dialect] : "",
			 door->spec.tls ? " with TLS" : "");
		free(address);
	}
}
