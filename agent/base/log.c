/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static atomic_int threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&threshold, (int)level);
}

static int head(char *line, size_t room, enum log_level level)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	static const int priority[] = { 3, 4, 6, 7 };
	struct timespec now;
	struct tm tm;
	char stamp[32];

	if (getenv("JOURNAL_STREAM"))
		return snprintf(line, room, "<%d>", priority[level]);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	return snprintf(line, room, "%s.%03ldZ %s: ", stamp, now.tv_nsec / 1000000, names[level]);
}

static PRINTF_LIKE(2, 0) void line_out(enum log_level level, const char *fmt, va_list args)
{
	char line[LINE_MAX_BYTES];
	int n, more;

	if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	n = head(line, sizeof(line), level);
	more = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
	n += more < 0 ? 0 : more;
	if (n > LINE_MAX_BYTES - 2)
		n = LINE_MAX_BYTES - 2;
	/* A newline inside the text would let input forge log lines. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nowhere left to say so */
}

#define LOG_FUNCTION(name, level)                  \
	void name(const char *fmt, ...)            \
	{                                          \
		va_list args;                      \
		va_start(args, fmt);               \
		line_out(level, fmt, args);        \
		va_end(args);                      \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
