/* The data directory of "rosterd dev", and the user it runs as. */
#include "app/dev_home.h"

#include "app/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_NAME     "rosterd-dev.lock"
#define STANDARD_DATA "rosterd-data"
#define FALLBACK_DATA "/var/lib/rosterd-dev"

static bool
refuse(const char *dir, const char *why)
{
    cli_fail(EXIT_FAILED, "choose another directory with --data DIR, such as " FALLBACK_DATA,
             "%s %s", dir, why);
    return false;
}

static bool
is_empty(const char *dir)
{
    DIR *d = opendir(dir);
    size_t n = 0;

    if (d == NULL)
        return false;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n == 0;
}

/* A directory that is ours or empty; made when it is not there (*made). */
static bool
make_dir(struct dev_home *home, const char *path, bool *made, struct arena *mem)
{
    char whole[PATH_MAX];
    struct stat st;

    *made = mkdir(path, 0700) == 0;
    if (!*made && errno != EEXIST) {
        cli_fail(EXIT_FAILED, "choose another directory with --data DIR", "cannot make %s: %s",
                 path, strerrordesc_np(errno));
        return false;
    }
    if (realpath(path, whole) == NULL || stat(whole, &st) != 0)
        return refuse(path, strerrordesc_np(errno));
    home->dir = arena_text(mem, whole);
    if (!S_ISDIR(st.st_mode))
        return refuse(whole, "is not a directory");
    if (access(whole, R_OK | W_OK | X_OK) != 0)
        return refuse(whole, "cannot be used by this user");
    if (access(arena_printf(mem, "%s/" LOCK_NAME, whole), F_OK) != 0 && !is_empty(whole))
        return refuse(whole, "holds other files: it is not the data of a rosterd dev");
    return true;
}

/* Who owns it, if that is not root; else rosterd, else nobody. */
static const struct passwd *
lesser_user(const char *dir)
{
    struct stat st;

    if (stat(dir, &st) == 0 && st.st_uid != 0)
        return getpwuid(st.st_uid);
    const struct passwd *user = getpwnam("rosterd");
    return user != NULL ? user : getpwnam("nobody");
}

/* Whether the user could enter and write dir: asked with the user's rights, not computed. */
static bool
can_use(const struct passwd *user, const char *dir)
{
    bool can = false;

    if (setegid(user->pw_gid) == 0 && seteuid(user->pw_uid) == 0)
        can = faccessat(AT_FDCWD, dir, R_OK | W_OK | X_OK, AT_EACCESS) == 0;
    if (seteuid(0) != 0 || setegid(0) != 0)
        abort();
    return can;
}

static bool
drop_rights(const struct passwd *user, const char *dir)
{
    if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0 || setuid(0) == 0) {
        cli_fail(EXIT_FAILED, NULL, "cannot give up the rights of root: %s",
                 strerrordesc_np(errno));
        return false;
    }
    setenv("HOME", dir, 1);
    setenv("USER", user->pw_name, 1);
    setenv("LOGNAME", user->pw_name, 1);
    /* Lost with the change of user; a developer wants core files and debuggers. */
    prctl(PR_SET_DUMPABLE, 1);
    cli_say("Running as root: continuing as the user %s, with the data in %s.", user->pw_name, dir);
    return true;
}

/* Keeps root's rights for one small file: the ready file may be wanted where only root may write.
 */
static bool
fork_writer(struct dev_home *home)
{
    int ends[2];
    char text[4096];
    size_t n = 0;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    home->ready_pid = fork();
    if (home->ready_pid != 0) {
        close(ends[0]);
        home->ready_pipe = ends[1];
        return home->ready_pid > 0;
    }
    close(ends[1]);
    for (ssize_t got; n < sizeof text - 1; n += (size_t)got) {
        got = read(ends[0], text + n, sizeof text - 1 - n);
        if (got <= 0)
            break;
    }
    text[n] = '\0';
    _exit(n == 0 || files_put(home->ready, text) ? 0 : 1);
}

/* Who home->dir is for, once it is theirs and they can use it; NULL: they cannot. */
static const struct passwd *
hand_over(const struct dev_home *home)
{
    const struct passwd *user = lesser_user(home->dir);

    if (user == NULL || chown(home->dir, user->pw_uid, user->pw_gid) != 0 ||
        !can_use(user, home->dir))
        return NULL;
    return user;
}

static bool
become_lesser(struct dev_home *home, const char *given, bool made, struct arena *mem)
{
    if (setgroups(0, NULL) != 0)
        return refuse(home->dir, "cannot be given to another user");
    const struct passwd *user = hand_over(home);
    if (user == NULL && made)
        rmdir(home->dir);
    if (user == NULL && given != NULL)
        return refuse(home->dir, "cannot be reached by the user as whom root continues here");
    if (user == NULL) {
        cli_say("An unprivileged user cannot reach %s: using " FALLBACK_DATA " instead.",
                home->dir);
        if (!make_dir(home, FALLBACK_DATA, &made, mem))
            return false;
        user = hand_over(home);
    }
    if (user == NULL)
        return refuse(home->dir, "cannot be used either");
    if (home->ready != NULL && !fork_writer(home))
        return refuse(home->ready, "cannot be written");
    return drop_rights(user, home->dir);
}

static bool
take_lock(struct dev_home *home, struct arena *mem)
{
    home->lock =
        open(arena_printf(mem, "%s/" LOCK_NAME, home->dir), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (home->lock < 0)
        return refuse(home->dir, strerrordesc_np(errno));
    if (flock(home->lock, LOCK_EX | LOCK_NB) != 0)
        return refuse(home->dir, "is in use by another rosterd dev");
    return true;
}

/* Absolute, and an old one out of the way: who waits for it must not read the last run's. */
static bool
find_ready(struct dev_home *home, const char *path, struct arena *mem)
{
    char here[PATH_MAX];

    if (path == NULL)
        return true;
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return refuse(path, strerrordesc_np(errno));
    home->ready = path[0] == '/' ? path : arena_printf(mem, "%s/%s", here, path);
    if (unlink(home->ready) != 0 && errno != ENOENT) {
        cli_fail(EXIT_FAILED, NULL, "cannot replace %s: %s", home->ready, strerrordesc_np(errno));
        return false;
    }
    return true;
}

bool
dev_home_open(struct dev_home *home, const struct cli *cli)
{
    const char *given = cli_get(cli, "data");
    bool made = false;

    *home = (struct dev_home){ .lock = -1, .ready_pipe = -1 };
    umask(077);
    if (!find_ready(home, cli_get(cli, "ready-file"), cli->mem) ||
        !make_dir(home, given == NULL ? STANDARD_DATA : given, &made, cli->mem))
        return false;
    if (geteuid() == 0 && !become_lesser(home, given, made, cli->mem))
        return false;
    /* PostgreSQL's programs refuse to run where they may not be. */
    if (chdir(home->dir) != 0 || chmod(home->dir, 0700) != 0)
        return refuse(home->dir, strerrordesc_np(errno));
    return take_lock(home, cli->mem);
}

bool
dev_home_ready(struct dev_home *home, const char *text)
{
    int status = 1;

    if (home->ready == NULL)
        return true;
    if (home->ready_pipe < 0) {
        status = files_put(home->ready, text) ? 0 : 1;
    } else {
        bool wrote = write(home->ready_pipe, text, strlen(text)) == (ssize_t)strlen(text);
        close(home->ready_pipe);
        home->ready_pipe = -1;
        if (waitpid(home->ready_pid, &status, 0) != home->ready_pid || !wrote)
            status = 1;
    }
    if (status != 0)
        cli_fail(EXIT_FAILED, "its directory must be there and be writable", "cannot write %s",
                 home->ready);
    return status == 0;
}

void
dev_home_close(struct dev_home *home)
{
    if (home->ready_pipe < 0)
        return;
    close(home->ready_pipe);
    waitpid(home->ready_pid, NULL, 0);
}
