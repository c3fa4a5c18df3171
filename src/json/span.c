/* Finding a member in a text that is known to be well-formed: no tree, no copy. */
#include "json/span.h"

#include "json_priv.h"

#include <assert.h>
#include <string.h>

struct scan {
    const char *bytes;
    size_t n, at;
};

static void
skip_space(struct scan *scan)
{
    while (scan->at < scan->n && strchr(" \t\r\n", scan->bytes[scan->at]) != NULL)
        scan->at++;
}

static bool
ends_plain(char c)
{
    return strchr(",}] \t\r\n", c) != NULL;
}

/* Past one value: a text, a list or an object with all that is in it, or a word. */
static void
skip_value(struct scan *scan)
{
    size_t depth = 0;
    bool plain = strchr("\"{[", scan->bytes[scan->at]) == NULL;

    do {
        char c = scan->bytes[scan->at];

        if (c == '"')
            scan->at = read_string_end(scan->bytes, scan->n, scan->at);
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        scan->at++;
    } while (scan->at < scan->n && (plain ? !ends_plain(scan->bytes[scan->at]) : depth > 0));
}

/* Names may be written with escapes. */
static bool
is_name(const char *quoted, size_t n, const char *name)
{
    if (memchr(quoted, '\\', n) == NULL)
        return strlen(name) == n - 2 && memcmp(quoted + 1, name, n - 2) == 0;

    json_t *text = json_loadb(quoted, n, JSON_DECODE_ANY, NULL);
    bool same = json_is_string(text) && strcmp(json_string_value(text), name) == 0;

    json_decref(text);
    return same;
}

struct bytes
json_span(const char *bytes, size_t n, const char *name)
{
    struct scan scan = { bytes, n, 0 };
    struct bytes none = { NULL, 0 };

    skip_space(&scan);
    assert(scan.at < n && bytes[scan.at] == '{');
    for (;;) {
        scan.at++; /* the brace, or the comma */
        skip_space(&scan);
        if (scan.at >= n || bytes[scan.at] != '"')
            return none;

        size_t key = scan.at;

        skip_value(&scan);
        bool found = is_name(bytes + key, scan.at - key, name);
        skip_space(&scan);
        scan.at++; /* the colon */
        skip_space(&scan);
        size_t value = scan.at;
        skip_value(&scan);
        if (found)
            return (struct bytes){ (const unsigned char *)bytes + value, scan.at - value };
        skip_space(&scan);
    }
}
