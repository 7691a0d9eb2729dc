/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files and folders named on the command line, as TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned done;

static void run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0) {
		printf("not ok %u - %s cannot be read\n", ++done, path);
		exit(1);
	}
	rewind(file);
	/* Exactly as large as the input, so that a sanitizer sees one byte too many. */
	data = malloc(size ? (size_t)size : 1);
	if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
		exit(1);
	fclose(file);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	for (long n = 0; n < size && n < 64; n++)
		LLVMFuzzerTestOneInput(data, (size_t)n);
	free(data);
	printf("ok %u - %s\n", ++done, path);
}

static void run_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char name[4096];

		if (names[i]->d_name[0] != '.') {
			snprintf(name, sizeof(name), "%s/%s", path, names[i]->d_name);
			run_file(name);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

int main(int argc, char **argv)
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			run_folder(argv[i]);
		else
			run_file(argv[i]);
	}
	if (done == 0)
		printf("not ok 1 - no seeds\n");
	printf("1..%u\n", done ? done : 1);
	return done == 0;
}
