/* The verbs that manage organizations: org create, org list. */
#include "app/instance.h"
#include "app/verbs.h"
#include "domain/instances.h"
#include "domain/orgs.h"
#include "json/formats.h"
#include "json/spec.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 1000 };

static const char *const plan_words[] = { "free", "pro", "enterprise", NULL };
static const char *const state_words[] = { "active", "suspended", "deleted", NULL };

/* The options, as the parameters of a query are read: the bounds are those of /api/v1. */
static const struct field option_fields[] = {
    { "name", TEXT_AT(struct org_draft, name), F_REQUIRED, .min = 2, .max = 100,
      .format = &format_plain },
    { "slug", TEXT_AT(struct org_draft, slug), 0, .min = 2, .max = 50, .format = &format_slug },
    { "plan", ENUM_AT(struct org_draft, plan), 0, .names = plan_words },
    { "max-agents", INT_AT(struct org_draft, max_agents), 0, .min = 1, .max = 1000000000 },
    FIELD_LAST,
};

static const struct spec option_spec = { "OrgOptions", sizeof(struct org_draft), option_fields };

static const struct field org_fields[] = {
    { "id", TEXT_AT(struct org, id), .doc = "Its id." },
    { "slug", TEXT_AT(struct org, draft.slug), .doc = "Its short name." },
    { "name", TEXT_AT(struct org, draft.name), .doc = "What people call it." },
    { "plan", ENUM_AT(struct org, draft.plan), .names = plan_words, .doc = "Its plan." },
    { "status", ENUM_AT(struct org, draft.state), .names = state_words, .doc = "As /api/v1 says." },
    { "max_agents", INT_AT(struct org, draft.max_agents), .doc = "Agents that it may have." },
    { "created_at", TIME_AT(struct org, created_at), .doc = "When it was made." },
    FIELD_LAST,
};

static const struct spec org_spec = { "Organization", sizeof(struct org), org_fields };

/* Those options that say what to make; the others say where. */
static bool
read_draft(struct cli *cli, struct org_draft *draft, struct err *err)
{
    struct param *own = arena_alloc(cli->mem, (cli->given.n + 1) * sizeof *own);
    struct params params = { own, 0 };

    for (size_t i = 0; i < cli->given.n; i++)
        for (const struct field *f = option_fields; f->key != NULL; f++)
            if (strcmp(f->key, cli->given.v[i].name) == 0)
                own[params.n++] = cli->given.v[i];
    *draft = orgs_draft_defaults;
    if (!spec_read_query(&option_spec, &params, draft, cli->mem, err))
        return false;
    if (draft->slug == NULL)
        draft->slug = orgs_slug_of(draft->name, cli->mem);
    return strlen(draft->slug) >= 2 ||
           err_set(err, ERR_VALIDATION_ERROR, "slug", "slug: the name makes none.");
}

int
org_create_run(struct cli *cli)
{
    struct org_draft draft;
    struct err err = { 0 };
    int code = EXIT_FAILED;

    if (cli_get(cli, "name") == NULL)
        return cli_fail(EXIT_USAGE, "rosterd org create --name Acme --slug acme",
                        "--name is missing");
    if (!read_draft(cli, &draft, &err))
        return cli_fail(EXIT_USAGE, "rosterd help org create", "--%s", err.reason);
    struct db *db = instance_open(cli, &code);
    if (db == NULL)
        return code;
    struct core core = { 0 };
    struct unit unit = { .core = &core, .db = db, .mem = cli->mem };
    const struct org *org = orgs_create(&unit, &draft, &err);
    if (org == NULL)
        return cli_fail_err(&err,
                            err.code == ERR_VALIDATION_ERROR
                                ? arena_printf(cli->mem, "--slug other than \"%s\"", draft.slug)
                                : NULL);
    if (cli_get(cli, "json") != NULL)
        instance_print(cli, &org_spec, org);
    else
        puts(org->id);
    return EXIT_DONE;
}

static void
print_table(const struct list *list)
{
    printf("%-36s %-20s %-10s %-10s %s\n", "ID", "SLUG", "PLAN", "STATUS", "NAME");
    for (size_t i = 0; i < list->n; i++) {
        const struct org *org = list->v[i];

        printf("%-36s %-20s %-10s %-10s %s\n", org->id, org->draft.slug,
               plan_words[org->draft.plan], state_words[org->draft.state], org->draft.name);
    }
}

/* Page by page; what comes and goes meanwhile may be missed or seen twice. */
static bool
read_all(struct unit *u, struct list *all, struct err *err)
{
    struct org_filter filter = { .state = -1, .page = 1, .limit = PAGE };
    const struct numbered_page *page;

    do {
        page = orgs_list(u, &filter, err);
        if (page == NULL)
            return false;
        void **grown = arena_alloc(u->mem, (all->n + page->data.n) * sizeof *grown);
        if (all->n > 0)
            memcpy(grown, all->v, all->n * sizeof *grown);
        if (page->data.n > 0)
            memcpy(grown + all->n, page->data.v, page->data.n * sizeof *grown);
        *all = (struct list){ grown, all->n + page->data.n };
        filter.page++;
    } while (page->data.n == PAGE);
    return true;
}

int
org_list_run(struct cli *cli)
{
    struct list all = { 0 };
    struct err err = { 0 };
    int code = EXIT_FAILED;
    struct db *db = instance_open(cli, &code);

    if (db == NULL)
        return code;
    struct core core = { 0 };
    struct unit unit = { .core = &core, .db = db, .mem = cli->mem };
    if (!read_all(&unit, &all, &err))
        return cli_fail_err(&err, NULL);
    if (cli_get(cli, "json") != NULL)
        instance_print_list(cli, &org_spec, &all);
    else
        print_table(&all);
    return EXIT_DONE;
}

int
org_policy_run(struct cli *cli)
{
    struct err err = { 0 };
    int code = EXIT_FAILED, mode = 0;

    if (cli->args.n != 2)
        return cli_fail(EXIT_USAGE, "rosterd org policy system allow-list",
                        "an organization and a mode are needed");
    while (policy_mode_words[mode] != NULL && strcmp(policy_mode_words[mode], cli->args.v[1]) != 0)
        mode++;
    if (policy_mode_words[mode] == NULL)
        return cli_fail(EXIT_USAGE, "open, allow-list or audit", "\"%.64s\" is no mode",
                        cli->args.v[1]);
    struct db *db = instance_open(cli, &code);
    if (db == NULL)
        return code;
    struct core core = { 0 };
    struct unit unit = { .core = &core, .db = db, .mem = cli->mem };
    if (!instances_set_policy(&unit, cli->args.v[0], mode, &err))
        return cli_fail_err(&err, err.code == ERR_NOT_FOUND ? "rosterd org list" : NULL);
    return EXIT_DONE;
}
