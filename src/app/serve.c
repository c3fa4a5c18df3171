/* The verb serve: the real server, under systemd or in the foreground. */
#include "app/app.h"
#include "app/check.h"
#include "app/notify.h"
#include "app/supervise.h"
#include "app/verbs.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct serving {
    const struct cli *cli;
    struct config *config;
    struct app *app;
};

static void
put_in_force(const struct config *config)
{
    log_setup((enum log_level)config->log.level, (enum log_format)config->log.format);
}

static void
take_over(struct serving *serving, const struct config *fresh, struct arena *mem)
{
    struct texts held;

    config_reload(serving->config, fresh, mem, &held);
    put_in_force(serving->config);
    app_reload(serving->app);
    for (size_t i = 0; i < held.n; i++)
        log_event(LOG_WARN, "reload_needs_restart", LOG_T("key", held.v[i]));
    log_event(LOG_INFO, "reloaded", LOG_N("held", held.n));
}

static bool
reload(void *arg)
{
    struct serving *serving = arg;
    struct cli cli = *serving->cli;
    struct list faults;

    cli.mem = arena_new();
    const struct config *fresh = check_load(&cli, &faults);
    if (fresh != NULL)
        take_over(serving, fresh, cli.mem);
    for (size_t i = 0; i < faults.n; i++) {
        const struct config_fault *f = faults.v[i];
        log_event(LOG_ERROR, "config_fault", LOG_T("where", f->where), LOG_T("fault", f->text));
    }
    if (fresh == NULL)
        log_event(LOG_ERROR, "reload_refused", LOG_N("faults", faults.n));
    arena_free(cli.mem);
    return fresh != NULL;
}

/* Secrets are in memory: no core dumps, no ptrace. The leak checker of sanitizer builds needs it.
 */
static void
hide_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

static const char *
hint_for(const struct err *err)
{
    if (strcmp(err->field, "server.listen") == 0)
        return "is another rosterd running? server.listen chooses another address";
    if (strcmp(err->field, "database.schema") == 0)
        return "rosterd migrate up brings an older schema up to date; see rosterd migrate status";
    if (strcmp(err->field, "crypto.master_key") == 0)
        return "the key file must hold every key this database was used with; new ones go first";
    return NULL;
}

int
serve_run(struct cli *cli)
{
    struct err err = { 0 };
    struct list faults;
    struct serving serving = { .cli = cli };

    hide_memory();
    umask(077);
    serving.config = check_load(cli, &faults);
    if (serving.config == NULL)
        return check_report(&faults);
    put_in_force(serving.config);
    supervise_environment();
    int signals = supervise_open();
    notify_status("starting");
    serving.app = app_open(serving.config, &err);
    if (serving.app == NULL) {
        close(signals);
        return cli_fail_err(&err, hint_for(&err));
    }
    supervise_run(&(struct supervise){
        .app = serving.app, .signals = signals, .on_hup = reload, .arg = &serving });
    close(signals);
    return EXIT_DONE;
}
