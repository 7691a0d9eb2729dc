/* SPDX-License-Identifier: Apache-2.0 */
#include "core/basis.h"

static void add_number(struct digest *sum, uint64_t number)
{
	digest_add(sum, slice_of(&number, sizeof(number)));
}

static void add_bytes(struct digest *sum, struct slice bytes)
{
	add_number(sum, bytes.len);
	digest_add(sum, bytes);
}

static void add_names(struct digest *sum, char *const *names, size_t count)
{
	add_number(sum, count);
	for (size_t i = 0; i < count; i++)
		add_bytes(sum, slice_str(names[i]));
}

static struct basis finish(struct digest *sum)
{
	struct basis basis;

	digest_finish(sum, basis.octets);
	return basis;
}

struct basis basis_of_texts(const struct authority_conf *authority)
{
	struct digest *sum = digest_new();

	add_bytes(sum, slice_of(authority->certificates_text, authority->certificates_len));
	add_bytes(sum, slice_of(authority->intermediates_text, authority->intermediates_len));
	return finish(sum);
}

/* Whoever adds a member here adds it to the sum. */
_Static_assert(sizeof(struct revocation_conf) == 64 && sizeof(struct headers_conf) == 24, "members of the sum");

static void add_revocation(struct digest *sum, const struct revocation_conf *conf)
{
	add_number(sum, conf->deny_count);
	for (size_t i = 0; i < conf->deny_count; i++) {
		add_number(sum, conf->deny[i].kind);
		add_bytes(sum, slice_of(conf->deny[i].octets, conf->deny[i].len));
	}
	add_names(sum, conf->deny_files, conf->deny_file_count);
	add_names(sum, conf->crls, conf->crl_count);
	add_number(sum, conf->points);
	add_number(sum, conf->ocsp);
	add_number(sum, conf->allow);
	add_number(sum, conf->chain);
	add_number(sum, conf->public_only);
	add_number(sum, (uint64_t)conf->grace_ns);
}

/* The authorities of each set, in the order of their numbers, which is that of the first hosts to have them. */
static void add_sets(struct digest *sum, const struct config *config)
{
	size_t next = 0;

	for (size_t i = 0; i < config->host_count; i++) {
		const struct host_conf *host = &config->hosts[i];

		if (host->rule.set != next)
			continue;
		add_number(sum, host->authority_count);
		for (size_t k = 0; k < host->authority_count; k++)
			add_number(sum, host->authorities[k]);
		next++;
	}
	add_number(sum, next);
}

struct basis basis_of_config(const struct config *config, const struct basis *texts)
{
	struct digest *sum = digest_new();

	add_number(sum, config->headers.managed_transform);
	add_number(sum, config->headers.client_cert);
	add_number(sum, config->headers.forward_certificate);
	add_names(sum, config->headers.owned, config->headers.owned_count);
	add_number(sum, config->authority_count);
	for (size_t i = 0; i < config->authority_count; i++) {
		add_bytes(sum, slice_str(config->authorities[i].name));
		add_bytes(sum, slice_of(texts[i].octets, sizeof(texts[i].octets)));
		add_revocation(sum, &config->authorities[i].revocation);
	}
	add_sets(sum, config);
	return finish(sum);
}
