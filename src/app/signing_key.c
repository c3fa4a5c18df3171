/* The verbs signing-key rotate and signing-key list. */
#include "app/instance.h"
#include "app/verbs.h"
#include "base/clock.h"
#include "domain/keys.h"
#include "domain/signing.h"

#include <stdio.h>
#include <string.h>

static const char *const states[] = { "published", "signing", "retiring", "retired", NULL };

static const struct field fields[] = {
    { "kid", TEXT_AT(struct signing_key, kid), .doc = "Its id in tokens." },
    { "alg", ENUM_AT(struct signing_key, alg), .names = jwt_alg_names, .doc = "Its algorithm." },
    { "state", ENUM_AT(struct signing_key, state), .names = states,
      .doc = "published, signing, retiring or retired." },
    { "created_at", TIME_AT(struct signing_key, created_at), .doc = "When it was made." },
    { "signs_at", TIME_AT(struct signing_key, signs_at), .doc = "From when on it signs." },
    { "retires_at", TIME_AT(struct signing_key, retires_at), F_NULLABLE,
      .doc = "From when on it is not believed; null: not replaced." },
    FIELD_LAST,
};

static const struct spec key_spec = { "SigningKey", sizeof(struct signing_key), fields };

static const struct signing_key *
find(const struct list *keys, const char *kid)
{
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp(((const struct signing_key *)keys->v[i])->kid, kid) == 0)
            return keys->v[i];
    return NULL;
}

int
signing_key_rotate_run(struct cli *cli)
{
    const char *name = cli_get(cli, "alg"), *kid = NULL;
    enum jwt_alg alg = JWT_RS256;
    struct err err = { 0 };
    struct core core;
    struct unit unit;
    int code = EXIT_FAILED;

    if (name != NULL && strcmp(name, jwt_alg_names[JWT_ES256]) == 0)
        alg = JWT_ES256;
    else if (name != NULL && strcmp(name, jwt_alg_names[JWT_RS256]) != 0)
        return cli_fail(EXIT_USAGE, "RS256 or ES256", "--alg \"%.64s\" is not known", name);
    if (!instance_unit(cli, &core, &unit, &code))
        return code;
    if (!keys_check_master(&unit, &err) || !signing_rotate(&unit, alg, &kid, &err))
        return cli_fail_err(&err, NULL);
    const struct list *keys = signing_list(&unit, &err);
    const struct signing_key *key = keys == NULL ? NULL : find(keys, kid);
    if (key == NULL)
        return cli_fail_err(&err, NULL);
    char at[CLOCK_TEXT_SIZE];
    if (cli_get(cli, "json") != NULL)
        instance_print(cli, &key_spec, key);
    else
        puts(kid);
    cli_say("It is published now and signs from %s on.", clock_text(key->signs_at, at));
    return EXIT_DONE;
}

int
signing_key_list_run(struct cli *cli)
{
    struct err err = { 0 };
    struct core core;
    struct unit unit;
    int code = EXIT_FAILED;

    if (!instance_unit(cli, &core, &unit, &code))
        return code;
    const struct list *keys = signing_list(&unit, &err);
    if (keys == NULL)
        return cli_fail_err(&err, NULL);
    if (cli_get(cli, "json") != NULL) {
        instance_print_list(cli, &key_spec, keys);
        return EXIT_DONE;
    }
    printf("%-43s %-6s %-10s %-25s %s\n", "KID", "ALG", "STATE", "SIGNS", "RETIRES");
    for (size_t i = 0; i < keys->n; i++) {
        const struct signing_key *key = keys->v[i];
        char signs[CLOCK_TEXT_SIZE], retires[CLOCK_TEXT_SIZE] = "-";

        if (key->retires_at != 0)
            clock_text(key->retires_at, retires);
        printf("%-43s %-6s %-10s %-25s %s\n", key->kid, jwt_alg_names[key->alg], states[key->state],
               clock_text(key->signs_at, signs), retires);
    }
    return EXIT_DONE;
}
