/* Verifying tokens. What could be read in two ways is refused before libjose sees it; the algorithm
 * comes from our key, never from the token. */
#include "crypto/jwt.h"

#include "base/must.h"
#include "jwt_priv.h"

#include <openssl/err.h>
#include <string.h>
#include <strings.h>

enum { PARTS = 3, NAME_SHOWN = 20 };

struct part {
    const char *text;
    size_t n;
};

/* A token taken apart; trees are tied to mem. */
struct taken {
    struct part parts[PARTS]; /* header, claims, signature: in base64url */
    json_t *header;
    const char *claims;
};

static bool
refuse(struct err *err, const char *why)
{
    return err_fault(err, ERR_UNAUTHORIZED, "jwt: %s", why);
}

static bool
cut(const char *token, size_t n, struct part parts[PARTS], struct err *err)
{
    size_t found = 0;
    const char *end = token + n;

    if (n > JWT_MAX)
        return refuse(err, "too long");
    for (const char *at = token;; at++) {
        if (at < end && *at != '.')
            continue;
        if (found == PARTS)
            return refuse(err, "more than three parts");
        parts[found++] = (struct part){ token, (size_t)(at - token) };
        if (at == end)
            return found == PARTS || refuse(err, "fewer than three parts");
        token = at + 1;
    }
}

/* One text for one sequence of bytes: no padding, no bits behind the end. */
static bool
is_canonical(const struct part *part, struct err *err)
{
    static const char digits[] = JOSE_B64_MAP;
    static const size_t loose[] = { 1, 0, 16, 4 }; /* by size % 4: what the last digit divides by */
    const char *last = NULL;

    if (part->n == 0)
        return refuse(err, "an empty part");
    for (size_t i = 0; i < part->n; i++) {
        last = memchr(digits, part->text[i], sizeof digits - 1);
        if (last == NULL)
            return refuse(err, "not base64url");
    }
    if (part->n % 4 == 1)
        return refuse(err, "a length that base64url does not have");
    if ((size_t)(last - digits) % loose[part->n % 4] != 0)
        return refuse(err, "bits behind the end of a part");
    return true;
}

/* What the part says, in mem, and the object that it is. */
static json_t *
object_of(const struct part *part, const char **text, struct arena *mem)
{
    size_t n = part->n / 4 * 3 + part->n % 4;
    char *bytes = arena_alloc(mem, n + 1);
    json_error_t why;

    n = jose_b64_dec_buf(part->text, part->n, bytes, n);
    if (n == SIZE_MAX)
        return NULL;
    bytes[n] = '\0';
    json_t *object =
        arena_own(mem, json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why), jwt_drop_json);
    *text = object == NULL && json_error_code(&why) == json_error_duplicate_key ? "" : bytes;
    return object;
}

static bool
read_objects(struct taken *t, struct arena *mem, struct err *err)
{
    const char *header = NULL;

    t->header = object_of(&t->parts[0], &header, mem);
    if (t->header == NULL)
        return refuse(err, header != NULL && header[0] == '\0' ? "a header member twice"
                                                               : "the header is not JSON");
    if (!json_is_object(t->header))
        return refuse(err, "the header is no object");

    const json_t *claims = object_of(&t->parts[1], &t->claims, mem);
    if (claims == NULL)
        return refuse(err, t->claims != NULL && t->claims[0] == '\0' ? "a claim twice"
                                                                     : "the claims are not JSON");
    return json_is_object(claims) || refuse(err, "the claims are no object");
}

static bool
is_same_type(const char *have, const char *want)
{
    static const char tree[] = "application/";
    const size_t n = sizeof tree - 1;

    have += strncasecmp(have, tree, n) == 0 ? n : 0;
    want += strncasecmp(want, tree, n) == 0 ? n : 0;
    return strcasecmp(have, want) == 0;
}

/* alg, typ and kid, each a text, and nothing else. */
static bool
check_header(json_t *header, const char *type, struct err *err)
{
    static const char *const known[] = { "alg", "typ", "kid" };
    const char *name;
    const json_t *member;

    json_object_foreach(header, name, member)
    {
        size_t i = 0;

        while (i < COUNT(known) && strcmp(known[i], name) != 0)
            i++;
        if (i == COUNT(known))
            return err_fault(err, ERR_UNAUTHORIZED, "jwt: the header has %.*s", NAME_SHOWN, name);
    }
    for (size_t i = 0; i < COUNT(known); i++)
        if (!json_is_string(json_object_get(header, known[i])))
            return err_fault(err, ERR_UNAUTHORIZED, "jwt: the header has no text %s", known[i]);
    return is_same_type(json_string_value(json_object_get(header, "typ")), type) ||
           refuse(err, "another typ");
}

static bool
check_signature(const struct taken *t, const struct jwt_key *key, struct err *err)
{
    static const char *const names[PARTS] = { "protected", "payload", "signature" };
    jose_cfg_t *cfg = jwt_quiet();
    json_t *jws = must(json_object());

    for (size_t i = 0; i < PARTS; i++)
        json_object_set_new(jws, names[i], json_stringn(t->parts[i].text, t->parts[i].n));
    bool good = jose_jws_ver(cfg, jws, NULL, key->jwk, false);
    json_decref(jws);
    jose_cfg_decref(cfg);
    ERR_clear_error();
    return good || refuse(err, "a wrong signature");
}

const char *
jwt_verify(const struct jwt_keys *keys, const char *token, size_t n, const char *type,
           struct arena *mem, struct err *err)
{
    struct taken t = { .claims = NULL };

    if (!cut(token, n, t.parts, err))
        return NULL;
    for (size_t i = 0; i < PARTS; i++)
        if (!is_canonical(&t.parts[i], err))
            return NULL;
    if (!read_objects(&t, mem, err) || !check_header(t.header, type, err))
        return NULL;

    const char *kid = json_string_value(json_object_get(t.header, "kid"));
    const struct jwt_key *key = keys->find(keys->arg, kid, err);
    if (key == NULL) {
        if (err->code == ERR_NONE)
            refuse(err, "an unknown kid");
        return NULL;
    }
    if (strcmp(json_string_value(json_object_get(t.header, "alg")), jwt_alg_names[key->alg]) != 0) {
        refuse(err, "alg is not that of the key");
        return NULL;
    }
    return check_signature(&t, key, err) ? t.claims : NULL;
}
