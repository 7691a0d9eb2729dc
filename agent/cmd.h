/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CMD_H
#define MTLSGUARD_CMD_H

/*
 * The subcommands. Each gets argv[0] = its own name and returns an exit code:
 * EXIT_FINE, EXIT_FAULT for a fault in what was given, EXIT_WRONG_USAGE, and
 * cmd_eval EXIT_NOT_ALLOWED for anything but an allow.
 */
enum { EXIT_FINE = 0, EXIT_FAULT = 1, EXIT_WRONG_USAGE = 2, EXIT_NOT_ALLOWED = 10 };

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_haproxy(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_drain(int argc, char **argv);

#endif
