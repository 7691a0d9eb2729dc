/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cmd.h"

#define HELP_COLUMN 24
#define NAMES_MAX 32

static void list_add(struct cli_list *list, const char *item)
{
	list->items = mem_grow(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = item;
}

void cli_list_fini(struct cli_list *list)
{
	free(list->items);
	*list = (struct cli_list){ 0 };
}

int cli_wrong(const char *command, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "mtlsguard %s: ", command);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n    see: mtlsguard %s --help\n", command);
	return EXIT_WRONG_USAGE;
}

static void print_option(const struct cli_option *option)
{
	char left[64];
	int n;

	n = option->letter ? snprintf(left, sizeof(left), "  -%c, --%s", option->letter, option->name) :
			     snprintf(left, sizeof(left), "      --%s", option->name);
	if (option->value && n > 0 && (size_t)n < sizeof(left))
		n += snprintf(left + n, sizeof(left) - (size_t)n, " %s", option->value);
	if (n > HELP_COLUMN - 2)
		printf("%s\n%*s%s\n", left, HELP_COLUMN, "", option->help);
	else
		printf("%-*s%s\n", HELP_COLUMN, left, option->help);
}

static void print_help(const struct cli_command *command)
{
	static const struct cli_option help = { .name = "help", .letter = 'h', .help = "print this" };

	printf("usage: mtlsguard %s [OPTIONS]%s%s\n\n%s\n\n", command->name,
	       command->arguments[0] ? " " : "", command->arguments, command->about);
	for (const struct cli_option *option = command->options; option->name; option++)
		print_option(option);
	print_option(&help);
}

static int unknown(const struct cli_command *command, const char *word, struct slice name)
{
	const char *names[NAMES_MAX] = { "help" };
	size_t count = 1;
	const char *nearest;

	for (const struct cli_option *option = command->options; option->name && count < NAMES_MAX - 1;
	     option++)
		names[count++] = option->name;
	names[count] = NULL;
	nearest = text_nearest(name, names);
	if (nearest)
		return cli_wrong(command->name, "unknown option %s, did you mean --%s?", word, nearest);
	return cli_wrong(command->name, "unknown option %s", word);
}

static const struct cli_option *find(const struct cli_command *command, const char *word,
				     struct slice name)
{
	for (const struct cli_option *option = command->options; option->name; option++) {
		if (word[1] == '-' && slice_eq(slice_str(option->name), name))
			return option;
		if (word[1] != '-' && name.len == 1 && option->letter == (char)name.ptr[0])
			return option;
	}
	return NULL;
}

static int take(const struct cli_command *command, const struct cli_option *option, const char *value)
{
	if (option->list)
		list_add(option->list, value);
	else if (option->flag)
		*option->flag = true;
	else if (*option->text)
		return cli_wrong(command->name, "--%s is given twice", option->name);
	else
		*option->text = value;
	return CLI_GO_ON;
}

/* One word that begins with a dash, and its value; *i stands on it and is moved over the value. */
static int take_option(const struct cli_command *command, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	bool is_long = word[1] == '-';
	const char *equals = is_long ? strchr(word, '=') : NULL;
	struct slice name = slice_str(word + (is_long ? 2 : 1));
	const struct cli_option *option;

	if (equals)
		name.len = (size_t)(equals - word - 2);
	option = find(command, word, name);
	if (!option)
		return unknown(command, word, name);
	if (!option->value)
		return equals ? cli_wrong(command->name, "--%s takes no value", option->name) :
				take(command, option, NULL);
	if (equals)
		return take(command, option, equals + 1);
	if (*i + 1 == argc)
		return cli_wrong(command->name, "--%s needs a value (%s)", option->name, option->value);
	return take(command, option, argv[++*i]);
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_list *arguments)
{
	bool options = true;
	int code;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (options && strcmp(word, "--") == 0) {
			options = false;
		} else if (options && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
			print_help(command);
			return EXIT_FINE;
		} else if (options && word[0] == '-' && word[1]) {
			code = take_option(command, argc, argv, &i);
			if (code != CLI_GO_ON)
				return code;
		} else if (!arguments) {
			return cli_wrong(command->name, "unexpected argument %s", word);
		} else {
			list_add(arguments, word);
		}
	}
	return CLI_GO_ON;
}

bool cli_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int compare_faults(const void *left, const void *right)
{
	const struct diag *a = left, *b = right;
	int order = compare_texts(a->file, b->file);

	if (!order)
		order = (a->line > b->line) - (a->line < b->line);
	if (!order)
		order = (int)a->severity - (int)b->severity;
	return order ? order : compare_texts(a->message, b->message);
}

void cli_sort_faults(struct diag_list *diag)
{
	size_t kept = 0;

	if (diag->count < 2)
		return;
	qsort(diag->items, diag->count, sizeof(*diag->items), compare_faults);
	for (size_t i = 1; i < diag->count; i++) {
		struct diag *item = &diag->items[i];

		if (compare_faults(&diag->items[kept], item) != 0) {
			diag->items[++kept] = *item;
			continue;
		}
		diag->errors -= item->severity == DIAG_ERROR;
		free(item->file);
		free(item->message);
		free(item->hint);
	}
	diag->count = kept + 1;
}

static const char *colour_of(enum diag_severity severity)
{
	static const char *const colours[] = { "\033[1;31m", "\033[1;33m", "\033[1;36m" };

	return colours[severity];
}

void cli_print_faults(FILE *out, const struct diag_list *diag, bool lints)
{
	bool colour = cli_colour(out);

	for (size_t i = 0; i < diag->count; i++) {
		const struct diag *item = &diag->items[i];

		if (item->severity == DIAG_LINT && !lints)
			continue;
		if (item->file && item->line)
			fprintf(out, "%s:%u: ", item->file, item->line);
		else if (item->file)
			fprintf(out, "%s: ", item->file);
		fprintf(out, "%s%s:%s %s\n", colour ? colour_of(item->severity) : "",
			diag_severity_name(item->severity), colour ? "\033[0m" : "", item->message);
		if (item->hint)
			fprintf(out, "    %s\n", item->hint);
	}
}

json_t *cli_json_text(struct slice text)
{
	struct buf b = buf_capped(0);
	json_t *value;

	if (utf8_valid(text))
		return json_stringn(text.len ? (const char *)text.ptr : "", text.len);
	buf_json(&b, text);
	value = json_loadb((const char *)b.ptr, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	buf_fini(&b);
	return value;
}

static json_t *text_or_null(const char *text)
{
	return text ? cli_json_text(slice_str(text)) : json_null();
}

json_t *cli_json_faults(const struct diag_list *diag)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diag->count; i++) {
		const struct diag *item = &diag->items[i];
		json_t *fault = json_object();

		json_object_set_new(fault, "file", text_or_null(item->file));
		json_object_set_new(fault, "line", item->line ? json_integer(item->line) : json_null());
		json_object_set_new(fault, "severity", json_string(diag_severity_name(item->severity)));
		json_object_set_new(fault, "message", text_or_null(item->message));
		json_object_set_new(fault, "hint", text_or_null(item->hint));
		json_array_append_new(list, fault);
	}
	return list;
}

int cli_print_json(json_t *value)
{
	int failed = json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);

	json_decref(value);
	if (!failed && putchar('\n') != EOF && fflush(stdout) == 0)
		return EXIT_FINE;
	fputs("mtlsguard: error: standard output cannot be written\n", stderr);
	return EXIT_FAULT;
}
