/* Finds the row for a raw request target. Rows are few, so they are looked through by segments. */
#include "http/route.h"

#include "http/form.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_MAX = 12, PARAMS_MAX = 32, ROWS_MAX = 256, ALLOW_SIZE = 128 };

struct pattern {
    const struct route *route;
    const struct dialect *dialect;
    unsigned nsegments;
    struct {
        const char *text; /* NULL: a {name} */
        size_t size;
    } segments[SEGMENTS_MAX];
    bool takes_rest;
};

struct router {
    const struct dialect *const *dialects;
    struct pattern rows[ROWS_MAX];
    size_t nrows;
    /* Those a path of so many segments could match, in the order of the rows. */
    unsigned short by_size[SEGMENTS_MAX + 1][ROWS_MAX];
    size_t nby_size[SEGMENTS_MAX + 1];
};

/* The path of a target, cut at its slashes; still encoded. */
struct cut {
    unsigned n;
    struct {
        const char *text;
        size_t size;
    } segments[SEGMENTS_MAX];
    bool too_many;
};

static struct cut
cut_path(const char *path, size_t size)
{
    struct cut cut = { 0 };
    const char *end = path + size;

    for (const char *p = path; p < end;) {
        const char *slash = memchr(p + 1, '/', (size_t)(end - p - 1));
        const char *stop = slash == NULL ? end : slash;

        if (cut.n == SEGMENTS_MAX) {
            cut.too_many = true;
            break;
        }
        cut.segments[cut.n].text = p + 1;
        cut.segments[cut.n++].size = (size_t)(stop - p - 1);
        p = stop;
    }
    return cut;
}

static void
add_row(struct router *router, const struct dialect *dialect, const struct route *route)
{
    struct cut cut = cut_path(route->path, strlen(route->path));
    struct pattern *row = &router->rows[router->nrows++];

    assert(router->nrows <= ROWS_MAX && !cut.too_many);
    *row = (struct pattern){ .route = route, .dialect = dialect, .nsegments = cut.n };
    for (unsigned i = 0; i < cut.n; i++) {
        const char *text = cut.segments[i].text;
        size_t size = cut.segments[i].size;

        row->takes_rest = size > 2 && text[size - 2] == '*';
        row->segments[i].text = size > 0 && text[0] == '{' ? NULL : text;
        row->segments[i].size = size;
    }
}

static bool
could_both_match(const struct pattern *a, const struct pattern *b)
{
    if (strcmp(a->route->method, b->route->method) != 0 || a->nsegments != b->nsegments ||
        a->takes_rest != b->takes_rest)
        return false;
    for (unsigned i = 0; i < a->nsegments; i++) {
        if ((a->segments[i].text == NULL) != (b->segments[i].text == NULL))
            return false;
        if (a->segments[i].text != NULL &&
            (a->segments[i].size != b->segments[i].size ||
             memcmp(a->segments[i].text, b->segments[i].text, a->segments[i].size) != 0))
            return false;
    }
    return true;
}

static void
sort_rows(struct router *router)
{
    for (unsigned short i = 0; i < router->nrows; i++) {
        const struct pattern *row = &router->rows[i];
        unsigned last = row->takes_rest ? SEGMENTS_MAX : row->nsegments;

        for (unsigned n = row->nsegments; n <= last; n++)
            router->by_size[n][router->nby_size[n]++] = i;
    }
}

struct router *
router_new(const struct dialect *const *dialects)
{
    struct router *router = must(calloc(1, sizeof *router));

    router->dialects = dialects;
    for (const struct dialect *const *d = dialects; *d != NULL; d++)
        for (const struct route *const *table = (*d)->routes; *table != NULL; table++)
            for (const struct route *route = *table; route->method != NULL; route++)
                add_row(router, *d, route);
    for (size_t i = 0; i < router->nrows; i++)
        for (size_t k = 0; k < i; k++)
            if (could_both_match(&router->rows[i], &router->rows[k])) {
                fprintf(stderr, "rosterd: two routes for %s %s\n", router->rows[i].route->method,
                        router->rows[i].route->path);
                abort();
            }
    sort_rows(router);
    return router;
}

void
router_free(struct router *router)
{
    free(router);
}

const struct dialect *const *
router_dialects(const struct router *router)
{
    return router->dialects;
}

static bool
row_matches(const struct pattern *row, const struct cut *cut)
{
    unsigned fixed = row->takes_rest ? row->nsegments - 1 : row->nsegments;

    if (cut->n < row->nsegments || (!row->takes_rest && (cut->n > fixed || cut->too_many)))
        return false;
    /* Sizes first, as few rows have the same: what is compared then is nearly always equal. */
    for (unsigned i = 0; i < fixed; i++)
        if (row->segments[i].text == NULL ? cut->segments[i].size == 0
                                          : row->segments[i].size != cut->segments[i].size)
            return false;
    for (unsigned i = 0; i < fixed; i++)
        if (row->segments[i].text != NULL &&
            memcmp(row->segments[i].text, cut->segments[i].text, row->segments[i].size) != 0)
            return false;
    return true;
}

/* How many literal segments a row has: "/me" wins over "/{id}". */
static unsigned
weight(const struct pattern *row)
{
    unsigned literal = 0;

    for (unsigned i = 0; i < row->nsegments; i++)
        literal += row->segments[i].text != NULL;
    return literal;
}

/* One segment, percent-decoded into mem; NULL when it has an escape that could change the meaning
 * of what is around it, or is no valid escape. */
static char *
decode(struct arena *mem, const char *text, size_t size)
{
    char *out = form_unescape(text, size, '+', mem);

    return out == NULL || strpbrk(out, "/\\") != NULL || strcmp(out, ".") == 0 ||
                   strcmp(out, "..") == 0
               ? NULL
               : out;
}

static bool
malformed(struct err *err, const char *reason)
{
    return err_set(err, ERR_MALFORMED_REQUEST, NULL, reason);
}

static bool
check_target(const char *target, struct err *err)
{
    if (target[0] != '/' || target[1] == '/')
        return malformed(err, "The request target must be a path.");
    for (const char *p = target; *p != '\0'; p++)
        if (*p <= 0x20 || *p >= 0x7f || *p == '#' || *p == '\\')
            return malformed(err, "The request target has characters that must be encoded.");
    return true;
}

static bool
read_query(const char *text, struct request *rq, struct err *err)
{
    struct param *params = arena_alloc(rq->mem, PARAMS_MAX * sizeof *params);

    rq->query = (struct params){ params, 0 };
    while (*text != '\0') {
        size_t size = strcspn(text, "&"), name = strcspn(text, "=&");

        if (size > 0) {
            const char *value = text + name + (name < size);

            if (rq->query.n == PARAMS_MAX)
                return malformed(err, "Too many query parameters.");
            params[rq->query.n].name = form_decode(text, name, rq->mem);
            params[rq->query.n].value = form_decode(value, (size_t)(text + size - value), rq->mem);
            if (params[rq->query.n].name == NULL || params[rq->query.n].value == NULL)
                return malformed(err, "The query is not well-formed.");
            rq->query.n++;
        }
        text += size + (text[size] == '&');
    }
    return true;
}

static const struct dialect *
owner_of(const struct router *router, const char *path)
{
    const struct dialect *owner = NULL;
    size_t longest = 0;

    for (const struct dialect *const *d = router->dialects; *d != NULL; d++)
        for (const char *const *prefix = (*d)->prefixes; *prefix != NULL; prefix++) {
            size_t n = strlen(*prefix);

            if (strncmp(path, *prefix, n) != 0 || (n > 0 && path[n] != '\0' && path[n] != '/'))
                continue;
            if (owner == NULL || n > longest) {
                owner = *d;
                longest = n;
            }
        }
    return owner;
}

const char *
route_word(const struct dialect *dialect, enum err_code code)
{
    return dialect->word == NULL ? err_name(code) : dialect->word(code);
}

static const struct pattern *
find_row(const struct router *router, const char *method, const struct cut *cut)
{
    const char *name = strcmp(method, "HEAD") == 0 ? "GET" : method;
    const struct pattern *found = NULL;

    for (size_t i = 0; i < router->nby_size[cut->n]; i++) {
        const struct pattern *row = &router->rows[router->by_size[cut->n][i]];

        if (row_matches(row, cut) && strcmp(name, row->route->method) == 0 &&
            (found == NULL || weight(row) > weight(found)))
            found = row;
    }
    return found;
}

/* The methods of all rows for this path, and the dialect of the first of them, which says what is
 * wrong with others; NULL: there are no rows. */
static const struct dialect *
find_methods(const struct router *router, const struct cut *cut, char allow[ALLOW_SIZE])
{
    const struct dialect *dialect = NULL;

    allow[0] = '\0';
    for (size_t i = 0; i < router->nby_size[cut->n]; i++) {
        const struct pattern *row = &router->rows[router->by_size[cut->n][i]];
        const char *name = row->route->method;

        if (!row_matches(row, cut))
            continue;
        if (dialect == NULL)
            dialect = row->dialect;
        if (strstr(allow, name) == NULL) {
            size_t n = strlen(allow);
            const char *and_head = strcmp(name, "GET") == 0 ? ", HEAD" : "";

            snprintf(allow + n, ALLOW_SIZE - n, "%s%s%s", n == 0 ? "" : ", ", name, and_head);
        }
    }
    return dialect;
}

static bool
read_args(const struct pattern *row, const struct cut *cut, struct request *rq, struct err *err)
{
    bool plain = strchr(rq->path, '%') == NULL; /* see check_segments */
    unsigned n = 0;

    for (unsigned i = 0; i < row->nsegments; i++) {
        if (row->segments[i].text != NULL)
            continue;
        if (row->takes_rest && i == row->nsegments - 1) {
            rq->rest = cut->segments[i].text;
            break;
        }
        assert(n < REQUEST_ARGS_MAX);
        rq->args[n] = plain ? arena_textn(rq->mem, cut->segments[i].text, cut->segments[i].size)
                            : decode(rq->mem, cut->segments[i].text, cut->segments[i].size);
        if (rq->args[n++] == NULL)
            return malformed(err, "The path is not well-formed.");
    }
    return true;
}

/* Every segment must decode: also those of an unknown path, and all that a {path*} takes. A path
 * without a percent sign, a backslash (check_target) and "/." means what it says. */
static bool
check_segments(struct request *rq, struct err *err)
{
    if (strchr(rq->path, '%') == NULL && strstr(rq->path, "/.") == NULL)
        return true;
    for (const char *p = rq->path; *p == '/';) {
        size_t size = strcspn(p + 1, "/");

        if (decode(rq->mem, p + 1, size) == NULL)
            return malformed(err, "The path is not well-formed.");
        p += 1 + size;
    }
    return true;
}

bool
router_match(const struct router *router, const char *method, const char *target,
             struct request *rq, const char **allow, struct err *err)
{
    size_t size = strcspn(target, "?");
    char methods[ALLOW_SIZE];

    *allow = NULL;
    rq->path = arena_textn(rq->mem, target, size);
    if (!check_target(target, err) || !check_segments(rq, err)) {
        rq->dialect = owner_of(router, rq->path);
        return false;
    }
    struct cut cut = cut_path(rq->path, size);
    const struct pattern *row = find_row(router, method, &cut);
    if (row == NULL) {
        const struct dialect *knows = find_methods(router, &cut, methods);

        rq->dialect = knows != NULL ? knows : owner_of(router, rq->path);
        if (knows == NULL)
            return err_set(err, ERR_NOT_FOUND, NULL, NULL);
        *allow = arena_text(rq->mem, methods);
        return err_set(err, ERR_METHOD_NOT_ALLOWED, NULL, NULL);
    }
    rq->route = row->route;
    rq->dialect = row->dialect;
    rq->raw_query = target[size] == '?' ? target + size + 1 : NULL;
    return read_args(row, &cut, rq, err) &&
           (((rq->route->flags & ROUTE_STREAM) != 0 && rq->route->out_type == NULL) ||
            read_query(rq->raw_query == NULL ? "" : rq->raw_query, rq, err));
}
