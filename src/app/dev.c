/* The verb dev: a registry with its own database, one sample agent, and a line to try it with. */
#include "app/app.h"
#include "app/check.h"
#include "app/dev_home.h"
#include "app/files.h"
#include "app/instance.h"
#include "app/private_pg.h"
#include "app/sample.h"
#include "app/supervise.h"
#include "app/verbs.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/seal.h"
#include "db/migrate.h"
#include "domain/keys.h"
#include "json/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

enum { SETUP_MS = 120000 };

struct dev {
    struct cli *cli;
    struct arena *mem;
    struct dev_home home;
    struct private_pg *pg;
    struct config *config;
    struct app *app;
    struct sample *sample;
    struct loopback self;
    const char *api_key, *org_id;
    int signals, migrated;
};

struct ready {
    const char *url, *api_key, *organization_id, *database;
    int64_t pid;
};

static const struct field ready_fields[] = {
    { "url", TEXT_AT(struct ready, url), .doc = "Where it serves." },
    { "api_key", TEXT_AT(struct ready, api_key), .doc = "A key with every scope." },
    { "organization_id", TEXT_AT(struct ready, organization_id), .doc = "Whose key it is." },
    { "database", TEXT_AT(struct ready, database), .doc = "Connection string of libpq." },
    { "pid", INT_AT(struct ready, pid), .doc = "Of the process to stop." },
    FIELD_LAST,
};

static const struct spec ready_spec = { "Ready", sizeof(struct ready), ready_fields };

static char *
in_dir(const struct dev *dev, const char *name)
{
    return arena_printf(dev->mem, "%s/%s", dev->home.dir, name);
}

/* What would steer libpq and PostgreSQL's programs away from the private cluster. */
static void
clean_environment(struct arena *mem)
{
    for (char **e = environ; *e != NULL;) {
        if (strncmp(*e, "PG", 2) == 0 || strncmp(*e, "LC_", 3) == 0) {
            unsetenv(arena_textn(mem, *e, strcspn(*e, "=")));
            e = environ;
        } else {
            e++;
        }
    }
}

static struct db *
open_database(struct dev *dev)
{
    struct db *db = db_open(&(struct db_options){
        .conninfo = private_pg_conninfo(dev->pg), .name = "rosterd dev", .timeout_ms = SETUP_MS });

    db_deadline(db, clock_ms() + SETUP_MS);
    return db;
}

static bool
migrate(struct dev *dev)
{
    struct err err = { 0 };
    struct db *db = open_database(dev);
    bool did = migrate_up(db, &dev->migrated, dev->mem, &err);

    db_close(db);
    if (!did)
        cli_fail_err(&err, NULL);
    return did;
}

/* Made once, never written over: without it what is sealed is lost. */
static bool
find_master_key(struct dev *dev)
{
    const char *path = in_dir(dev, INSTANCE_KEY_FILE);

    if (access(path, F_OK) == 0 || files_put(path, keyring_line(dev->mem)))
        return true;
    cli_fail(EXIT_FAILED, NULL, "cannot write %s: %s", path, strerrordesc_np(errno));
    return false;
}

static bool
load(struct dev *dev)
{
    const char *listen = cli_get(dev->cli, "listen");
    const struct param overrides[] = {
        { "database.url", private_pg_conninfo(dev->pg) },
        { "crypto.master_key_file", in_dir(dev, INSTANCE_KEY_FILE) },
        { "server.listen", listen },
    };
    const struct params params = { overrides, listen == NULL ? 2 : 3 };
    struct list faults;

    dev->config = config_load(&(struct config_source){ .overrides = &params, .dev = true },
                              dev->mem, &faults);
    if (dev->config == NULL)
        check_report(&faults);
    else
        log_setup((enum log_level)dev->config->log.level, (enum log_format)dev->config->log.format);
    return dev->config != NULL;
}

/* The key of an earlier run, if the registry still takes it. */
static bool
take_api_key(struct dev *dev)
{
    const char *body;

    dev->api_key = files_take(in_dir(dev, "api.key"), dev->mem);
    dev->org_id = files_take(in_dir(dev, "organization"), dev->mem);
    if (dev->api_key == NULL || dev->org_id == NULL)
        return false;
    return loopback_call(&dev->self,
                         &(struct loopback_call){ .method = "GET",
                                                  .target = "/api/agents?limit=1",
                                                  .bearer = dev->api_key },
                         dev->mem, &body) == 200;
}

static bool
make_api_key(struct dev *dev)
{
    struct err err = { 0 };
    struct core core = { 0 };
    struct db *db = open_database(dev);
    struct unit unit = { .core = &core, .db = db, .mem = dev->mem };
    unsigned scopes = 0;
    const struct api_key *key = NULL;

    if (scopes_read("full", &scopes, &err))
        key = keys_create(&unit, "system", "rosterd dev", scopes, &err);
    db_close(db);
    if (key == NULL) {
        cli_fail_err(&err, NULL);
        return false;
    }
    dev->api_key = key->token;
    dev->org_id = key->org_id;
    if (files_put(in_dir(dev, "organization"), dev->org_id) &&
        files_put(in_dir(dev, "api.key"), dev->api_key))
        return true;
    cli_fail(EXIT_FAILED, NULL, "cannot write the API key: %s", strerrordesc_np(errno));
    return false;
}

static void
print_addresses(const struct dev *dev, const char *url)
{
    const char *dir = dev->home.dir;

    printf("rosterd " ROSTERD_VERSION " dev mode, not for production\n");
    printf("  database   private PostgreSQL %s, %s", private_pg_version(dev->pg), dir);
    if (private_pg_made_ms(dev->pg) > 0)
        printf(" (made in %.1f s)", (double)private_pg_made_ms(dev->pg) / 1000);
    printf("\n  schema     %d migration%s applied now\n", dev->migrated,
           dev->migrated == 1 ? "" : "s");
    printf("  api        %s/api/agents        docs %s/docs\n", url, url);
    printf("  key        %s/api.key\n", dir);
    if (dev->sample != NULL)
        printf("  sample     agent \"echo\" (%s) is heartbeating      (--no-sample to leave it out)"
               "\n",
               sample_id(dev->sample));
    printf("Try:\n  curl -s %s/api/agents -H \"Authorization: Bearer $(cat '%s/api.key')\"\n", url,
           dir);
    printf("Ctrl-C stops both processes. Data stays in %s; delete it to start over.\n", dir);
    fflush(stdout);
}

static bool
on_ready(void *arg)
{
    struct dev *dev = arg;
    struct ready ready = { .database = private_pg_conninfo(dev->pg), .pid = getpid() };

    if (!take_api_key(dev) && !make_api_key(dev))
        return false;
    if (cli_get(dev->cli, "no-sample") == NULL)
        dev->sample = sample_open(&dev->self, dev->api_key, dev->home.dir);
    ready.url = app_issuer(dev->app);
    if (!files_put(in_dir(dev, INSTANCE_ISSUER_FILE), ready.url))
        return false;
    ready.api_key = dev->api_key;
    ready.organization_id = dev->org_id;
    const char *text = spec_text(&ready_spec, &ready, VIEW_FULL, dev->mem);
    if (!dev_home_ready(&dev->home, arena_printf(dev->mem, "%s\n", text)))
        return false;
    print_addresses(dev, ready.url);
    return true;
}

static void
on_child(void *arg)
{
    struct dev *dev = arg;

    private_pg_look(dev->pg);
}

static int
serve(struct dev *dev)
{
    const char *listen = dev->config->server.listen;
    struct err err = { 0 };

    dev->app = app_open(dev->config, &err);
    if (dev->app == NULL)
        return cli_fail_err(&err, strcmp(err.field, "server.listen") == 0
                                      ? "is another rosterd running? --listen HOST:PORT chooses "
                                        "another port"
                                      : NULL);
    dev->self.port = app_port(dev->app);
    dev->self.host = arena_textn(dev->mem, listen, (size_t)(strrchr(listen, ':') - listen));
    bool did = supervise_run(&(struct supervise){ .app = dev->app,
                                                  .signals = dev->signals,
                                                  .on_child = on_child,
                                                  .on_ready = on_ready,
                                                  .arg = dev });
    sample_close(dev->sample);
    return did ? EXIT_DONE : EXIT_FAILED;
}

static int
run(struct dev *dev)
{
    dev->pg = private_pg_open(dev->home.dir, dev->signals, dev->mem);
    if (dev->pg == NULL)
        return EXIT_FAILED;
    if (!files_put(in_dir(dev, INSTANCE_FILE), private_pg_conninfo(dev->pg))) {
        cli_fail(EXIT_FAILED, NULL, "cannot write %s: %s", in_dir(dev, INSTANCE_FILE),
                 strerrordesc_np(errno));
        return EXIT_FAILED;
    }
    if (!migrate(dev) || !find_master_key(dev))
        return EXIT_FAILED;
    return load(dev) ? serve(dev) : EXIT_CONFIG;
}

/* Before anything is made: a wrong setting must leave nothing behind. */
static bool
check_settings(struct cli *cli)
{
    struct param listen = { "server.listen", cli_get(cli, "listen") };
    struct params params = { &listen, listen.value == NULL ? 0 : 1 };
    struct list faults;
    struct config_source source = { .overrides = &params, .dev = true, .no_secrets = true };

    if (config_load(&source, cli->mem, &faults) != NULL)
        return true;
    check_report(&faults);
    return false;
}

int
dev_run(struct cli *cli)
{
    struct dev dev = { .cli = cli, .mem = cli->mem };

    clean_environment(cli->mem);
    log_setup(LOG_INFO, LOG_AUTO);
    supervise_environment();
    if (!check_settings(cli))
        return EXIT_CONFIG;
    if (!dev_home_open(&dev.home, cli)) {
        dev_home_close(&dev.home);
        return EXIT_FAILED;
    }
    dev.signals = supervise_open();
    int code = run(&dev);
    private_pg_close(dev.pg);
    dev_home_close(&dev.home);
    close(dev.signals);
    return code;
}
