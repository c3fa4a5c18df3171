/* Bodies: whatever the bytes, reading ends with a struct that can be drawn, or with one error. */
#include "../unit/json/rich.h"

#include "fuzz.h"

#include <assert.h>
#include <string.h>

static void
read_body(const char *bytes, size_t n, enum spec_mode mode)
{
    struct arena *mem = arena_new();
    struct rich rich = { .name = "given" };
    struct err err = { 0 };
    json_t *body = json_read(bytes, n, mem, &err);
    bool ok = body != NULL && spec_read(&rich_spec, body, &rich, mode, mem, &err);

    assert(ok == (err.code == ERR_NONE));
    if (ok)
        json_decref(spec_tree(&rich_spec, &rich, VIEW_KEPT));
    else
        assert(err_status(err.code) == 400 && err.reason[0] != '\0');
    arena_free(mem);
}

/* The bytes as "name=value&name=value", undecoded. */
static void
read_query(const char *bytes, size_t n)
{
    struct arena *mem = arena_new();
    struct param params[16];
    struct params query = { params, 0 };
    struct rich rich = { 0 };
    struct err err = { 0 };
    char *rest = arena_textn(mem, bytes, n), *pair;

    while ((pair = strsep(&rest, "&")) != NULL && query.n < COUNT(params)) {
        params[query.n].name = strsep(&pair, "=");
        params[query.n++].value = pair == NULL ? "" : pair;
    }
    bool ok = spec_read_query(&rich_spec, &query, &rich, mem, &err);

    assert(ok == (err.code == ERR_NONE));
    arena_free(mem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *text = (const char *)bytes;

    read_body(text, n, SPEC_WHOLE);
    read_body(text, n, SPEC_PATCH);
    read_query(text, n);
    return 0;
}
