/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "machine.h"

/* Descriptors besides those of SPOP connections: listeners, admin, control, loops, files. */
#define DESCRIPTORS_BESIDES 256

/* Every folder of path that is missing; those above the last are for everybody to pass through. */
static int make_folders(const char *path)
{
	char *copy = mem_dup(slice_str(path));
	int failed = 0;

	for (char *p = copy + 1; *p && !failed; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		failed = mkdir(copy, 0755) && errno != EEXIST;
		*p = '/';
	}
	free(copy);
	return failed ? -1 : mkdir(path, 0750);
}

void system_state_folder(const struct config *config, struct diag_list *diag)
{
	const char *fault, *hint;
	struct stat st;

	if (stat(config->state, &st) != 0) {
		if (errno == ENOENT && make_folders(config->state) == 0)
			return;
		diag_add(diag, DIAG_ERROR, config->file, 0,
			 "make it, owned by the agent's user, or set state to a folder that the agent may make",
			 "state %s: %s", config->state, strerror(errno));
		return;
	}
	fault = machine_state_fault(&st, &hint);
	if (fault)
		diag_add(diag, DIAG_ERROR, config->file, 0, hint, "state %s %s", config->state, fault);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		diag_add(diag, DIAG_ERROR, config->file, 0, "chown it to the agent's user",
			 "state %s belongs to uid %u", config->state, (unsigned)st.st_uid);
}

static void raise_descriptors(unsigned connections)
{
	rlim_t needed = (rlim_t)connections + DESCRIPTORS_BESIDES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < needed)
		log_warning("only %" PRIu64 " descriptors for limits.connections = %u: raise LimitNOFILE to %" PRIu64,
			    (uint64_t)limit.rlim_cur, connections, (uint64_t)needed);
}

void system_prepare(const struct config *config)
{
	umask(0027);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	raise_descriptors(config->limits.connections);
}

void system_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void system_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reading the configuration",
		   clock_mono_ns() / 1000);
}

void system_stopping(const char *status)
{
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}
