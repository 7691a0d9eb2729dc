/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_AGENT_H
#define MTLSGUARD_AGENT_H

/*
 * The process. Its main thread owns the listeners, signals, the admin and the
 * control side; accepted SPOP connections go to the request loop with the
 * fewest (worker.h). What is slow runs on one upkeep thread (upkeep.h):
 *
 *   SIGHUP, reload  ->  upkeep: setup_new  ->  main: listeners  ->  each loop
 *                       switches  ->  main: told, the former one is retired
 *   SIGTERM, drain  ->  listeners close  ->  each loop drains  ->  exit 0
 */

/* Runs the agent with the configuration file at path until it is told to end. Returns the exit code. */
int agent_run(const char *path);

#endif
