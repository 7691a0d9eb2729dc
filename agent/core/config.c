/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config.h"

#include <stdlib.h>
#include <strings.h>

static void free_listen(struct listen_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(entries[i].text);
		free(entries[i].host);
		free(entries[i].tls.certificate);
		free(entries[i].tls.key);
		free(entries[i].tls.client_authorities);
		free(entries[i].group);
		free(entries[i].uids);
		free(entries[i].networks);
	}
	free(entries);
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static void free_revocation(struct revocation_conf *revocation)
{
	for (size_t i = 0; i < revocation->deny_count; i++)
		free(revocation->deny[i].octets);
	free(revocation->deny);
	free_texts(revocation->deny_files, revocation->deny_file_count);
	free_texts(revocation->crls, revocation->crl_count);
}

bool crl_is_url(const char *crl)
{
	return strncasecmp(crl, "http://", 7) == 0 || strncasecmp(crl, "https://", 8) == 0;
}

static void free_authorities(struct config *config)
{
	for (size_t i = 0; i < config->authority_count; i++) {
		struct authority_conf *authority = &config->authorities[i];

		free_revocation(&authority->revocation);
		free(authority->name);
		free(authority->certificates);
		free(authority->intermediates);
		free(authority->certificates_text);
		free(authority->intermediates_text);
	}
	free(config->authorities);
}

static void free_hosts(struct config *config)
{
	for (size_t i = 0; i < config->host_count; i++) {
		free(config->hosts[i].pattern);
		free(config->hosts[i].authorities);
	}
	free(config->hosts);
}

static void free_worker(struct worker_conf *worker)
{
	for (size_t i = 0; i < worker->route_count; i++) {
		free(worker->routes[i].text);
		free(worker->routes[i].host);
		free(worker->routes[i].path);
	}
	for (size_t i = 0; i < worker->var_count; i++) {
		free(worker->vars[i].name);
		free(worker->vars[i].value);
	}
	for (size_t i = 0; i < worker->module_count; i++) {
		free(worker->modules[i].file);
		free(worker->modules[i].source);
		free(worker->modules[i].fault);
	}
	free(worker->modules);
	free(worker->routes);
	free(worker->vars);
	free(worker->name);
	free(worker->script);
	free(worker->source);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < LISTEN_KIND_COUNT; i++)
		free_listen(config->listen[i], config->listen_count[i]);
	free_authorities(config);
	free_hosts(config);
	for (size_t i = 0; i < config->worker_count; i++)
		free_worker(&config->workers[i]);
	free(config->workers);
	free_texts(config->headers.owned, config->headers.owned_count);
	free_texts(config->files, config->file_count);
	free(config->decisions_log);
	free(config->state);
	free(config->file);
	free(config);
}
