/* Small files that must be there whole or not at all. */
#ifndef APP_FILES_H
#define APP_FILES_H

#include "base/arena.h"

#include <stdbool.h>

/* Writes text to path by way of a temporary file beside it, mode 0600, on the disk when it
 * returns. False: errno says why. */
bool files_put(const char *path, const char *text);

/* The text of a small file without its last newline, in mem; NULL: it is not there or cannot be
 * read (errno says why). */
char *files_take(const char *path, struct arena *mem);

/* Removes a directory and all below it, staying on its file system; fine when it is not there. */
bool files_remove_tree(const char *path);

#endif
