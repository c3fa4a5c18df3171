/* Client authentication of RFC 6749. */
#include "http/client.h"

#include "http/form.h"

#include <string.h>
#include <strings.h>

static const char basic[] = "Basic ";

bool
client_is_basic(const char *authorization)
{
    return authorization != NULL && strncasecmp(authorization, basic, sizeof basic - 1) == 0;
}

static int
base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* Strict: whole groups, padding only at the end, no bits left over, no NUL inside. */
static char *
base64_text(const char *text, size_t n, struct arena *mem)
{
    char *out = arena_alloc(mem, n / 4 * 3 + 1), *to = out;
    size_t pad = n > 1 && text[n - 1] == '=' ? 1u + (text[n - 2] == '=') : 0;
    unsigned bits = 0;

    if (n == 0 || n % 4 != 0)
        return NULL;
    for (size_t i = 0; i < n - pad; i++) {
        int digit = base64_digit(text[i]);

        if (digit < 0)
            return NULL;
        bits = bits << 6 | (unsigned)digit;
        if (i % 4 != 0)
            *to++ = (char)(bits >> (6 - i % 4 * 2) & 0xff);
    }
    if (pad > 0 && (bits & (pad == 2 ? 0xfu : 0x3u)) != 0)
        return NULL;
    return memchr(out, '\0', (size_t)(to - out)) == NULL ? out : NULL;
}

static bool
read_basic(const char *authorization, struct arena *mem, struct client_claim *claim)
{
    const char *text = authorization + sizeof basic - 1;

    text += strspn(text, " ");
    if (strlen(text) > 8 * CLIENT_TEXT_MAX)
        return false;
    const char *pair = base64_text(text, strlen(text), mem);
    const char *colon = pair == NULL ? NULL : strchr(pair, ':');
    if (colon == NULL)
        return false;
    claim->id = form_decode(pair, (size_t)(colon - pair), mem);
    claim->secret = form_decode(colon + 1, strlen(colon + 1), mem);
    return claim->id != NULL && claim->secret != NULL;
}

static bool
is_long(const char *text)
{
    return text != NULL && strlen(text) > CLIENT_TEXT_MAX;
}

bool
client_read(const char *authorization, json_t *body, struct arena *mem, struct client_claim *claim,
            struct err *err)
{
    const char *id = json_string_value(json_object_get(body, "client_id"));
    const char *secret = json_string_value(json_object_get(body, "client_secret"));

    *claim = (struct client_claim){ arena_text(mem, id), arena_text(mem, secret),
                                    client_is_basic(authorization) };
    if (claim->basic && !read_basic(authorization, mem, claim))
        return err_set(err, ERR_INVALID_CLIENT, "Authorization",
                       "The Basic credentials are not well-formed.");
    if (claim->basic && secret != NULL)
        return err_set(err, ERR_VALIDATION_ERROR, "client_secret",
                       "The client must authenticate by Basic or in the body, not both.");
    if (claim->basic && id != NULL && strcmp(id, claim->id) != 0)
        return err_set(err, ERR_VALIDATION_ERROR, "client_id",
                       "client_id is not the client of the Authorization header.");
    if (is_long(claim->id) || is_long(claim->secret))
        return err_set(err, ERR_VALIDATION_ERROR,
                       is_long(claim->id) ? "client_id" : "client_secret",
                       "A client's id and secret are shorter than that.");
    return true;
}
