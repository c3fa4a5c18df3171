/* The document for machines and the page for people, printed once at their first use. */
#include "api/system/docs.h"

#include "api/api.h"
#include "base/embedded.h"
#include "http/openapi.h"

#include <pthread.h>
#include <string.h>

/* Kept until the process ends. */
static struct {
    struct arena *mem;
    const char *document, *page;
} printed;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
print(void)
{
    printed.mem = arena_new();
    printed.document = openapi_text(api_dialects, ROSTERD_VERSION, printed.mem);
    printed.page = openapi_page(api_dialects, ROSTERD_VERSION, printed.mem);
}

static const char start_page[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Roster</title>\n<link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n"
    "<body class=\"start\">\n<main>\n<h1>Roster</h1>\n<p>An agent registry. It is running.</p>\n"
    "<ul>\n<li><a href=\"/docs\">Reference of the HTTP interface</a></li>\n"
    "<li><a href=\"/openapi.json\">The same for machines (OpenAPI 3.1)</a></li>\n"
    "<li><a href=\"/readyz\">Whether it can serve</a></li>\n</ul>\n</main>\n</body>\n</html>\n";

static void
answer(struct request *rq, const char *type, const char *bytes, size_t size)
{
    reply_header(rq, "X-Content-Type-Options", "nosniff");
    reply_header(rq, "Cache-Control", "no-cache");
    rq->reply.status = rq->route->ok;
    rq->reply.type = type;
    rq->reply.bytes = bytes;
    rq->reply.size = size;
}

/* Pages have no script and load nothing but their style. */
static bool
answer_page(struct request *rq, const char *html)
{
    reply_header(rq, "Content-Security-Policy",
                 "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
                 "form-action 'none'");
    reply_header(rq, "Referrer-Policy", "no-referrer");
    answer(rq, "text/html; charset=utf-8", html, strlen(html));
    return true;
}

static bool
get_document(struct request *rq, struct err *err)
{
    (void)err;
    pthread_once(&once, print);
    answer(rq, "application/json", printed.document, strlen(printed.document));
    return true;
}

static bool
get_reference(struct request *rq, struct err *err)
{
    (void)err;
    pthread_once(&once, print);
    return answer_page(rq, printed.page);
}

static bool
get_start(struct request *rq, struct err *err)
{
    (void)err;
    return answer_page(rq, start_page);
}

static bool
get_style(struct request *rq, struct err *err)
{
    const struct embedded *style = &embedded_docs[0];

    (void)err;
    answer(rq, "text/css; charset=utf-8", style->bytes, (size_t)(style->end - style->bytes));
    return true;
}

#define PAGE .flags = ROUTE_LOOP | ROUTE_PAGE, .ok = 200

const struct route system_docs_routes[] = {
    { "GET", "/openapi.json", get_document, "openapi", "This document", .flags = ROUTE_LOOP,
      .ok = 200, .out_type = "application/json" },
    { "GET", "/docs", get_reference, "docs", "The reference page", PAGE },
    { "GET", "/docs/style.css", get_style, "docsStyle", "Its style", PAGE },
    { "GET", "/", get_start, "start", "Where to go from here", PAGE },
    ROUTE_LAST,
};
