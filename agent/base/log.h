/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_LOG_H
#define MTLSGUARD_BASE_LOG_H

#include "base/err.h"

/*
 * Messages to the operator on stderr, one line each, written whole so that
 * threads never mix. Each says what happened and what to do about it. Under
 * systemd (JOURNAL_STREAM set) a line starts with its <priority> instead of a time.
 */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are dropped. Default: info. */
void log_set_level(enum log_level level);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
