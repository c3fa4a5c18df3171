/* Finding the instance that a managing verb works on. */
#include "app/instance.h"

#include "app/check.h"
#include "app/files.h"
#include "base/clock.h"
#include "json/spec.h"

#include <stdio.h>

enum { CONNECT_MS = 10000 };

static void
close_db(void *db)
{
    db_close(db);
}

static void
drop_json(void *value)
{
    json_decref(value);
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

void
instance_print(const struct cli *cli, const struct spec *spec, const void *thing)
{
    json_t *value = arena_own(cli->mem, spec_write(spec, thing, VIEW_FULL), drop_json);

    puts(json_text(value, 0, cli->mem));
}

void
instance_print_list(const struct cli *cli, const struct spec *spec, const struct list *list)
{
    putchar('[');
    for (size_t i = 0; i < list->n; i++) {
        json_t *value = arena_own(cli->mem, spec_write(spec, list->v[i], VIEW_FULL), drop_json);
        printf("%s%s", i > 0 ? "," : "", json_text(value, 0, cli->mem));
    }
    puts("]");
}
