/* The PostgreSQL server of "rosterd dev". */
#include "app/private_pg.h"

#include "app/cli.h"
#include "app/files.h"
#include "app/supervise.h"
#include "base/clock.h"
#include "base/log.h"
#include "pg_run_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FAST_MS = 10000, /* an orderly stop may take this long             */
    KILL_MS = 5000,
    READY_MS = 120000, /* recovery after a crash reads the log again     */
    AGAIN_MS = 20000,  /* leftovers of a killed server go by themselves  */
    POLL_MS = 10,
    RESTART_MS = 200,
};

struct private_pg {
    struct pg_place place;
    const char *conninfo;
    char version[16];
    long made_ms;
    pid_t pid; /* 0: not running   */
    int signals;
    int64_t again_at; /* no restart before */
    struct arena *mem;
};

const char *
private_pg_conninfo(const struct private_pg *pg)
{
    return pg->conninfo;
}

const char *
private_pg_version(const struct private_pg *pg)
{
    return pg->version;
}

long
private_pg_made_ms(const struct private_pg *pg)
{
    return pg->made_ms;
}

/* A directory that only we can enter, from an earlier run or new; short, because the path of a
 * socket may have 107 bytes. */
static bool
find_socket_dir(struct private_pg *pg, const char *dir)
{
    const char *note = arena_printf(pg->mem, "%s/socket-dir", dir);
    char *known = files_take(note, pg->mem);
    char *run = arena_printf(pg->mem, "/run/user/%u", (unsigned)getuid());
    struct stat st;

    if (known != NULL && lstat(known, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid() &&
        (st.st_mode & 07777) == 0700) {
        pg->place.socket_dir = known;
        return true;
    }
    bool has_run = lstat(run, &st) == 0 && st.st_uid == getuid() && access(run, W_OK | X_OK) == 0;
    char *made = arena_printf(pg->mem, "%s/rosterd-XXXXXX", has_run ? run : "/tmp");
    if (mkdtemp(made) == NULL || !files_put(note, made)) {
        cli_fail(EXIT_FAILED, NULL, "cannot make a directory for the database socket: %s",
                 strerrordesc_np(errno));
        return false;
    }
    pg->place.socket_dir = made;
    return true;
}

/* A cluster with its database, complete or not there: built beside its place, then renamed. */
static bool
make_cluster(struct private_pg *pg)
{
    char *fresh = arena_printf(pg->mem, "%s.new", pg->place.data);
    int64_t begun = clock_ms();

    if (access(arena_printf(pg->mem, "%s/PG_VERSION", pg->place.data), F_OK) == 0)
        return true;
    if (!files_remove_tree(fresh) || !pg_run_initdb(&pg->place, fresh) ||
        !pg_run_create_database(&pg->place, fresh) || rename(fresh, pg->place.data) != 0) {
        cli_fail(EXIT_FAILED, arena_printf(pg->mem, "see %s", pg->place.log),
                 "cannot make the private database in %s", pg->place.data);
        return false;
    }
    pg->made_ms = (long)(clock_ms() - begun);
    return true;
}

static bool
wait_gone(struct private_pg *pg, pid_t pid, int ms)
{
    for (int64_t until = clock_ms() + ms; clock_ms() < until; usleep(POLL_MS * 1000))
        if (!pg_run_is_server(&pg->place, pid))
            return true;
    return false;
}

/* The marks of a server that is gone. PostgreSQL itself goes by the number in them, and that may be
 * a zombie's, or by now another program's. */
static void
clear_marks(struct private_pg *pg)
{
    unlink(arena_printf(pg->mem, "%s/postmaster.pid", pg->place.data));
    unlink(arena_printf(pg->mem, "%s/.s.PGSQL.5432.lock", pg->place.socket_dir));
    unlink(arena_printf(pg->mem, "%s/.s.PGSQL.5432", pg->place.socket_dir));
}

/* A server of this very cluster that outlived the process that started it. */
static bool
end_orphan(struct private_pg *pg)
{
    pid_t pid = pg_run_recorded(&pg->place, NULL);

    if (pid == 0 || !pg_run_is_server(&pg->place, pid)) {
        clear_marks(pg);
        return true;
    }
    cli_say("A database server was left behind by an earlier run; ending it.");
    kill(pid, SIGINT);
    bool gone = wait_gone(pg, pid, FAST_MS);
    if (!gone) {
        kill(pid, SIGQUIT);
        gone = wait_gone(pg, pid, KILL_MS);
    }
    if (gone)
        clear_marks(pg);
    else
        cli_fail(EXIT_FAILED, NULL, "a database server (pid %d) of an earlier run does not end",
                 (int)pid);
    return gone;
}

/* Waits for the child to say that it is ready. 1: it is; 0: it ended; -1: a signal, or too long. */
static int
wait_ready(struct private_pg *pg)
{
    for (int64_t until = clock_ms() + READY_MS; clock_ms() < until;) {
        bool ready = false;

        if (waitpid(pg->pid, NULL, WNOHANG) == pg->pid) {
            pg->pid = 0;
            return 0;
        }
        if (pg_run_recorded(&pg->place, &ready) == pg->pid && ready)
            return 1;
        if (!supervise_pause(pg->signals, POLL_MS))
            return -1;
    }
    return -1;
}

static bool
start(struct private_pg *pg)
{
    int64_t until = clock_ms() + AGAIN_MS;

    for (;;) {
        pg->pid = pg_run_server(&pg->place);
        int outcome = pg->pid <= 0 ? -1 : wait_ready(pg);
        if (outcome == 1)
            return true;
        /* Just after a kill -9 the old server's processes still hold its memory. */
        if (outcome == 0 && clock_ms() < until && supervise_pause(pg->signals, RESTART_MS))
            continue;
        cli_fail(EXIT_FAILED, arena_printf(pg->mem, "see %s", pg->place.log),
                 "the private database did not start");
        return false;
    }
}

struct private_pg *
private_pg_open(const char *dir, int signals, struct arena *mem)
{
    struct private_pg *pg = ARENA_NEW(mem, struct private_pg);

    pg->mem = mem;
    pg->signals = signals;
    pg->place.data = arena_printf(mem, "%s/pg", dir);
    pg->place.log = arena_printf(mem, "%s/postgres.log", dir);
    pg->place.bin = pg_run_find(pg->place.data, pg->version, sizeof pg->version, mem);
    if (pg->place.bin == NULL || !find_socket_dir(pg, dir) || !make_cluster(pg) || !end_orphan(pg))
        return NULL;
    pg->conninfo =
        arena_printf(mem, "host=%s dbname=" PG_NAME " user=" PG_NAME, pg->place.socket_dir);
    if (start(pg))
        return pg;
    private_pg_close(pg);
    return NULL;
}

void
private_pg_look(struct private_pg *pg)
{
    int status = 0;

    if (pg->pid > 0 && waitpid(pg->pid, &status, WNOHANG) == pg->pid) {
        log_event(LOG_WARN, "database_ended", LOG_N("pid", pg->pid),
                  LOG_N("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
                  LOG_T("next", "starting it again"));
        pg->pid = 0;
    }
    if (pg->pid > 0 || clock_ms() < pg->again_at)
        return;
    pg->again_at = clock_ms() + RESTART_MS;
    pg->pid = pg_run_server(&pg->place);
}

void
private_pg_close(struct private_pg *pg)
{
    if (pg == NULL || pg->pid <= 0)
        return;
    kill(pg->pid, SIGINT);
    for (int64_t until = clock_ms() + FAST_MS; waitpid(pg->pid, NULL, WNOHANG) == 0;) {
        if (clock_ms() >= until) {
            kill(pg->pid, SIGKILL);
            waitpid(pg->pid, NULL, 0);
            break;
        }
        usleep(POLL_MS * 1000);
    }
    pg->pid = 0;
    rmdir(pg->place.socket_dir);
}
