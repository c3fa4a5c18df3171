/* The formats: what is published of each, and the check that runs. Patterns keep to what ECMA and
 * POSIX extended expressions have in common, so that a test can hold them against the checks. */
#include "json/formats.h"

#include "base/ids.h"
#include "base/must.h"
#include "json/formats_identity.h"
#include "json/spdx.h"

#include <string.h>
#include <strings.h>

#define ALNUM       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define TOKEN_CHARS ALNUM "!#$%&'*+.^_`|~-"
#define TOKEN       "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
#define HEX(n)      "[0-9A-Fa-f]{" #n "}"
#define UUID        HEX(8) "-" HEX(4) "-" HEX(4) "-" HEX(4) "-" HEX(12)

#define SAMPLES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Passes over the characters of set; NULL when there is none. */
static const char *
skip(const char *text, const char *set)
{
    size_t n = strspn(text, set);

    return n == 0 ? NULL : text + n;
}

static bool
is_uuid(const char *text)
{
    struct uuid uuid;

    return ids_uuid_read(text, &uuid);
}

static bool
is_agent_ref(const char *text)
{
    return ids_is_permanent(text) || is_uuid(text);
}

/* Subtags of 1 to 8 letters and digits behind hyphens; the first: letters only, or i and x. */
static bool
is_language(const char *text)
{
    size_t n = strspn(text, ALNUM), letters = strcspn(text, "0123456789-");

    if (n != letters || n < 1 || n > 8 || (n == 1 && (strchr("iIxX", *text) == NULL || !text[1])))
        return false;
    for (text += n; *text == '-'; text += 1 + n) {
        n = strspn(text + 1, ALNUM);
        if (n < 1 || n > 8)
            return false;
    }
    return *text == '\0';
}

/* Names by which a message is framed, routed or traced: ours to write, not a client's. */
static const char *const our_headers[] = {
    "Host",        "Content-Length", "Content-Type", "Transfer-Encoding",
    "Connection",  "Keep-Alive",     "TE",           "Trailer",
    "Upgrade",     "Expect",         "Via",          "Forwarded",
    "traceparent", "tracestate",     "Request-Id",
};
static const char *const our_prefixes[] = { "Proxy-", "X-Forwarded-" };

static bool
is_header_name(const char *text)
{
    const char *end = skip(text, TOKEN_CHARS);

    if (end == NULL || *end != '\0')
        return false;
    for (size_t i = 0; i < COUNT(our_headers); i++)
        if (strcasecmp(text, our_headers[i]) == 0)
            return false;
    for (size_t i = 0; i < COUNT(our_prefixes); i++)
        if (strncasecmp(text, our_prefixes[i], strlen(our_prefixes[i])) == 0)
            return false;
    return true;
}

static bool
is_header_value(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return n > 0 && text[0] != ' ' && text[n - 1] != ' ';
}

static bool
is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return false;
    return true;
}

/* A token, or a quoted text without quotes and backslashes in it. */
static const char *
skip_value(const char *text)
{
    if (*text != '"')
        return skip(text, TOKEN_CHARS);
    text += 1 + strcspn(text + 1, "\"\\");
    return *text == '"' ? text + 1 : NULL;
}

static bool
is_media_type(const char *text)
{
    text = skip(text, TOKEN_CHARS);
    if (text == NULL || *text != '/')
        return false;
    text = skip(text + 1, TOKEN_CHARS);
    while (text != NULL && *text != '\0') {
        text += strspn(text, " ");
        if (*text != ';')
            return false;
        text++;
        text = skip(text + strspn(text, " "), TOKEN_CHARS);
        if (text == NULL || *text != '=')
            return false;
        text = skip_value(text + 1);
    }
    return text != NULL;
}

static bool
is_trace_id(const char *text)
{
    return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static bool
is_slug(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return n > 0 && text[n] == '\0' && text[0] != '-' && text[n - 1] != '-';
}

const struct format format_uuid = {
    .name = "uuid",
    .pattern = "^" UUID "$",
    .check = is_uuid,
    .say = "must be a UUID",
    .good = SAMPLES("0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a", "0B5F3F5E-6D1C-4F0E-9A57-0C1F2D3E4B5A",
                    "00000000-0000-0000-0000-000000000000"),
    .bad =
        SAMPLES("", "0b5f3f5e6d1c4f0e9a570c1f2d3e4b5a", "{0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a}",
                "0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5", "0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5g",
                " 0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a", "0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a "),
};

const struct format format_agent_ref = {
    .name = "agent-ref",
    .pattern = "^(agt-[0-9a-f]{8}|" UUID ")$",
    .check = is_agent_ref,
    .say = "must be the UUID of an agent or its permanent id (agt- and 8 hex digits)",
    .good = SAMPLES("agt-0a1b2c3d", "0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a"),
    .bad = SAMPLES("", "agt-", "agt-0a1b2c3", "agt-0a1b2c3d4", "AGT-0a1b2c3d", "agt-0A1B2C3D",
                   "agt_0a1b2c3d", "0b5f3f5e", "my agent"),
};

const struct format format_spdx = {
    .name = "spdx-expression",
    .check = spdx_is_expression,
    .say = "must be an SPDX licence expression, such as Apache-2.0 or MIT OR GPL-2.0-or-later",
    .good = SAMPLES("MIT", "mit", "Apache-2.0", "GPL-2.0", "GPL-2.0+", "LicenseRef-Ours",
                    "DocumentRef-a.b:LicenseRef-23", "MIT OR Apache-2.0", "(MIT)",
                    "GPL-2.0-only WITH Classpath-exception-2.0",
                    "MIT AND (LGPL-2.1-or-later OR BSD-3-Clause)", "((MIT))AND(0BSD)",
                    "LicenseRef-A WITH LLVM-exception OR MIT"),
    .bad = SAMPLES("", " ", "NONE", "NOASSERTION", "Beer", "MIT OR", "OR MIT", "MIT Apache-2.0",
                   "MIT AND OR MIT", "(MIT", "MIT)", "()", "MIT WITH MIT", "MIT WITH",
                   "Classpath-exception-2.0", "MIT +", "MIT++", "+", "LicenseRef-", "LicenseRef-A+",
                   "DocumentRef-a", "DocumentRef-a:MIT", "DocumentRef-:LicenseRef-a",
                   "(MIT) WITH LLVM-exception", "MIT/Apache-2.0", "MIT,Apache-2.0", "MIT\tOR MIT",
                   "((((((((((((((((((((MIT))))))))))))))))))))"),
};

const struct format format_language = {
    .name = "language-tag",
    .pattern = "^([A-Za-z]{2,8}|[iIxX]-[0-9A-Za-z]{1,8})(-[0-9A-Za-z]{1,8})*$",
    .check = is_language,
    .say = "must be a language tag, such as en or pt-BR",
    .good = SAMPLES("en", "pt-BR", "zh-Hant-TW", "de-CH-1996", "x-klingon", "i-navajo", "sl-x-a",
                    "qaa-Qaaa-QM-x-southern"),
    .bad = SAMPLES("", "e", "x", "x-", "a-DE", "en_US", "en-", "-en", "en--US", "englishlanguage",
                   "en-toolongsubtag", "d3-DE", "en US", "12"),
};

const struct format format_header_name = {
    .name = "header-name",
    .pattern = "^" TOKEN "$",
    .check = is_header_name,
    .say = "must be the name of a header that calls may set (not one that frames or routes them)",
    .good = SAMPLES("Authorization", "X-API-Key", "api_key", "Cookie", "Proxy", "Hosts"),
    .bad =
        SAMPLES("", "X Key", "X-Key:", "X-Key\r\nX-Evil", "Schlüssel", "Host", "HOST",
                "content-length", "Content-Type", "Transfer-Encoding", "connection", "Keep-Alive",
                "TE", "Trailer", "Upgrade", "Expect", "Via", "Forwarded", "Proxy-Authorization",
                "proxy-connection", "X-Forwarded-For", "traceparent", "TraceState", "Request-Id"),
};

const struct format format_header_value = {
    .name = "header-value",
    .pattern = "^[!-~]([ -~]*[!-~])?$",
    .check = is_header_value,
    .say = "must be visible ASCII, with spaces only inside",
    .good = SAMPLES("a", "Bearer", "a b", "a  b", "sk-~!\"#\\"),
    .bad = SAMPLES("", " ", " a", "a ", "a\tb", "a\r\nX-Evil: 1", "a\n", "a\x7f", "caf\xc3\xa9"),
};

const struct format format_plain = {
    .name = "plain-text",
    .pattern = "^[^\\u0000-\\u001F\\u007F]*$",
    .check = is_plain,
    .say = "must not contain control characters",
    .good = SAMPLES("", "Screener", "Büro 7", "名前", "a \"b\" \\c"),
    .bad = SAMPLES("a\nb", "\t", "\x1b[31m", "a\x7f", "\x01"),
};

const struct format format_media_type = {
    .name = "media-type",
    .pattern = "^" TOKEN "/" TOKEN "( *; *" TOKEN "=(" TOKEN "|\"[^\"\\\\]*\"))*$",
    .check = is_media_type,
    .say = "must be a media type, such as application/json",
    .good = SAMPLES("application/json", "text/plain; charset=utf-8", "image/*",
                    "application/vnd.api+json;v=1;q=\"a b\"", "a/b ; c=d"),
    .bad = SAMPLES("", "json", "application/", "/json", "a/b/c", "a/b;", "a/b; c", "a/b; c=",
                   "a/b; c=\"d", "a/b; c=\"d\\\"\"", "a b/c", "a/b c", "a/b ", "a/b; =d"),
};

const struct format format_trace_id = {
    .name = "trace-id",
    .pattern = "^[0-9a-f]{32}$",
    .check = is_trace_id,
    .say = "must be a trace id: 32 lower-case hex digits",
    .good = SAMPLES("0af7651916cd43dd8448eb211c80319c"),
    .bad = SAMPLES("", "0AF7651916CD43DD8448EB211C80319C", "0af7651916cd43dd8448eb211c80319",
                   "0af7651916cd43dd8448eb211c80319c0", "0af7651916cd43dd8448eb211c80319g"),
};

const struct format format_slug = {
    .name = "slug",
    .pattern = "^[0-9a-z]([0-9a-z-]*[0-9a-z])?$",
    .check = is_slug,
    .say = "must be lower-case letters, digits and hyphens, none at its ends",
    .good = SAMPLES("a", "7", "acme", "acme-labs", "a--b", "2026-x"),
    .bad = SAMPLES("", "-", "-acme", "acme-", "Acme", "acme labs", "acme_labs", "acm\xc3\xa9",
                   "acme\n", "a.b"),
};

const struct format *const formats_all[] = {
    &format_uuid,        &format_agent_ref,    &format_spdx,      &format_language,
    &format_header_name, &format_header_value, &format_plain,     &format_media_type,
    &format_trace_id,    &format_email,        &format_semver,    &format_capability,
    &format_org_ref,     &format_slug,         &format_mesh_name, NULL,
};
