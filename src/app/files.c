/* Small files, whole or not at all. */
#include "app/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 65536 };

static bool
write_all(int fd, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        ssize_t did = write(fd, text, n);
        if (did < 0 && errno != EINTR)
            return false;
        text += did < 0 ? 0 : did;
        n -= did < 0 ? 0 : (size_t)did;
    }
    return fsync(fd) == 0;
}

static bool
sync_directory_of(const char *path, struct arena *mem)
{
    int fd = open(dirname(arena_text(mem, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool did = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return did;
}

bool
files_put(const char *path, const char *text)
{
    struct arena *mem = arena_new();
    const char *temporary = arena_printf(mem, "%s.%d.new", path, (int)getpid());

    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool did = fd >= 0 && write_all(fd, text);
    if (fd >= 0)
        did = close(fd) == 0 && did;
    did = did && rename(temporary, path) == 0 && sync_directory_of(path, mem);
    int why = errno;
    if (!did && fd >= 0)
        unlink(temporary);
    arena_free(mem);
    errno = why;
    return did;
}

char *
files_take(const char *path, struct arena *mem)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char bytes[FILE_MAX];

    if (fd < 0)
        return NULL;
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    if (n < 0 || (size_t)n == sizeof bytes)
        return NULL;
    while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r'))
        n--;
    char *text = arena_textn(mem, bytes, (size_t)n);
    explicit_bzero(bytes, (size_t)n);
    return text;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

bool
files_remove_tree(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT;
}
