/* The verb openapi: the document of the HTTP interface, printed from the tables that serve it. */
#include "http/openapi.h"

#include "api/api.h"
#include "app/verbs.h"

#include <stdio.h>

static void
drop_json(void *value)
{
    json_decref(value);
}

int
openapi_run(struct cli *cli)
{
    if (cli_get(cli, "errors") != NULL) {
        fputs(openapi_errors(cli->mem), stdout);
        return EXIT_DONE;
    }
    json_t *document =
        arena_own(cli->mem, openapi_document(api_dialects, ROSTERD_VERSION), drop_json);
    puts(json_text(document, 0, cli->mem));
    return EXIT_DONE;
}
