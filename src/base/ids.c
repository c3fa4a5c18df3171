/* Identifiers. libuuid only reads and writes them: its generator may fall back to time. */
#include "base/ids.h"

#include "base/arena.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

enum { STOCK = 512 };

static void
fill(void *p, size_t n)
{
    unsigned char *to = p;

    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);

        if (got <= 0) {
            fputs("rosterd: the kernel gives no random bytes\n", stderr);
            abort();
        }
        to += got;
        n -= (size_t)got;
    }
}

void
ids_random(void *p, size_t n)
{
    /* Small pieces come from a stock of the thread; what was handed out is wiped there. */
    static _Thread_local unsigned char stock[STOCK];
    static _Thread_local size_t left;

    if (n > STOCK / 4) {
        fill(p, n);
        return;
    }
    if (left < n) {
        fill(stock, sizeof stock);
        left = sizeof stock;
    }
    left -= n;
    memcpy(p, stock + left, n);
    explicit_bzero(stock + left, n);
}

struct uuid
ids_uuid_new(void)
{
    struct uuid u;

    ids_random(&u, sizeof u);
    u.b[6] = (unsigned char)((u.b[6] & 0x0f) | 0x40);
    u.b[8] = (unsigned char)((u.b[8] & 0x3f) | 0x80);
    return u;
}

char *
ids_uuid_text(const struct uuid *uuid, char out[UUID_TEXT_SIZE])
{
    uuid_unparse_lower(uuid->b, out);
    return out;
}

char *
ids_uuid(struct arena *mem)
{
    struct uuid u = ids_uuid_new();

    return ids_uuid_text(&u, arena_alloc(mem, UUID_TEXT_SIZE));
}

int
ids_hex_digit(char c)
{
    /* What each character counts, and one more, so that all others are 0. */
    static const unsigned char worth[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    };

    return worth[(unsigned char)c] - 1;
}

bool
ids_uuid_read(const char *text, struct uuid *out)
{
    static const unsigned char places[16] = { 0,  2,  4,  6,  9,  11, 14, 16,
                                              19, 21, 24, 26, 28, 30, 32, 34 };
    struct uuid read;
    int all = 0;

    if (strlen(text) != UUID_TEXT_SIZE - 1 || text[8] != '-' || text[13] != '-' ||
        text[18] != '-' || text[23] != '-')
        return false;
    for (size_t i = 0; i < sizeof read.b; i++) {
        int high = ids_hex_digit(text[places[i]]), low = ids_hex_digit(text[places[i] + 1]);

        all |= high | low;
        read.b[i] = (unsigned char)((unsigned)high << 4 | ((unsigned)low & 15));
    }
    if (all < 0)
        return false;
    *out = read;
    return true;
}

char *
ids_permanent(struct arena *mem)
{
    uint32_t r;

    ids_random(&r, sizeof r);
    return arena_printf(mem, "agt-%08x", r);
}

bool
ids_is_permanent(const char *text)
{
    return strncmp(text, "agt-", 4) == 0 && strlen(text) == PERMANENT_ID_SIZE - 1 &&
           strspn(text + 4, "0123456789abcdef") == 8;
}

char *
ids_request(char out[REQUEST_ID_SIZE])
{
    /* A random start for each thread and a counter: unique without a system call per request. */
    static _Thread_local unsigned char prefix[8];
    static _Thread_local uint32_t next;
    static _Thread_local bool begun;

    if (!begun) {
        ids_random(prefix, sizeof prefix);
        ids_random(&next, sizeof next);
        begun = true;
    }
    unsigned char count[] = { (unsigned char)(next >> 24), (unsigned char)(next >> 16),
                              (unsigned char)(next >> 8), (unsigned char)next };
    next++;
    memcpy(out, "req_", 4);
    ids_hex(prefix, sizeof prefix, out + 4);
    ids_hex(count, sizeof count, out + 4 + 2 * sizeof prefix);
    return out;
}

char *
ids_hex(const void *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = bytes;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[2 * n] = '\0';
    return out;
}

static int
lower_digit(char c)
{
    return c >= 'A' && c <= 'F' ? -1 : ids_hex_digit(c);
}

bool
ids_unhex(const char *hex, void *bytes, size_t n)
{
    unsigned char *b = bytes;

    if (strlen(hex) != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = lower_digit(hex[2 * i]), low = lower_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        b[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
