/* Tokens under a secret that both sides hold. */
#include "crypto/hash.h"
#include "crypto/jwt.h"
#include "jwt_priv.h"

#include <string.h>

char *
jwt_sign_shared(const void *secret, size_t size, const char *type, const char *claims,
                struct arena *mem, struct err *err)
{
    json_t *json = must(json_pack("{s:s, s:s}", "alg", "HS256", "typ", type));
    const char *header = jwt_json_text(json, mem);
    size_t n;

    json_decref(json);
    if ((strlen(header) + strlen(claims) + sizeof(struct digest)) / 3 * 4 + 16 > JWT_MAX) {
        err_fault(err, ERR_INTERNAL_ERROR, "jwt_sign_shared: %zu bytes of claims", strlen(claims));
        return NULL;
    }
    char *token = jwt_begin(header, claims, &n, mem);
    struct digest mac = hash_hmac(secret, size, token, n);
    token[n++] = '.';
    n += jwt_put_part(token + n, JWT_MAX - n, mac.b, sizeof mac.b);
    token[n] = '\0';
    return token;
}
