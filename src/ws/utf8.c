/* UTF-8 (RFC 3629) that comes in pieces: a wrong byte is seen when it comes, not at the end. */
#include "ws_priv.h"

#include <string.h>

/* What may follow a first byte. */
static bool
begin(struct utf8 *utf8, unsigned char c)
{
    if (c < 0xc2 || c > 0xf4)
        return false;
    utf8->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    utf8->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;  /* no longer than needed  */
    utf8->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf; /* no surrogate; the last */
    return true;
}

static bool
go_on(struct utf8 *utf8, unsigned char c)
{
    if (c < utf8->low || c > utf8->high)
        return false;
    utf8->need--;
    utf8->low = 0x80;
    utf8->high = 0xbf;
    return true;
}

bool
utf8_take(struct utf8 *utf8, const void *bytes, size_t n)
{
    const unsigned char *at = bytes, *end = at + n;
    uint64_t eight;

    while (at < end) {
        if (utf8->need == 0 && end - at >= 8) {
            memcpy(&eight, at, 8);
            if ((eight & 0x8080808080808080) == 0) {
                at += 8;
                continue;
            }
        }
        if (utf8->need > 0) {
            if (!go_on(utf8, *at))
                return false;
        } else if (*at >= 0x80 && !begin(utf8, *at)) {
            return false;
        }
        at++;
    }
    return true;
}
