/* The reference page: HTML without script, from the same tables as the document. */
#include "openapi_priv.h"

#include "base/buf.h"

#include <string.h>

/* The page so far, and the specs that still need a chapter of their own. */
struct page {
    struct buf out;
    struct arena *mem;
    const struct dialect *dialect;
    struct {
        const struct spec *spec;
        enum spec_side side;
    } objects[128];
    size_t nobjects;
};

static void
raw(struct page *page, const char *markup)
{
    buf_text(&page->out, markup);
}

static void
text(struct page *page, const char *plain)
{
    for (; *plain != '\0'; plain++) {
        switch (*plain) {
        case '&':
            raw(page, "&amp;");
            break;
        case '<':
            raw(page, "&lt;");
            break;
        case '>':
            raw(page, "&gt;");
            break;
        case '"':
            raw(page, "&quot;");
            break;
        default:
            buf_put(&page->out, plain, 1);
        }
    }
}

/* Markup with the texts, escaped, in place of each %; at most three. */
static void
put(struct page *page, const char *markup, const char *a, const char *b, const char *c)
{
    const char *texts[] = { a, b, c, NULL };
    size_t n = 0;

    for (; *markup != '\0'; markup++) {
        if (*markup == '%')
            text(page, texts[n++]);
        else
            buf_put(&page->out, markup, 1);
    }
}

/* ---- members ---- */

static const char *
anchor_of(struct page *page, const struct spec *spec, enum spec_side side)
{
    for (size_t i = 0; i < page->nobjects; i++)
        if (page->objects[i].spec == spec && page->objects[i].side == side)
            return spec_schema_name(spec, side, page->mem);
    if (page->nobjects < COUNT(page->objects)) {
        page->objects[page->nobjects].spec = spec;
        page->objects[page->nobjects++].side = side;
    }
    return spec_schema_name(spec, side, page->mem);
}

static const char *
bounds_of(const struct field *f, const char *units, struct arena *mem)
{
    if (f->max == 0)
        return f->min > 0 ? arena_printf(mem, ", at least %lld%s", f->min, units) : "";
    return arena_printf(mem, ", %lld to %lld%s", f->min, f->max, units);
}

static const char *
kind_of(const struct field *f, struct arena *mem)
{
    switch (f->kind) {
    case FIELD_TEXT:
        return f->format != NULL
                   ? arena_printf(mem, "text (%s)%s", f->format->name, bounds_of(f, " chars", mem))
                   : arena_printf(mem, "text%s", bounds_of(f, " chars", mem));
    case FIELD_TEXTS:
        return arena_printf(mem, "list of texts%s", bounds_of(f, " items", mem));
    case FIELD_BOOL:
        return "true or false";
    case FIELD_INT:
        return arena_printf(mem, "whole number%s", bounds_of(f, "", mem));
    case FIELD_ENUM:
        return "one of";
    case FIELD_TIME:
        return "date and time";
    case FIELD_JSON:
        return "JSON object";
    case FIELD_OBJECT:
        return "object";
    case FIELD_LIST:
        return "list of objects";
    case FIELD_UUID:
    case FIELD_BYTES:
        break;
    }
    return "";
}

static void
put_kind(struct page *page, const struct field *f, enum spec_side side)
{
    put(page, "<td>%", kind_of(f, page->mem), NULL, NULL);
    for (size_t i = 0; f->names != NULL && f->names[i] != NULL; i++)
        put(page, " <code>%</code>", f->names[i], NULL, NULL);
    if (f->spec != NULL) {
        const char *name = anchor_of(page, f->spec, side);

        put(page, " <a href=\"#object-%\">%</a>", name, name, NULL);
    }
    if ((f->flags & F_NULLABLE) != 0)
        raw(page, " or null");
    raw(page, "</td>");
}

static void
put_field(struct page *page, const struct field *f, const char *name, enum spec_side side)
{
    bool needed = (f->flags & F_REQUIRED) != 0 && side == SIDE_IN;

    put(page, "<tr><td><code>%</code>%</td>", name, needed ? " required" : "", NULL);
    put_kind(page, f, side);
    put(page, "<td>%</td></tr>\n", f->doc == NULL ? "" : f->doc, NULL, NULL);
}

static bool
is_on(const struct field *f, enum spec_side side)
{
    return (f->flags & (side == SIDE_OUT ? F_IN_ONLY : F_OUT_ONLY)) == 0 &&
           !(side == SIDE_PATCH && (f->flags & F_IMMUTABLE) != 0);
}

static void
begin_table(struct page *page, const char *title, const char *first)
{
    put(page,
        "<h4>%</h4>\n<div class=\"wide\"><table><thead><tr><th>%</th><th>Kind</th>"
        "<th>Meaning</th></tr></thead><tbody>\n",
        title, first, NULL);
}

static void
end_table(struct page *page)
{
    raw(page, "</tbody></table></div>\n");
}

static void
put_fields(struct page *page, const char *title, const char *first, const struct field *fields,
           enum spec_side side)
{
    begin_table(page, title, first);
    for (const struct field *f = fields; f->key != NULL; f++)
        if (is_on(f, side))
            put_field(page, f, f->key, side);
    end_table(page);
}

/* ---- operations ---- */

struct naming {
    struct page *page;
    const struct route *route;
};

static void
put_name(void *arg, const char *name)
{
    const struct naming *naming = arg;

    put_field(naming->page, openapi_field(naming->route->args, name), name, SIDE_PATCH);
}

static void
put_caller(struct page *page, const struct route *route)
{
    const char *const *scopes = page->dialect->scopes;

    raw(page, "<p class=\"who\">");
    switch (route->who) {
    case WHO_ANYONE:
        raw(page, "Anyone may call this.");
        break;
    case WHO_AGENT:
        raw(page, "For agents: <code>Authorization: Bearer tk_…</code>");
        break;
    case WHO_KEY:
        raw(page, "For API keys and access tokens: <code>Authorization: Bearer …</code>");
        for (unsigned i = 0; scopes != NULL && scopes[i] != NULL; i++)
            if ((route->scope & 1u << i) != 0)
                put(page, " with the scope <code>%</code>", scopes[i], NULL, NULL);
        break;
    case WHO_CLIENT:
        raw(page, "For API keys: <code>Authorization: Bearer rk_…</code>; and for OAuth clients, "
                  "by their own secret: <code>Authorization: Basic …</code>");
        break;
    }
    raw(page, "</p>\n");
}

static void
put_notes(struct page *page, const struct route *route)
{
    if ((route->flags & ROUTE_CREATES) != 0)
        raw(page, "<p>Honours <code>Idempotency-Key</code>: the same request with the same key "
                  "within a day has one effect.</p>\n");
    else if ((route->flags & ROUTE_ETAG) != 0)
        put(page, "<p>Honours <code>%</code> with an ETag.</p>\n",
            strcmp(route->method, "GET") == 0 ? "If-None-Match" : "If-Match", NULL, NULL);
    if (openapi_relays(route))
        raw(page, "<p>The body is passed on as it comes, and so is the answer.</p>\n");
    if ((route->flags & ROUTE_LAX_BODY) != 0)
        raw(page, "<p>A body that is missing or no JSON counts as <code>{}</code>.</p>\n");
}

static void
put_success(struct page *page, const struct route *route)
{
    const char *types[3];

    if (openapi_relays(route) || route->ok == 0)
        return;
    openapi_types(route, types);
    put(page, "<p>Answers <strong>%</strong>", arena_printf(page->mem, "%d", route->ok), NULL,
        NULL);
    if (route->out != NULL) {
        const char *name = anchor_of(page, route->out, SIDE_OUT);

        put(page, " with <a href=\"#object-%\">%</a>", name, name, NULL);
    }
    for (size_t i = 0; types[i] != NULL; i++)
        put(page, i == 0 ? " as <code>%</code>" : " or <code>%</code>", types[i], NULL, NULL);
    raw(page, ".</p>\n");
}

static void
put_failures(struct page *page, const struct route *route)
{
    enum err_code codes[ERR_COUNT];

    route_failures(route, codes);
    raw(page, "<details><summary>Errors</summary><div class=\"wide\"><table><tbody>\n");
    for (size_t i = 0; codes[i] != ERR_NONE; i++)
        put(page, "<tr><td>%</td><td><code>%</code></td><td>%</td></tr>\n",
            arena_printf(page->mem, "%d", err_status(codes[i])),
            route_word(page->dialect, codes[i]), err_text(codes[i]));
    raw(page, "</tbody></table></div></details>\n");
}

static void
put_operation(struct page *page, const struct route *route)
{
    put(page, "<article id=\"%\">\n<h3><b>%</b> <code>%</code></h3>\n", route->name, route->method,
        openapi_path(route, page->mem));
    put(page, "<p>%.</p>\n", route->summary, NULL, NULL);
    if (route->doc != NULL)
        put(page, "<p>%</p>\n", route->doc, NULL, NULL);
    put_caller(page, route);
    put_notes(page, route);
    if (strchr(route->path, '{') != NULL) {
        begin_table(page, "Path", "Name");
        openapi_names(route, page->mem, put_name, &(struct naming){ page, route });
        end_table(page);
    }
    if (route->query != NULL)
        put_fields(page, "Query", "Parameter", route->query->fields, SIDE_IN);
    if (route->headers != NULL)
        put_fields(page, "Headers", "Header", route->headers, SIDE_IN);
    if (route->in != NULL)
        put_fields(page, "Body", "Member", route->in->fields, openapi_side(route));
    put_success(page, route);
    put_failures(page, route);
    raw(page, "</article>\n");
}

/* ---- the whole ---- */

/* Calls each for every documented row of a dialect. */
static void
each_route(struct page *page, const struct dialect *dialect,
           void (*each)(struct page *page, const struct route *route))
{
    page->dialect = dialect;
    for (const struct route *const *table = dialect->routes; *table != NULL; table++)
        for (const struct route *route = *table; route->method != NULL; route++)
            if ((route->flags & ROUTE_PAGE) == 0)
                each(page, route);
}

static void
put_link(struct page *page, const struct route *route)
{
    put(page, "<li><a href=\"#%\"><b>%</b> %</a></li>\n", route->name, route->method,
        openapi_path(route, page->mem));
}

/* Chapters may name further objects: the list grows while it is printed. */
static void
put_objects(struct page *page)
{
    raw(page, "<section id=\"objects\">\n<h2>Objects</h2>\n");
    for (size_t i = 0; i < page->nobjects; i++) {
        const struct spec *spec = page->objects[i].spec;
        enum spec_side side = page->objects[i].side;
        const char *name = spec_schema_name(spec, side, page->mem);

        put(page, "<article id=\"object-%\">\n<h3>%</h3>\n", name, name, NULL);
        put_fields(page, "Members", "Member", spec->fields, side);
        raw(page, "</article>\n");
    }
    raw(page, "</section>\n");
}

char *
openapi_page(const struct dialect *const *dialects, const char *version, struct arena *mem)
{
    struct page page = { .mem = mem };

    buf_init(&page.out, 0);
    put(&page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>Roster % reference</title>\n"
        "<link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n<body>\n"
        "<header><h1>Roster <small>%</small></h1>\n<p>The HTTP interface, printed from the "
        "tables that serve it; for machines as <a href=\"/openapi.json\">openapi.json</a>."
        "</p></header>\n<nav aria-label=\"Operations\">\n",
        version, version, NULL);
    for (const struct dialect *const *d = dialects; *d != NULL; d++) {
        put(&page, "<h2>%</h2>\n<ul>\n", (*d)->name, NULL, NULL);
        each_route(&page, *d, put_link);
        raw(&page, "</ul>\n");
    }
    raw(&page, "<ul><li><a href=\"#objects\">Objects</a></li></ul>\n</nav>\n<main>\n");
    for (const struct dialect *const *d = dialects; *d != NULL; d++) {
        put(&page, "<section>\n<h2>%</h2>\n<p>%</p>\n", (*d)->name,
            (*d)->doc == NULL ? "" : (*d)->doc, NULL);
        each_route(&page, *d, put_operation);
        raw(&page, "</section>\n");
    }
    put_objects(&page);
    raw(&page, "</main>\n</body>\n</html>\n");

    char *html = arena_textn(mem, buf_bytes(&page.out), buf_size(&page.out));
    buf_done(&page.out);
    return html;
}
