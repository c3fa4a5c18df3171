/* The verbs about the configuration: check-config, config example, config manual. */
#include "app/check.h"

#include "app/verbs.h"

#include <stdio.h>
#include <string.h>

/* Whether fault i is the first of its file. */
static bool
is_new_file(const struct list *faults, size_t i)
{
    const struct config_fault *f = faults->v[i];
    const char *colon = strrchr(f->where, ':');
    size_t n = colon == NULL ? strlen(f->where) : (size_t)(colon - f->where);

    for (size_t k = 0; k < i; k++) {
        const struct config_fault *before = faults->v[k];
        if (strncmp(before->where, f->where, n) == 0 &&
            (before->where[n] == ':' || before->where[n] == '\0'))
            return false;
    }
    return strncmp(f->where, "environment ", 12) != 0 && strcmp(f->where, "command line") != 0;
}

int
check_report(const struct list *faults)
{
    size_t files = 0;

    for (size_t i = 0; i < faults->n; i++) {
        const struct config_fault *f = faults->v[i];

        fprintf(stderr, "%s: %s\n", f->where, f->text);
        files += is_new_file(faults, i);
    }
    fprintf(stderr, "%zu fault%s", faults->n, faults->n == 1 ? "" : "s");
    if (files > 0)
        fprintf(stderr, " in %zu file%s", files, files == 1 ? "" : "s");
    fputs(". Nothing was changed.\n", stderr);
    return EXIT_CONFIG;
}

struct config *
check_load(const struct cli *cli, struct list *faults)
{
    const char *file = cli_get(cli, "config");

    return config_load(&(struct config_source){ .file = file == NULL ? CLI_CONFIG_FILE : file,
                                                .no_secrets = cli_get(cli, "no-secrets") != NULL },
                       cli->mem, faults);
}

int
check_config_run(struct cli *cli)
{
    struct list faults;

    if (check_load(cli, &faults) == NULL)
        return check_report(&faults);
    cli_say("No faults.");
    return EXIT_DONE;
}

int
config_example_run(struct cli *cli)
{
    fputs(config_example(cli->mem), stdout);
    return EXIT_DONE;
}

int
config_manual_run(struct cli *cli)
{
    fputs(config_manual(cli->mem), stdout);
    return EXIT_DONE;
}
