/* Finding the instance that a managing verb works on. */
#include "app/instance.h"

#include "app/check.h"
#include "app/files.h"
#include "base/clock.h"
#include "domain/signing.h"
#include "json/spec.h"

#include <stdio.h>
#include <string.h>

enum { CONNECT_MS = 10000 };

static void
close_db(void *db)
{
    db_close(db);
}

static const char *
conninfo_of(struct cli *cli, int *code)
{
    const char *data = cli_get(cli, "data");
    struct list faults;

    if (data != NULL && cli_get(cli, "config") != NULL) {
        *code = cli_fail(EXIT_USAGE, NULL, "give --config or --data, not both");
        return NULL;
    }
    if (data != NULL) {
        const char *text = files_take(arena_printf(cli->mem, "%s/" INSTANCE_FILE, data), cli->mem);

        if (text == NULL)
            *code = cli_fail(EXIT_NOT_FOUND, "rosterd dev --data DIR makes one",
                             "%s is not the data directory of a rosterd dev", data);
        return text;
    }
    const struct config *config = check_load(cli, &faults);
    if (config == NULL) {
        *code = check_report(&faults);
        return NULL;
    }
    return secret_bytes(config->database.url);
}

struct db *
instance_open(struct cli *cli, int *code)
{
    struct db_options options = { .name = "rosterd command", .timeout_ms = CONNECT_MS };
    struct err err = { 0 };

    options.conninfo = conninfo_of(cli, code);
    if (options.conninfo == NULL)
        return NULL;
    struct db *db = arena_own(cli->mem, db_open(&options), close_db);
    db_deadline(db, clock_ms() + CONNECT_MS);
    if (db_connect(db, &err))
        return db;
    *code = cli_fail(EXIT_UNREACHABLE,
                     cli_get(cli, "data") != NULL ? "is this rosterd dev running?"
                                                  : "see database.url, and whether PostgreSQL runs",
                     "the database does not answer (%s)", err.note);
    return NULL;
}

static void
free_keys(void *keys)
{
    keyring_free(keys);
}

static struct keyring *
read_keys(struct cli *cli, const char *text, size_t n, int *code)
{
    struct err err = { 0 };
    struct keyring *keys = keyring_new(text, n, &err);

    if (keys == NULL)
        *code = cli_fail(EXIT_CONFIG, NULL, "the master key: %s", err.reason);
    return arena_own(cli->mem, keys, free_keys);
}

/* What a dev data directory holds. */
static bool
open_home(struct cli *cli, const char *data, struct instance *instance, int *code)
{
    struct config_source source = { .dev = true, .no_secrets = true };
    const char *text = files_take(arena_printf(cli->mem, "%s/" INSTANCE_KEY_FILE, data), cli->mem);
    struct list faults;

    if (text == NULL) {
        *code = cli_fail(EXIT_NOT_FOUND, NULL, "%s/" INSTANCE_KEY_FILE " cannot be read", data);
        return false;
    }
    instance->issuer =
        files_take(arena_printf(cli->mem, "%s/" INSTANCE_ISSUER_FILE, data), cli->mem);
    instance->config = config_load(&source, cli->mem, &faults);
    if (instance->config == NULL)
        *code = check_report(&faults);
    instance->keys = read_keys(cli, text, strlen(text), code);
    return instance->config != NULL && instance->keys != NULL;
}

static bool
open_server(struct cli *cli, struct instance *instance, int *code)
{
    struct list faults;
    const struct config *c = check_load(cli, &faults);

    if (c == NULL) {
        *code = check_report(&faults);
        return false;
    }
    instance->config = c;
    instance->issuer = c->server.public_url != NULL
                           ? c->server.public_url
                           : arena_printf(cli->mem, "http://%s", c->server.listen);
    instance->keys =
        read_keys(cli, secret_bytes(c->crypto.master_key), secret_size(c->crypto.master_key), code);
    return instance->keys != NULL;
}

bool
instance_open_whole(struct cli *cli, struct instance *instance, int *code)
{
    const char *data = cli_get(cli, "data");

    *instance = (struct instance){ .db = instance_open(cli, code) };
    if (instance->db == NULL)
        return false;
    return data != NULL ? open_home(cli, data, instance, code) : open_server(cli, instance, code);
}

void
instance_print(const struct cli *cli, const struct spec *spec, const void *thing)
{
    puts(spec_text(spec, thing, VIEW_FULL, cli->mem));
}

void
instance_print_list(const struct cli *cli, const struct spec *spec, const struct list *list)
{
    putchar('[');
    for (size_t i = 0; i < list->n; i++)
        printf("%s%s", i > 0 ? "," : "", spec_text(spec, list->v[i], VIEW_FULL, cli->mem));
    puts("]");
}

static void
free_signing(void *signing)
{
    signing_free(signing);
}

bool
instance_unit(struct cli *cli, struct core *core, struct unit *unit, int *code)
{
    struct instance instance;

    if (!instance_open_whole(cli, &instance, code))
        return false;
    struct signing_rules rules = signing_rules_defaults;
    rules.publish_ms = instance.config->oauth.publish;
    *core = (struct core){ .keys = instance.keys, .issuer = instance.issuer };
    core->signing = arena_own(cli->mem, signing_new(&rules), free_signing);
    *unit = (struct unit){ .core = core, .db = instance.db, .mem = cli->mem };
    return true;
}
