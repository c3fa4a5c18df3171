/* The checks of a request's head that libmicrohttpd 0.9.75 leaves out. */
#include "http/http_priv.h"

#include <string.h>
#include <strings.h>

struct walk {
    unsigned hosts, lengths, codings;
    const char *length, *coding;
    const char *fault;
};

/* RFC 9110, 5.6.2: a bit for each character of a token. */
static bool
is_token(const char *name, size_t n)
{
    static const uint32_t marks[8] = { 0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff };

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];

        if ((marks[c / 32] >> c % 32 & 1) == 0)
            return false;
    }
    return n > 0;
}

static bool
is_named(const char *name, size_t n, const char *word, size_t size)
{
    return n == size && strncasecmp(name, word, size) == 0;
}

static bool
is_clean_value(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum MHD_Result
look(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value,
     size_t value_size)
{
    struct walk *walk = arg;

    (void)kind;
    if (!is_token(name, name_size))
        walk->fault = "A header name is not a token.";
    else if (!is_clean_value(value, value_size))
        walk->fault = "A header value has control characters.";
    else if (is_named(name, name_size, "Host", 4))
        walk->hosts++;
    else if (is_named(name, name_size, "Content-Length", 14))
        walk->lengths++, walk->length = value;
    else if (is_named(name, name_size, "Transfer-Encoding", 17))
        walk->codings++, walk->coding = value;
    return walk->fault == NULL ? MHD_YES : MHD_NO;
}

/* Digits only, and few enough that the sum cannot wrap. */
static bool
read_length(const char *text, int64_t *length)
{
    size_t n = strlen(text);

    *length = 0;
    if (n == 0 || n > 18 || strspn(text, "0123456789") != n)
        return false;
    for (; *text != '\0'; text++)
        *length = *length * 10 + (*text - '0');
    return true;
}

static const char *
fault_of(const struct walk *walk, bool old, int64_t *body_size)
{
    if (walk->fault != NULL)
        return walk->fault;
    if (walk->hosts > 1 || (walk->hosts == 0 && !old))
        return "Exactly one Host header is needed.";
    if (walk->lengths > 1 || walk->codings > 1 || (walk->lengths > 0 && walk->codings > 0))
        return "The length of the body is given more than once.";
    if (walk->codings > 0 && (old || strcasecmp(walk->coding, "chunked") != 0))
        return "The only transfer coding accepted is chunked, in HTTP/1.1.";
    *body_size = walk->codings > 0 ? -1 : 0;
    if (walk->lengths > 0 && !read_length(walk->length, body_size))
        return "Content-Length is not a number.";
    return NULL;
}

bool
framing_check(struct MHD_Connection *mhd, const char *version, int64_t *body_size, struct err *err)
{
    bool old = strcmp(version, "HTTP/1.0") == 0;
    struct walk walk = { 0 };

    *body_size = 0;
    if (!old && strcmp(version, "HTTP/1.1") != 0)
        return err_set(err, ERR_MALFORMED_REQUEST, NULL, "Only HTTP/1.1 and HTTP/1.0 are spoken.");
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, look, &walk);
    const char *fault = fault_of(&walk, old, body_size);
    return fault == NULL || err_set(err, ERR_MALFORMED_REQUEST, NULL, fault);
}

enum { BLANKS_MAX = 1024 }; /* between a colon and its value */

/* In place: "Name\0 value\0\0" where the zeroes stand for colon, CR and LF. */
static enum MHD_Result
look_raw(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value,
         size_t value_size)
{
    bool *sound = arg;
    uintptr_t after_colon = (uintptr_t)name + name_size + 1, at = (uintptr_t)value;

    (void)kind;
    /* A folded line was copied elsewhere; behind a hidden NUL, or a bare LF, the text goes on. */
    *sound = at >= after_colon && at - after_colon <= BLANKS_MAX && value[value_size + 1] == '\0';
    return *sound ? MHD_YES : MHD_NO;
}

bool
framing_check_raw(struct MHD_Connection *mhd, const char *target_end, const char *version,
                  struct err *err)
{
    bool sound = true;

    if (strcmp(MHD_get_version(), "0.9.75") != 0)
        return true;
    if (version != target_end + 1)
        return err_set(err, ERR_MALFORMED_REQUEST, NULL, "The request line is not well-formed.");
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, look_raw, &sound);
    return sound || err_set(err, ERR_MALFORMED_REQUEST, NULL, "A header line is not well-formed.");
}
