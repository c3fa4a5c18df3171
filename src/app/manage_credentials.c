/* The verbs that manage credentials of organizations: credential create, list, revoke. */
#include "app/instance.h"
#include "app/verbs.h"
#include "base/clock.h"
#include "domain/keys.h"
#include "domain/org_credentials.h"
#include "model/scope.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 100 };

struct printed {
    const char *client_id, *client_secret, *org_id, *name, *scope, *hint;
    int64_t created_at, revoked_at;
};

static const struct field fields[] = {
    { "client_id", TEXT_AT(struct printed, client_id), .doc = "Its id." },
    { "client_secret", TEXT_AT(struct printed, client_secret), F_OMIT_NULL,
      .doc = "The secret, shown this once." },
    { "organization_id", TEXT_AT(struct printed, org_id), .doc = "Whose it is." },
    { "name", TEXT_AT(struct printed, name), .doc = "What it is called." },
    { "scope", TEXT_AT(struct printed, scope), .doc = "What its tokens may do." },
    { "hint", TEXT_AT(struct printed, hint), .doc = "The end of the secret." },
    { "created_at", TIME_AT(struct printed, created_at), .doc = "When it was made." },
    { "revoked_at", TIME_AT(struct printed, revoked_at), F_NULLABLE,
      .doc = "When it was revoked; null: it is in force." },
    FIELD_LAST,
};

static const struct spec spec = { "OrgCredential", sizeof(struct printed), fields };

static struct printed
print_of(const struct cli *cli, const struct org_credential *c)
{
    return (struct printed){ .client_id = c->id,
                             .client_secret = c->secret,
                             .org_id = c->org_id,
                             .name = c->name,
                             .scope = scopes_text((unsigned)c->scopes, cli->mem),
                             .hint = c->hint,
                             .created_at = c->created_at,
                             .revoked_at = c->revoked_at };
}

int
credential_create_run(struct cli *cli)
{
    const char *org = cli_get(cli, "org"), *scope = cli_get(cli, "scope");
    const char *name = cli_get(cli, "name");
    struct err err = { 0 };
    unsigned scopes = 0;
    int code = EXIT_FAILED;

    if (org == NULL)
        return cli_fail(EXIT_USAGE, "rosterd credential create --org system", "--org is missing");
    if (name != NULL && (name[0] == '\0' || strlen(name) > NAME_MAX_LENGTH))
        return cli_fail(EXIT_USAGE, NULL, "--name must be 1 to %d bytes long", NAME_MAX_LENGTH);
    if (!scopes_read(scope == NULL ? "full" : scope, &scopes, &err))
        return cli_fail(EXIT_USAGE,
                        arena_printf(cli->mem, "read, admin, full, or of these, with commas: %s",
                                     scopes_text((1u << SCOPE_COUNT) - 1, cli->mem)),
                        "--scope \"%.64s\": %s", scope, err.reason);
    struct db *db = instance_open(cli, &code);
    if (db == NULL)
        return code;
    struct core core = { 0 };
    struct unit unit = { .core = &core, .db = db, .mem = cli->mem };
    const struct org_credential *made =
        org_credentials_create(&unit, org, name == NULL ? "command line" : name, scopes, &err);
    if (made == NULL)
        return cli_fail_err(&err,
                            err.code == ERR_NOT_FOUND ? "--org system is always there" : NULL);
    const struct printed printed = print_of(cli, made);
    if (cli_get(cli, "json") != NULL)
        instance_print(cli, &spec, &printed);
    else
        printf("%s\n%s\n", made->id, made->secret);
    cli_say("This secret is shown this once; only its hash is kept.");
    return EXIT_DONE;
}

static void
print_table(const struct list *list)
{
    printf("%-36s %-36s %-4s %-25s %s\n", "CLIENT_ID", "ORGANIZATION", "HINT", "REVOKED", "NAME");
    for (size_t i = 0; i < list->n; i++) {
        const struct printed *p = list->v[i];
        char at[CLOCK_TEXT_SIZE] = "-";

        if (p->revoked_at != 0)
            clock_text(p->revoked_at, at);
        printf("%-36s %-36s %-4s %-25s %s\n", p->client_id, p->org_id, p->hint, at, p->name);
    }
}

int
credential_list_run(struct cli *cli)
{
    struct err err = { 0 };
    int code = EXIT_FAILED;
    struct db *db = instance_open(cli, &code);

    if (db == NULL)
        return code;
    struct core core = { 0 };
    struct unit unit = { .core = &core, .db = db, .mem = cli->mem };
    struct list *list = org_credentials_list(&unit, cli_get(cli, "org"), &err);
    if (list == NULL)
        return cli_fail_err(&err, err.code == ERR_NOT_FOUND ? "rosterd org list" : NULL);
    for (size_t i = 0; i < list->n; i++) {
        struct printed *printed = ARENA_NEW(cli->mem, struct printed);

        *printed = print_of(cli, list->v[i]);
        list->v[i] = printed;
    }
    if (cli_get(cli, "json") != NULL)
        instance_print_list(cli, &spec, list);
    else
        print_table(list);
    return EXIT_DONE;
}

int
credential_revoke_run(struct cli *cli)
{
    struct err err = { 0 };
    int code = EXIT_FAILED;

    if (cli->args.n != 1)
        return cli_fail(EXIT_USAGE, "rosterd credential list", "the client_id is missing");
    struct db *db = instance_open(cli, &code);
    if (db == NULL)
        return code;
    struct core core = { 0 };
    struct unit unit = { .core = &core, .db = db, .mem = cli->mem };
    if (!org_credentials_revoke(&unit, cli->args.v[0], &err))
        return cli_fail_err(&err, err.code == ERR_CREDENTIAL_NOT_FOUND ? "rosterd credential list"
                                                                       : NULL);
    cli_say("Its tokens are refused within a few seconds.");
    return EXIT_DONE;
}
