/* Reads the head of an answer in place: one pass for the end, one over each line. */
#include "out/head.h"

#include <string.h>

#define SAME(c)          [c] = c
#define FOLD(big, small) [big] = small, [small] = small

/* Token characters in lower case; 0: not one. */
static const unsigned char token[256] = {
    SAME('!'),      SAME('#'),      SAME('$'),      SAME('%'),      SAME('&'),      SAME('\''),
    SAME('*'),      SAME('+'),      SAME('-'),      SAME('.'),      SAME('^'),      SAME('_'),
    SAME('`'),      SAME('|'),      SAME('~'),      SAME('0'),      SAME('1'),      SAME('2'),
    SAME('3'),      SAME('4'),      SAME('5'),      SAME('6'),      SAME('7'),      SAME('8'),
    SAME('9'),      FOLD('A', 'a'), FOLD('B', 'b'), FOLD('C', 'c'), FOLD('D', 'd'), FOLD('E', 'e'),
    FOLD('F', 'f'), FOLD('G', 'g'), FOLD('H', 'h'), FOLD('I', 'i'), FOLD('J', 'j'), FOLD('K', 'k'),
    FOLD('L', 'l'), FOLD('M', 'm'), FOLD('N', 'n'), FOLD('O', 'o'), FOLD('P', 'p'), FOLD('Q', 'q'),
    FOLD('R', 'r'), FOLD('S', 's'), FOLD('T', 't'), FOLD('U', 'u'), FOLD('V', 'v'), FOLD('W', 'w'),
    FOLD('X', 'x'), FOLD('Y', 'y'), FOLD('Z', 'z'),
};

/* RFC 9110, 7.6.1, with the older ones that still mean one hop, and the framing. */
static const char *const hop_names[] = {
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
};

struct reader {
    struct head *head;
    struct param *fields;
    size_t nfields;
    bool encoded;                          /* Transfer-Encoding was there   */
    const char *options[HEAD_OPTIONS_MAX]; /* what Connection names         */
    size_t noptions;
};

static unsigned char
folded(char c)
{
    return token[(unsigned char)c];
}

static bool
is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Whether there is no control character in n bytes. Eight at a time: first without saying which,
 * as there hardly ever is one; only what looks like one (a tab, too) is looked at singly. */
static bool
is_clean(const char *text, size_t n)
{
    const uint64_t ones = UINT64_MAX / 255, tops = 0x80 * ones;

    for (; n >= sizeof(uint64_t); text += sizeof(uint64_t), n -= sizeof(uint64_t)) {
        uint64_t word, del;

        memcpy(&word, text, sizeof word);
        del = word ^ 0x7f * ones;
        if ((((word - 0x20 * ones) & ~word) | ((del - ones) & ~del)) & tops)
            for (size_t i = 0; i < sizeof word; i++)
                if (is_control(text[i]))
                    return false;
    }
    for (; n > 0; text++, n--)
        if (is_control(*text))
            return false;
    return true;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
head_is_token(const char *text)
{
    const char *p = text;

    while (folded(*p) != 0)
        p++;
    return p > text && *p == '\0';
}

bool
head_is_value(const char *text)
{
    return is_clean(text, strlen(text));
}

bool
head_is_hop(const char *name)
{
    if (strchr("ckptu", name[0]) == NULL)
        return false;
    for (size_t i = 0; i < sizeof hop_names / sizeof *hop_names; i++)
        if (name[0] == hop_names[i][0] && strcmp(name, hop_names[i]) == 0)
            return true;
    return false;
}

ssize_t
head_find(const char *bytes, size_t n, size_t *scanned)
{
    static const char start[] = "HTTP/1.";
    const size_t size = sizeof start - 1;
    size_t at = *scanned;
    const char *lf;

    if (at < size && memcmp(bytes, start, n < size ? n : size) != 0)
        return -1;
    while ((lf = memchr(bytes + at, '\n', n - at)) != NULL) {
        size_t end = (size_t)(lf - bytes);

        if (bytes[end - 1] != '\r')
            return -1;
        if (bytes[end - 2] == '\n')
            return (ssize_t)end + 1;
        at = end + 1;
    }
    *scanned = n;
    return 0;
}

/* "HTTP/1.1 200 OK"; the reason is of no use to anyone. */
static const char *
read_status(struct head *head, const char *line, const char *end)
{
    if (end - line < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ')
        return "no status line of HTTP/1.0 or 1.1";
    if (line[9] < '1' || line[9] > '5' || !is_digit(line[10]) || !is_digit(line[11]))
        return "no status between 100 and 599";
    if (end - line > 12 && line[12] != ' ')
        return "something behind the status";
    if (!is_clean(line + 12, (size_t)(end - line - 12)))
        return "a control character in the status line";
    head->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    head->close = line[7] == '0';
    return NULL;
}

static const char *
read_length(struct head *head, const char *value)
{
    int64_t length = 0;

    if (head->length >= 0)
        return "more than one Content-Length";
    if (*value == '\0')
        return "an empty Content-Length";
    for (; *value != '\0'; value++) {
        if (!is_digit(*value) || __builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, *value - '0', &length))
            return "a Content-Length that is no number";
    }
    head->length = length;
    return NULL;
}

static const char *
read_encoding(struct reader *reader, const char *value)
{
    if (reader->encoded)
        return "more than one Transfer-Encoding";
    if (strcasecmp(value, "chunked") != 0)
        return "a Transfer-Encoding other than chunked";
    reader->encoded = true;
    reader->head->chunked = true;
    return NULL;
}

/* Connection: a list of tokens; "close", and names of headers that end here. */
static const char *
read_options(struct reader *reader, char *p)
{
    while (*p != '\0') {
        if (*p == ',' || is_blank(*p)) {
            p++;
            continue;
        }
        char *option = p;
        for (; folded(*p) != 0; p++)
            *p = (char)folded(*p);
        char *end = p;
        while (is_blank(*p))
            p++;
        if (end == option || (*p != ',' && *p != '\0'))
            return "a Connection header that is no list of names";
        if (*p == ',')
            p++;
        *end = '\0';
        if (strcmp(option, "close") == 0)
            reader->head->close = true;
        else if (strcmp(option, "keep-alive") != 0) {
            if (reader->noptions == HEAD_OPTIONS_MAX)
                return "a Connection header with too many names";
            reader->options[reader->noptions++] = option;
        }
    }
    return NULL;
}

/* "Name: value" to a lower-case name and a trimmed value, both with a NUL behind. */
static const char *
split_field(char *line, char *end, const char **name, char **value)
{
    char *p = line;

    for (; p < end && folded(*p) != 0; p++)
        *p = (char)folded(*p);
    if (p == line || p == end || *p != ':')
        return "a header line without a valid name";
    *p++ = '\0';
    while (p < end && is_blank(*p))
        p++;
    while (end > p && is_blank(end[-1]))
        end--;
    if (!is_clean(p, (size_t)(end - p)))
        return "a control character in a header";
    *end = '\0';
    *name = line;
    *value = p;
    return NULL;
}

static const char *
read_field(struct reader *reader, char *line, char *end)
{
    const char *name;
    char *value;
    const char *fault = split_field(line, end, &name, &value);

    if (fault != NULL)
        return fault;
    if (!head_is_hop(name)) {
        reader->fields[reader->nfields++] = (struct param){ name, value };
        return NULL;
    }
    if (strcmp(name, "content-length") == 0)
        return read_length(reader->head, value);
    if (strcmp(name, "transfer-encoding") == 0)
        return read_encoding(reader, value);
    if (strcmp(name, "connection") == 0)
        return read_options(reader, value);
    return NULL;
}

static void
drop_named(struct reader *reader)
{
    size_t kept = 0;

    for (size_t i = 0; i < reader->nfields; i++) {
        bool named = false;

        for (size_t k = 0; k < reader->noptions && !named; k++)
            named = strcmp(reader->fields[i].name, reader->options[k]) == 0;
        if (!named)
            reader->fields[kept++] = reader->fields[i];
    }
    reader->nfields = kept;
}

/* The CR of the line at p; NULL when the line does not end in CR LF. */
static char *
line_end(char *p, const char *end)
{
    char *cr = memchr(p, '\r', (size_t)(end - p));

    return cr != NULL && cr + 1 < end && cr[1] == '\n' ? cr : NULL;
}

static enum err_code
refuse(struct head *head, enum err_code code, const char *fault)
{
    head->fault = fault;
    return code;
}

enum err_code
head_parse(char *bytes, size_t size, struct param *fields, struct head *head)
{
    struct reader reader = { .head = head, .fields = fields };
    const char *end = bytes + size, *fault;
    size_t lines = 0;

    *head = (struct head){ .length = -1 };
    for (char *line = bytes, *cr;; line = cr + 2) {
        cr = line_end(line, end);
        if (cr == NULL)
            return refuse(head, ERR_HTTP_PROTOCOL_ERROR, "a line that does not end in CR LF");
        if (cr == line && line > bytes)
            break;
        if (lines++ > HEAD_FIELDS_MAX)
            return refuse(head, ERR_RESPONSE_HEADERS_TOO_LARGE, "too many header lines");
        fault = line == bytes ? read_status(head, line, cr) : read_field(&reader, line, cr);
        if (fault != NULL)
            return refuse(head, ERR_HTTP_PROTOCOL_ERROR, fault);
    }
    if (reader.encoded && (head->length >= 0 || bytes[7] == '0'))
        return refuse(head, ERR_HTTP_PROTOCOL_ERROR, "a Transfer-Encoding that may not be here");
    if (reader.noptions > 0)
        drop_named(&reader);
    head->headers = (struct params){ fields, reader.nfields };
    return ERR_NONE;
}
