/* The head of an HTTP/1.1 answer: found, checked and read in place. Whatever two programs could
 * read in two ways is refused. Pure functions: bytes in, verdict out. */
#ifndef OUT_HEAD_H
#define OUT_HEAD_H

#include "base/err.h"
#include "base/field.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HEAD_FIELDS_MAX = 200, HEAD_OPTIONS_MAX = 32 };

struct head {
    int status;            /* 100–599                                                     */
    struct params headers; /* for the next hop: lower-case names, trimmed values, without
                              framing and hop-by-hop ones                                 */
    int64_t length;        /* Content-Length; -1: none                                    */
    bool chunked;
    bool close;        /* the connection may not be used for another exchange         */
    const char *fault; /* what is wrong with it, a literal for the log                */
};

/* The size of the head at the start of bytes, its empty line included; 0: it goes on; -1: this is
 * no head of HTTP/1.0 or 1.1. *scanned is 0 at first and remembers what has been looked at. */
ssize_t head_find(const char *bytes, size_t n, size_t *scanned);

/* Reads a head of the size that head_find told. The bytes are changed; names and values point
 * into them. fields has HEAD_FIELDS_MAX entries. ERR_NONE, or HTTP_PROTOCOL_ERROR or
 * RESPONSE_HEADERS_TOO_LARGE with head->fault. */
enum err_code head_parse(char *bytes, size_t size, struct param *fields, struct head *head);

/* Whether text may be a header name or a method (a token of RFC 9110, 5.6.2); a header value (no
 * control characters but tab); a header of one hop or of framing, in lower case. */
bool head_is_token(const char *text);
bool head_is_value(const char *text);
bool head_is_hop(const char *name);

#endif
