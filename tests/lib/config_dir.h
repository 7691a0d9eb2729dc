/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CONFIG_DIR_H
#define TESTS_LIB_CONFIG_DIR_H

#include "base/diag.h"
#include "base/err.h"
#include "core/config.h"

/*
 * A folder of its own for a test that reads configurations:
 *
 *	struct config_dir *dir = config_dir_new();
 *	config_dir_put(dir, "ca.pem", pem);
 *	struct config *config = config_dir_load(dir, "return { … }");	// NULL: it has errors
 *	assert_string_equal(config_dir_faults(dir), "main.lua:1: error: …\n");
 *	config_free(config);
 *	config_dir_free(dir);
 */
struct config_dir;

struct config_dir *config_dir_new(void);
struct config_dir *config_dir_with_ca(void); /* "ca.pem" is there, a CA of its own */
void config_dir_free(struct config_dir *dir); /* removes it */

/* The folder's path, and that of a file in it (valid until the next call). */
const char *config_dir_path(const struct config_dir *dir);
const char *config_dir_file(struct config_dir *dir, const char *name);

/* Writes a file; a "/" in name makes a folder. */
void config_dir_put(struct config_dir *dir, const char *name, const char *text);

/* Writes main.lua and loads it with config_load(). */
struct config *config_dir_load(struct config_dir *dir, const char *text);

/* What the last load said, a line each, "main.lua:3: error: words (hint)"; the folder's path is cut out. */
const char *config_dir_faults(const struct config_dir *dir);

/* Loads text, and fails the test: when other faults than `wanted` are told; when there are errors. */
void config_dir_says(struct config_dir *dir, const char *text, const char *wanted);
struct config *config_dir_take(struct config_dir *dir, const char *text);

/* Any list of faults in that form; free() it. */
char *config_dir_text(const struct config_dir *dir, const struct diag_list *list);

#endif
