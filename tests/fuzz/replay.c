/* Runs a fuzz target once over each file of the folders named on the command line: what was found
 * once is looked for in every test run. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_SIZE_MAX = 1 << 20 };

static int
replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *room = malloc(FILE_SIZE_MAX);

    if (file == NULL || room == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    size_t n = fread(room, 1, FILE_SIZE_MAX, file);
    /* A piece of exactly n bytes, so that a sanitizer sees a read past its end. */
    uint8_t *bytes = realloc(room, n > 0 ? n : 1);

    fclose(file);
    LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    return 1;
}

static int
replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int files = 0;

    if (dir == NULL) {
        perror(folder);
        exit(EXIT_FAILURE);
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            files += replay_file(path);
    }
    closedir(dir);
    return files;
}

int
main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++)
        files += replay_folder(argv[i]);
    printf("%d files replayed\n", files);
    return files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
