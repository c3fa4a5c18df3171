/* Finding and running PostgreSQL's programs. */
#include "pg_run_priv.h"

#include "app/cli.h"
#include "app/files.h"
#include "app/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The newest version that is installed and acceptable; 0: none. want: only this one, 0: any. */
static int
newest(const char *root, int want, struct arena *mem)
{
    glob_t found;
    int best = 0;

    if (glob(arena_printf(mem, "%s/*/bin/postgres", root), 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        int version = (int)strtol(found.gl_pathv[i] + strlen(root) + 1, NULL, 10);

        if (version >= PG_OLDEST && version > best && (want == 0 || version == want) &&
            access(found.gl_pathv[i], X_OK) == 0)
            best = version;
    }
    globfree(&found);
    return best;
}

const char *
pg_run_find(const char *data, char *version, size_t size, struct arena *mem)
{
    const char *root = getenv("ROSTERD_TEST_POSTGRES");
    const char *made = files_take(arena_printf(mem, "%s/PG_VERSION", data), mem);
    int want = made == NULL ? 0 : (int)strtol(made, NULL, 10);

    root = root == NULL ? "/usr/lib/postgresql" : root;
    int found = newest(root, want, mem);
    if (found == 0 && want != 0) {
        cli_fail(EXIT_FAILED, arena_printf(mem, "sudo apt install postgresql-%d", want),
                 "the private database was made by PostgreSQL %d, which is not installed", want);
        return NULL;
    }
    if (found == 0) {
        cli_fail(EXIT_FAILED,
                 "sudo apt install postgresql-15     or use yours: rosterd serve --config FILE",
                 "cannot start a private database: no PostgreSQL server found");
        return NULL;
    }
    snprintf(version, size, "%d", found);
    return arena_printf(mem, "%s/%d/bin", root, found);
}

/* In the child: what it says goes to the log, what it hears is input or nothing. */
static void
redirect(const struct pg_place *place, int input)
{
    int log = open(place->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int in = input >= 0 ? input : open("/dev/null", O_RDONLY | O_CLOEXEC);

    dup2(in, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
}

static pid_t
spawn(const struct pg_place *place, const char *const *argv, int input)
{
    pid_t parent = getpid(), pid = fork();

    if (pid != 0)
        return pid;
    /* A Ctrl-C on the terminal is for us; we stop the server when nobody needs it any more. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGINT);
    if (getppid() != parent)
        _exit(1);
    supervise_child();
    redirect(place, input);
    execv(argv[0], (char *const *)(const void *)argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerrordesc_np(errno));
    _exit(127);
}

static bool
finish(pid_t pid)
{
    int status = 0;

    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
pg_run_initdb(const struct pg_place *place, const char *data)
{
    char program[PATH_MAX];
    const char *const argv[] = { program,
                                 "-D",
                                 data,
                                 "-U",
                                 PG_NAME,
                                 "-A",
                                 "trust",
                                 "-E",
                                 "UTF8",
                                 "--locale=C.UTF-8",
                                 "--no-instructions",
                                 NULL };

    snprintf(program, sizeof program, "%s/initdb", place->bin);
    return finish(spawn(place, argv, -1));
}

bool
pg_run_create_database(const struct pg_place *place, const char *data)
{
    static const char sql[] = "CREATE DATABASE " PG_NAME "\n";
    char program[PATH_MAX];
    const char *const argv[] = { program, "--single", "-D", data, "postgres", NULL };
    int ends[2];

    snprintf(program, sizeof program, "%s/postgres", place->bin);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    bool wrote = write(ends[1], sql, strlen(sql)) == (ssize_t)strlen(sql);
    close(ends[1]);
    bool did = finish(spawn(place, argv, ends[0]));
    close(ends[0]);
    return wrote && did;
}

pid_t
pg_run_server(const struct pg_place *place)
{
    char program[PATH_MAX], sockets[PATH_MAX];
    const char *const argv[] = { program,
                                 "-D",
                                 place->data,
                                 "-c",
                                 "listen_addresses=",
                                 "-c",
                                 sockets,
                                 "-c",
                                 "unix_socket_permissions=0700",
                                 "-c",
                                 "logging_collector=off",
                                 NULL };

    snprintf(program, sizeof program, "%s/postgres", place->bin);
    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", place->socket_dir);
    return spawn(place, argv, -1);
}

pid_t
pg_run_recorded(const struct pg_place *place, bool *ready)
{
    struct arena *mem = arena_new();
    char *text = files_take(arena_printf(mem, "%s/postmaster.pid", place->data), mem);
    char *line = text;
    pid_t pid = text == NULL ? 0 : (pid_t)strtol(text, NULL, 10);

    /* Line 8 is the state that pg_ctl waits for. */
    for (int i = 1; i < 8 && line != NULL; i++) {
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    if (ready != NULL)
        *ready = line != NULL && strncmp(line, "ready", 5) == 0;
    arena_free(mem);
    return pid < 0 ? 0 : pid;
}

bool
pg_run_is_server(const struct pg_place *place, pid_t pid)
{
    char link[64], at[PATH_MAX], cluster[PATH_MAX];

    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(link, at, sizeof at - 1);
    if (n < 9)
        return false;
    at[n] = '\0';
    /* " (deleted)" stands behind the name when the package was upgraded meanwhile. */
    if (strstr(at, "/postgres") == NULL)
        return false;
    snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
    n = readlink(link, at, sizeof at - 1);
    if (n <= 0 || realpath(place->data, cluster) == NULL)
        return false;
    at[n] = '\0';
    return strcmp(at, cluster) == 0;
}
