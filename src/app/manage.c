/* The verbs that manage an instance: migrate up, migrate status, key create. */
#include "app/instance.h"
#include "app/verbs.h"
#include "base/clock.h"
#include "db/migrate.h"
#include "domain/keys.h"
#include "model/scope.h"

#include <stdio.h>
#include <string.h>

enum { MIGRATE_MS = 600000 };

struct migrated {
    int64_t applied, version;
};

static const struct field migrated_fields[] = {
    { "applied", INT_AT(struct migrated, applied), .doc = "Migrations that ran now." },
    { "version", INT_AT(struct migrated, version), .doc = "Version of the schema." },
    FIELD_LAST,
};

static const struct spec migrated_spec = { "Migrated", sizeof(struct migrated), migrated_fields };

static const struct field migration_fields[] = {
    { "version", INT_AT(struct migration, version), .doc = "Its number." },
    { "name", TEXT_AT(struct migration, name), .doc = "Its name." },
    { "state", TEXT_AT(struct migration, state), .doc = "applied, pending, changed or unknown." },
    { "applied_at", TIME_AT(struct migration, applied_at), F_NULLABLE, .doc = "When it ran." },
    { "took_ms", INT_AT(struct migration, took_ms), .doc = "How long it took." },
    FIELD_LAST,
};

static const struct spec migration_spec = { "Migration", sizeof(struct migration),
                                            migration_fields };

static const struct field key_fields[] = {
    { "id", TEXT_AT(struct api_key, id), .doc = "Its id." },
    { "organization_id", TEXT_AT(struct api_key, org_id), .doc = "Whose it is." },
    { "name", TEXT_AT(struct api_key, name), .doc = "What it is called." },
    { "key", TEXT_AT(struct api_key, token), .doc = "The key, shown this once." },
    { "created_at", TIME_AT(struct api_key, created_at), .doc = "When it was made." },
    FIELD_LAST,
};

static const struct spec key_spec = { "ApiKey", sizeof(struct api_key), key_fields };

int
migrate_up_run(struct cli *cli)
{
    struct migrated done = { 0 };
    struct err err = { 0 };
    int code = EXIT_FAILED, ran = 0;
    struct db *db = instance_open(cli, &code);

    if (db == NULL)
        return code;
    db_deadline(db, clock_ms() + MIGRATE_MS);
    if (!migrate_up(db, &ran, cli->mem, &err) ||
        !migrate_is_current(db, &done.version, cli->mem, &err)) {
        if (err.code != ERR_NONE)
            return cli_fail_err(&err, NULL);
        return cli_fail(EXIT_FAILED, "rosterd migrate status", "the schema is not this binary's");
    }
    done.applied = ran;
    if (cli_get(cli, "json") != NULL)
        instance_print(cli, &migrated_spec, &done);
    else
        printf("schema %lld, %d migration%s applied\n", (long long)done.version, ran,
               ran == 1 ? "" : "s");
    return EXIT_DONE;
}

int
migrate_status_run(struct cli *cli)
{
    struct err err = { 0 };
    struct list list = { 0 };
    int code = EXIT_FAILED;
    struct db *db = instance_open(cli, &code);

    if (db == NULL)
        return code;
    if (!migrate_status(db, &list, cli->mem, &err))
        return cli_fail_err(&err, NULL);
    if (cli_get(cli, "json") != NULL) {
        instance_print_list(cli, &migration_spec, &list);
        return EXIT_DONE;
    }
    printf("%-8s %-28s %-8s %-25s %s\n", "VERSION", "NAME", "STATE", "APPLIED", "TOOK");
    for (size_t i = 0; i < list.n; i++) {
        const struct migration *m = list.v[i];
        char at[CLOCK_TEXT_SIZE] = "-";

        if (m->applied_at != 0)
            clock_text(m->applied_at, at);
        printf("%-8lld %-28s %-8s %-25s %lld ms\n", (long long)m->version, m->name, m->state, at,
               (long long)m->took_ms);
    }
    return EXIT_DONE;
}

int
key_create_run(struct cli *cli)
{
    const char *org = cli_get(cli, "org"), *scope = cli_get(cli, "scope");
    const char *name = cli_get(cli, "name");
    struct err err = { 0 };
    unsigned scopes = 0;
    int code = EXIT_FAILED;

    if (org == NULL || scope == NULL)
        return cli_fail(EXIT_USAGE, "rosterd key create --org system --scope agents:read",
                        "--%s is missing", org == NULL ? "org" : "scope");
    if (!scopes_read(scope, &scopes, &err))
        return cli_fail(EXIT_USAGE,
                        arena_printf(cli->mem, "read, admin, full, or of these, with commas: %s",
                                     scopes_text((1u << SCOPE_COUNT) - 1, cli->mem)),
                        "--scope \"%.64s\": %s", scope, err.reason);
    struct db *db = instance_open(cli, &code);
    if (db == NULL)
        return code;
    struct core core = { 0 };
    struct unit unit = { .core = &core, .db = db, .mem = cli->mem };
    const struct api_key *key =
        keys_create(&unit, org, name == NULL ? "command line" : name, scopes, &err);
    if (key == NULL)
        return cli_fail_err(&err,
                            err.code == ERR_NOT_FOUND ? "--org system is always there" : NULL);
    if (cli_get(cli, "json") != NULL)
        instance_print(cli, &key_spec, key);
    else
        puts(key->token);
    cli_say("This key is shown this once; only its hash is kept.");
    return EXIT_DONE;
}
