/* The two questions of the opening handshake; its HTTP is the http room's. */
#include "ws/ws.h"

#include "crypto/hash.h"

#include <string.h>
#include <strings.h>

enum { KEY_SIZE = 24, KEY_DIGITS = 22 }; /* 16 bytes in base64 */

bool
ws_accept(const char *key, char accept[WS_ACCEPT_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char both[KEY_SIZE + sizeof magic];

    if (key == NULL || strspn(key, digits) != KEY_DIGITS || strcmp(key + KEY_DIGITS, "==") != 0)
        return false;
    memcpy(both, key, KEY_SIZE);
    memcpy(both + KEY_SIZE, magic, sizeof magic);
    hash_sha1_text(both, sizeof both - 1, accept);
    return true;
}

bool
ws_has_token(const char *value, const char *token, bool any_case)
{
    size_t want = strlen(token);

    while (value != NULL) {
        value += strspn(value, " \t");
        size_t n = strcspn(value, ",");
        const char *next = value[n] == ',' ? value + n + 1 : NULL;
        while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
            n--;
        if (n == want && (any_case ? strncasecmp : strncmp)(value, token, n) == 0)
            return true;
        value = next;
    }
    return false;
}
