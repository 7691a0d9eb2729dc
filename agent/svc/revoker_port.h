/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_REVOKER_PORT_H
#define MTLSGUARD_SVC_REVOKER_PORT_H

#include "svc/revoker_inside.h"

/* A request loop's door, from both sides. */
struct revoker_port {
	struct revoker *revoker;
	struct loop *loop;
	struct mailbox *box;
	void (*on_state)(void *arg, struct revocation *state);
	void *arg;
	struct revocation *first; /* handed over by join */
	bool closing;		  /* the loop's */
	size_t asked;		  /* the loop's: askings that have not come back */
	/* The revoker's: */
	struct asking *askings;
	struct revoker_port *next, *prev;
};

/* Lives on the waiting side's stack. */
struct port_mail {
	struct mail mail;
	struct revoker_port *port;
	sem_t done;
};

#endif
