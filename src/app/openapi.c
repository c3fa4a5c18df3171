/* The verb openapi: the document of the HTTP interface, printed from the tables that serve it. */
#include "http/openapi.h"

#include "api/api.h"
#include "app/verbs.h"

#include <stdio.h>

int
openapi_run(struct cli *cli)
{
    if (cli_get(cli, "errors") != NULL) {
        fputs(openapi_errors(cli->mem), stdout);
        return EXIT_DONE;
    }
    fputs(openapi_text(api_dialects, ROSTERD_VERSION, cli->mem), stdout);
    return EXIT_DONE;
}
