/* The verb table, its help, and finding the verb that was meant. */
#include "app/cli.h"

#include "app/verbs.h"
#include "base/must.h"
#include "json/near.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int help_run(struct cli *cli);

#define OPTION_LAST                                                                                \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define OPTION_HELP                                                                                \
    {                                                                                              \
        "help", NULL, "Show this help."                                                            \
    }
#define OPTIONS_INSTANCE                                                                           \
    { "config", "FILE", "The configuration of the server (standard: " CLI_CONFIG_FILE ")." },      \
        { "data", "DIR", "The data directory of a \"rosterd dev\" instead." },                     \
        { "json", NULL, "Print JSON." }, OPTION_HELP

static const struct cli_option no_options[] = { OPTION_HELP, OPTION_LAST };

static const struct cli_option config_options[] = {
    { "config", "FILE", "The configuration (standard: " CLI_CONFIG_FILE ")." },
    OPTION_HELP,
    OPTION_LAST,
};

static const struct cli_option check_options[] = {
    { "config", "FILE", "The configuration (standard: " CLI_CONFIG_FILE ")." },
    { "no-secrets", NULL, "Neither read nor require the secrets." },
    OPTION_HELP,
    OPTION_LAST,
};

static const struct cli_option dev_options[] = {
    { "listen", "HOST:PORT", "Where to listen (standard: 127.0.0.1:8080)." },
    { "data", "DIR", "Where everything is kept (standard: ./rosterd-data)." },
    { "ready-file", "FILE", "Write JSON with url, api_key, … to FILE once it serves." },
    { "no-sample", NULL, "Leave out the sample agent \"echo\"." },
    OPTION_HELP,
    OPTION_LAST,
};

static const struct cli_option instance_options[] = { OPTIONS_INSTANCE, OPTION_LAST };

static const struct cli_option key_options[] = {
    { "org", "SLUG|UUID", "The organization it belongs to." },
    { "scope", "S[,S...]", "What it may do: scopes, or one of the words read, admin, full." },
    { "name", "NAME", "What to call it (standard: \"command line\")." },
    OPTIONS_INSTANCE,
    OPTION_LAST,
};

static const struct cli_option credential_options[] = {
    { "org", "SLUG|UUID", "The organization it belongs to." },
    { "scope", "S[,S...]", "What it may do: scopes, or read, admin, full (standard: full)." },
    { "name", "NAME", "What to call it (standard: \"command line\")." },
    OPTIONS_INSTANCE,
    OPTION_LAST,
};

static const struct cli_option of_org_options[] = {
    { "org", "SLUG|UUID", "Only those of this organization." },
    OPTIONS_INSTANCE,
    OPTION_LAST,
};

static const struct cli_option org_options[] = {
    { "name", "NAME", "What to call it." },
    { "slug", "SLUG", "Its short name (standard: made of the name)." },
    { "plan", "PLAN", "free, pro or enterprise (standard: free)." },
    { "max-agents", "N", "How many agents it may have (standard: 100)." },
    OPTIONS_INSTANCE,
    OPTION_LAST,
};

static const struct cli_option token_options[] = {
    { "org", "ORG", "Whose token, by slug or UUID (standard: system)." },
    { "scope", "SCOPES", "Scopes with commas between them (standard: full,admin:orgs)." },
    OPTIONS_INSTANCE,
    OPTION_LAST,
};

static const struct cli_option signing_options[] = {
    { "alg", "RS256|ES256", "What the key is for (standard: RS256)." },
    OPTIONS_INSTANCE,
    OPTION_LAST,
};

static const struct cli_option openapi_options[] = {
    { "errors", NULL, "Print docs/errors.md instead." },
    OPTION_HELP,
    OPTION_LAST,
};

static const struct verb verbs[] = {
    { "serve", "", "Run the server in the foreground.", config_options, serve_run },
    { "dev", "", "Run a registry with a private database, to try things out.", dev_options,
      dev_run },
    { "migrate up", "", "Bring the database schema up to this binary's.", instance_options,
      migrate_up_run },
    { "migrate status", "", "List the migrations.", instance_options, migrate_status_run },
    { "key create", "", "Create an API key and print it, this once.", key_options, key_create_run },
    { "credential create", "", "Create a client id and secret of an organization; print them once.",
      credential_options, credential_create_run },
    { "credential list", "", "List the credentials of organizations.", of_org_options,
      credential_list_run },
    { "credential revoke", "ID", "End a credential and the tokens that it got.", instance_options,
      credential_revoke_run },
    { "org create", "", "Create an organization and print its id.", org_options, org_create_run },
    { "org list", "", "List the organizations.", instance_options, org_list_run },
    { "org policy", "ORG MODE", "Say which agent types ORG admits: open, allow-list or audit.",
      instance_options, org_policy_run },
    { "signing-key rotate", "", "Publish a new signing key; it signs when clients know it.",
      signing_options, signing_key_rotate_run },
    { "signing-key list", "", "List the keys that sign access tokens.", instance_options,
      signing_key_list_run },
    { "token bootstrap", "", "Print the operator's first access token, for an hour.", token_options,
      token_bootstrap_run },
    { "check-config", "", "List every fault of a configuration; change nothing.", check_options,
      check_config_run },
    { "config example", "", "Print conf/rosterd.conf.example.", no_options, config_example_run },
    { "config manual", "", "Print docs/configuration.md.", no_options, config_manual_run },
    { "openapi", "", "Print the OpenAPI document of the HTTP interface.", openapi_options,
      openapi_run },
    { "help", "[VERB]", "Show the verbs, or what one of them takes.", no_options, help_run },
    { .name = NULL },
};

__attribute__((format(printf, 2, 0))) static void
put_failure(const char *hint, const char *sentence, va_list args)
{
    fputs("rosterd: ", stderr);
    vfprintf(stderr, sentence, args);
    fputc('\n', stderr);
    if (hint != NULL)
        fprintf(stderr, "hint: %s\n", hint);
}

int
cli_fail(enum cli_exit code, const char *hint, const char *sentence, ...)
{
    va_list args;

    va_start(args, sentence);
    put_failure(hint, sentence, args);
    va_end(args);
    return (int)code;
}

static enum cli_exit
exit_of(const struct err *err)
{
    int status = err_status(err->code);

    if (err->code == ERR_DATABASE_UNAVAILABLE)
        return EXIT_UNREACHABLE;
    if (status == 404)
        return EXIT_NOT_FOUND;
    if (status == 409 || status == 412)
        return EXIT_CONFLICT;
    return status == 400 ? EXIT_USAGE : EXIT_FAILED;
}

int
cli_fail_err(const struct err *err, const char *hint)
{
    return cli_fail(exit_of(err), hint, "%s%s%s%s", err->reason, err->note[0] != '\0' ? " (" : "",
                    err->note, err->note[0] != '\0' ? ")" : "");
}

void
cli_say(const char *sentence, ...)
{
    va_list args;

    va_start(args, sentence);
    vfprintf(stderr, sentence, args);
    va_end(args);
    fputc('\n', stderr);
}

const char *
cli_get(const struct cli *cli, const char *option)
{
    for (size_t i = 0; i < cli->given.n; i++)
        if (strcmp(cli->given.v[i].name, option) == 0)
            return cli->given.v[i].value;
    return NULL;
}

static void
put_verbs(FILE *out)
{
    fputs("Roster, an agent registry.\n\nUsage: rosterd VERB [OPTION…]\n\n", out);
    for (const struct verb *v = verbs; v->name != NULL; v++)
        fprintf(out, "  %-20s %s\n", v->name, v->summary);
    fputs("\nrosterd help VERB shows what a verb takes; rosterd --version the version.\n", out);
}

static void
put_verb(FILE *out, const struct verb *verb)
{
    fprintf(out, "Usage: rosterd %s%s%s\n\n%s\n\n", verb->name, verb->args[0] != '\0' ? " " : "",
            verb->args, verb->summary);
    for (const struct cli_option *o = verb->options; o->name != NULL; o++) {
        char text[64];

        snprintf(text, sizeof text, "--%s%s%s", o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        fprintf(out, "  %-24s %s\n", text, o->doc);
    }
}

/* How many of the arguments name this verb: 0, 1 or 2. */
static int
words_matched(const struct verb *verb, int argc, char **argv)
{
    const char *space = strchr(verb->name, ' ');

    if (argc < 1)
        return 0;
    if (space == NULL)
        return strcmp(verb->name, argv[0]) == 0 ? 1 : 0;
    size_t n = (size_t)(space - verb->name);
    return argc > 1 && strlen(argv[0]) == n && strncmp(verb->name, argv[0], n) == 0 &&
                   strcmp(space + 1, argv[1]) == 0
               ? 2
               : 0;
}

static bool
is_first_word(const char *word)
{
    size_t n = strlen(word);

    for (const struct verb *v = verbs; v->name != NULL; v++)
        if (strncmp(v->name, word, n) == 0 && v->name[n] == ' ')
            return true;
    return false;
}

static int
unknown_verb(struct arena *mem, int argc, char **argv)
{
    const char *best = NULL, *given = argv[0];
    unsigned least = UINT_MAX;

    for (const struct verb *v = verbs; v->name != NULL; v++) {
        const char *whole = strchr(v->name, ' ') != NULL && argc > 1 && argv[1][0] != '-'
                                ? arena_printf(mem, "%s %s", argv[0], argv[1])
                                : argv[0];
        unsigned d = near_distance(whole, v->name);

        if (d < least) {
            least = d;
            best = v->name;
            given = whole;
        }
    }
    /* "rosterd key" is half a verb: its other half is worth more than a guess. */
    bool half = is_first_word(argv[0]);
    if (half && argc < 2)
        return cli_fail(EXIT_USAGE, arena_printf(mem, "rosterd help %s", argv[0]),
                        "\"%s\" needs a second word", argv[0]);
    if (best != NULL && near_enough(least, given))
        return cli_fail(EXIT_USAGE, "rosterd help", "unknown verb \"%.64s\"; did you mean \"%s\"?",
                        given, best);
    if (half)
        return cli_fail(EXIT_USAGE, arena_printf(mem, "rosterd help %s", argv[0]),
                        "unknown verb \"%s %.64s\"", argv[0], argv[1]);
    return cli_fail(EXIT_USAGE, "rosterd help", "unknown verb \"%.64s\"", argv[0]);
}

static int
help_run(struct cli *cli)
{
    char *words[2] = { NULL, NULL };
    size_t n = cli->args.n < 2 ? cli->args.n : 2;
    bool any = false;

    for (size_t i = 0; i < n; i++)
        words[i] = arena_text(cli->mem, cli->args.v[i]);
    if (n == 0) {
        put_verbs(stdout);
        return EXIT_DONE;
    }
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        size_t first = strlen(words[0]);
        bool group = n == 1 && strncmp(v->name, words[0], first) == 0 && v->name[first] == ' ';
        size_t matched = (size_t)words_matched(v, (int)n, words);

        if (!group && matched == 0)
            continue;
        if (!group && cli->args.n > matched)
            return cli_fail(EXIT_USAGE, "rosterd help", "\"%.64s\" is not expected here",
                            cli->args.v[matched]);
        if (any)
            putchar('\n');
        put_verb(stdout, v);
        any = true;
    }
    return any ? EXIT_DONE : unknown_verb(cli->mem, (int)n, words);
}

enum { OPTIONS_MAX = 16 };

/* What getopt just stopped at. Of short options it keeps the letter, and has not passed them yet;
 * of long ones it keeps 0, or the 1 of our table. */
static const char *
refused_option(struct arena *mem, char **argv)
{
    return optopt > 1 ? arena_printf(mem, "-%c", optopt) : argv[optind - 1];
}

/* Reads options and arguments; false, said and *code set, when they are not as the verb wants. */
static bool
read_options(struct cli *cli, int argc, char **argv, int *code)
{
    struct option table[OPTIONS_MAX] = { { 0 } };
    struct param *given = arena_alloc(cli->mem, (size_t)argc * sizeof *given);
    const char *usage = arena_printf(cli->mem, "rosterd help %s", cli->verb->name);
    int n = 0, which = 0, c;

    for (const struct cli_option *o = cli->verb->options; o->name != NULL; o++, n++)
        table[n] = (struct option){ o->name, o->value != NULL, NULL, 1 };
    cli->given.v = given;
    opterr = 0;
    optind = 0;
    while ((c = getopt_long(argc, argv, ":", table, &which)) != -1) {
        if (c == ':' || c == '?') {
            *code =
                cli_fail(EXIT_USAGE, usage,
                         c == ':' ? "%s needs a value" : "\"%.64s\" is not an option of this verb",
                         refused_option(cli->mem, argv));
            return false;
        }
        if (cli_get(cli, table[which].name) != NULL) {
            *code = cli_fail(EXIT_USAGE, usage, "--%s is given twice", table[which].name);
            return false;
        }
        given[cli->given.n++] = (struct param){ table[which].name, optarg == NULL ? "" : optarg };
    }
    cli->args.v = arena_alloc(cli->mem, (size_t)argc * sizeof(char *));
    for (int i = optind; i < argc; i++)
        cli->args.v[cli->args.n++] = argv[i];
    if (cli->args.n > 0 && cli->verb->args[0] == '\0' && cli_get(cli, "help") == NULL) {
        *code = cli_fail(EXIT_USAGE, usage, "\"%.64s\" is not expected here", cli->args.v[0]);
        return false;
    }
    return true;
}

static int
run_verb(struct arena *mem, int argc, char **argv)
{
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        struct cli cli = { .mem = mem, .verb = v };
        int words = words_matched(v, argc - 1, argv + 1), code = EXIT_USAGE;

        if (words == 0)
            continue;
        /* getopt skips the first: there the last word of the verb stands for the program. */
        if (!read_options(&cli, argc - words, argv + words, &code))
            return code;
        if (cli_get(&cli, "help") != NULL) {
            put_verb(stdout, v);
            return EXIT_DONE;
        }
        return v->run(&cli);
    }
    return unknown_verb(mem, argc - 1, argv + 1);
}

int
cli_main(int argc, char **argv)
{
    struct arena *mem = arena_new();
    int code;

    if (argc < 2) {
        put_verbs(stderr);
        code = EXIT_USAGE;
    } else if (strcmp(argv[1], "--version") == 0) {
        puts("rosterd " ROSTERD_VERSION);
        code = EXIT_DONE;
    } else if (strcmp(argv[1], "--help") == 0) {
        put_verbs(stdout);
        code = EXIT_DONE;
    } else {
        code = run_verb(mem, argc, argv);
    }
    /* A full disk or a closed pipe must not look like success. */
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && code == EXIT_DONE)
        code = cli_fail(EXIT_FAILED, NULL, "the output could not be written");
    arena_free(mem);
    return code;
}
