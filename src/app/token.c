/* The verb token bootstrap: no address issues the first token. */
#include "app/instance.h"
#include "app/verbs.h"
#include "domain/access.h"
#include "domain/keys.h"

#include <stdio.h>

int
token_bootstrap_run(struct cli *cli)
{
    const char *org = cli_get(cli, "org"), *scope = cli_get(cli, "scope");
    struct err err = { 0 };
    unsigned scopes = 0;
    struct core core;
    struct unit unit;
    int code = EXIT_FAILED;

    if (!scopes_read(scope == NULL ? "full,admin:orgs" : scope, &scopes, &err))
        return cli_fail(EXIT_USAGE, "read, admin, full, or scopes with commas between them",
                        "--scope \"%.64s\": %s", scope, err.reason);
    if (!instance_unit(cli, &core, &unit, &code))
        return code;
    if (core.issuer == NULL)
        return cli_fail(EXIT_NOT_FOUND, "start rosterd dev once", "its address is not known yet");
    if (!keys_check_master(&unit, &err))
        return cli_fail_err(&err, NULL);
    char *token = access_bootstrap(&unit, org == NULL ? "system" : org, scopes, &err);
    if (token == NULL)
        return cli_fail_err(&err, err.code == ERR_NOT_FOUND ? "rosterd org list" : NULL);
    puts(token);
    cli_say("It is in force for an hour.");
    return EXIT_DONE;
}
