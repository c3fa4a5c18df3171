/* Formats of identities: e-mail addresses, versions, capabilities, references to organizations. */
#include "json/formats_identity.h"

#include "base/ids.h"

#include <string.h>

#define DIGITS  "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define ALNUM   LETTERS DIGITS
#define ATEXT   ALNUM "!#$%&'*+/=?^_`{|}~-"

#define ATOM   "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
#define LABEL  "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
#define NUMBER "(0|[1-9][0-9]*)"
#define PRE    "(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
#define BUILD  "[0-9A-Za-z-]+"
#define UUID   "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"

#define SAMPLES(...) ((const char *const[]){ __VA_ARGS__, NULL })

enum { LOCAL_MAX = 64, LABEL_MAX = 63, MESH_NAME_MAX = 128 };

/* Atoms with single dots between them (RFC 5321, 4.1.2: dot-string). */
static const char *
skip_local(const char *text)
{
    const char *begin = text;

    for (;; text++) {
        size_t n = strspn(text, ATEXT);

        if (n == 0)
            return NULL;
        text += n;
        if (*text != '.')
            return text - begin <= LOCAL_MAX ? text : NULL;
    }
}

static const char *
skip_label(const char *text)
{
    size_t n = strspn(text, ALNUM "-");

    return n == 0 || n > LABEL_MAX || text[0] == '-' || text[n - 1] == '-' ? NULL : text + n;
}

/* Without quoted local parts, comments and address literals, which no agent has. */
static bool
is_email(const char *text)
{
    int labels = 0;

    text = skip_local(text);
    if (text == NULL || *text != '@')
        return false;
    do {
        text = skip_label(text + 1);
        labels++;
    } while (text != NULL && *text == '.');
    return text != NULL && *text == '\0' && labels >= 2;
}

const struct format format_email = {
    .name = "email",
    .pattern = "^" ATOM "(\\." ATOM ")*@" LABEL "(\\." LABEL ")+$",
    .check = is_email,
    .say = "must be a valid email address",
    .good = SAMPLES("screener-001@talent.ai", "a@b.c", "A.b+c@x-y.example.com"),
    .bad = SAMPLES("", "a", "a@", "@b.c", "a@b", "a@b..c", ".a@b.c", "a.@b.c", "a..b@c.d", "a@-b.c",
                   "a@b-.c", "a b@c.d", "a@b.c ", "a@b@c.d", "a@b.c.", "\"a\"@b.c"),
};

/* A number without leading zeros. */
static const char *
skip_number(const char *text)
{
    size_t n = strspn(text, DIGITS);

    return n == 0 || (text[0] == '0' && n > 1) ? NULL : text + n;
}

/* Identifiers with dots between them; numeric ones without leading zeros where strict. */
static const char *
skip_identifiers(const char *text, bool strict)
{
    for (;; text++) {
        size_t n = strspn(text, ALNUM "-");

        if (n == 0 || (strict && n > 1 && text[0] == '0' && strspn(text, DIGITS) == n))
            return NULL;
        text += n;
        if (*text != '.')
            return text;
    }
}

/* Semantic Versioning 2.0.0. */
static bool
is_semver(const char *text)
{
    for (int part = 0; part < 3; part++) {
        if (part > 0 && *text++ != '.')
            return false;
        text = skip_number(text);
        if (text == NULL)
            return false;
    }
    if (*text == '-' && (text = skip_identifiers(text + 1, true)) == NULL)
        return false;
    if (*text == '+' && (text = skip_identifiers(text + 1, false)) == NULL)
        return false;
    return *text == '\0';
}

const struct format format_semver = {
    .name = "semver",
    .pattern = "^" NUMBER "\\." NUMBER "\\." NUMBER "(-" PRE "(\\." PRE ")*)?"
               "(\\+" BUILD "(\\." BUILD ")*)?$",
    .check = is_semver,
    .say = "must be a valid semantic version string",
    .good = SAMPLES("1.0.0", "2.3.1-beta", "1.0.0-beta.1", "0.0.0", "1.2.3-0a.x-y+001.sha",
                    "1.0.0--", "10.20.30+b"),
    .bad = SAMPLES("", "1", "1.0", "1.0.0.0", "01.0.0", "1.00.0", "1.0.0-", "1.0.0-01", "1.0.0+",
                   "1.0.0-a..b", "v1.0.0", "1.0.0 ", "1.0.0-a_b", "1.0.0+a+b"),
};

#define WORD "abcdefghijklmnopqrstuvwxyz" DIGITS "_-"

static bool
is_capability(const char *text)
{
    size_t resource = strspn(text, WORD);

    if (resource == 0 || text[resource] != ':')
        return false;
    text += resource + 1;
    if (strcmp(text, "*") == 0)
        return true;
    size_t action = strspn(text, WORD);
    return action > 0 && text[action] == '\0';
}

const struct format format_capability = {
    .name = "capability",
    .pattern = "^[a-z0-9_-]+:([a-z0-9_-]+|\\*)$",
    .check = is_capability,
    .say = "must be resource:action in lower-case letters, digits, hyphens and underscores",
    .good = SAMPLES("resume:read", "data:*", "a-b_1:c_2-d"),
    .bad = SAMPLES("", "Resume:Read", "read-resume", "a:", ":b", "a:b:c", "a:*b", "*:a", "a b:c"),
};

static bool
is_org_ref(const char *text)
{
    struct uuid uuid;

    return strcmp(text, "org_system") == 0 || ids_uuid_read(text, &uuid);
}

const struct format format_org_ref = {
    .name = "organization-ref",
    .pattern = "^(org_system|" UUID ")$",
    .check = is_org_ref,
    .say = "must be the UUID of an organization, or org_system",
    .good = SAMPLES("org_system", "00000000-0000-4000-8000-000000000001"),
    .bad = SAMPLES("", "system", "org_", "00000000-0000-4000-8000-00000000000"),
};

static bool
is_mesh_name(const char *text)
{
    size_t n = strspn(text, ALNUM "._:-");

    return n > 0 && n <= MESH_NAME_MAX && text[n] == '\0';
}

const struct format format_mesh_name = {
    .name = "mesh-name",
    .pattern = "^[0-9A-Za-z._:-]{1,128}$",
    .check = is_mesh_name,
    .say = "must be 1 to 128 letters, digits, dots, underscores, colons and hyphens",
    .good = SAMPLES("a", "navigator-prod-01", "team:navigator", "A.b_c:d-9"),
    .bad = SAMPLES("", "a b", "a/b", "\xc3\xa9", "a\n", "a%20b"),
};
