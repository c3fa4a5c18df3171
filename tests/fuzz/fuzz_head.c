/* An answer, cut at any places, is read as if it had come whole, and what is read holds. */
#include "out/frame.h"

#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_MAX = 4096 };

/* What was made of an answer. */
struct reading {
    int status; /* -1: refused */
    int64_t length;
    size_t fields, body, used;
    uint64_t sum; /* of the body */
    enum frame_step last;
};

static void
check_head(const struct head *head)
{
    assert(head->status >= 100 && head->status <= 599 && head->length >= -1);
    assert(!head->chunked || head->length < 0);
    assert(head->headers.n <= HEAD_FIELDS_MAX);
    for (size_t i = 0; i < head->headers.n; i++) {
        const struct param *h = &head->headers.v[i];

        assert(head_is_token(h->name) && head_is_value(h->value) && !head_is_hop(h->name));
        for (const char *c = h->name; *c != '\0'; c++)
            assert(*c < 'A' || *c > 'Z');
    }
}

static void
read_body(struct reading *reading, const struct head *head, const char *bytes, size_t n,
          size_t step)
{
    struct frame frame;
    size_t done = 0, given = 0;

    frame_begin(&frame, head, head->status == 204, HEAD_MAX);
    for (;;) {
        struct piece piece;
        size_t used;

        reading->last = frame_next(&frame, bytes + done, given - done, &used, &piece);
        done += used;
        assert(done <= given);
        if (reading->last == FRAME_PIECE) {
            assert(piece.n > 0 && piece.bytes >= bytes && piece.bytes + piece.n <= bytes + given);
            for (size_t i = 0; i < piece.n; i++)
                reading->sum = reading->sum * 31 + (unsigned char)piece.bytes[i];
            reading->body += piece.n;
        } else if (reading->last == FRAME_MORE && given < n) {
            assert(done == given);
            given = given + step < n ? given + step : n;
        } else {
            break;
        }
    }
    assert(head->length < 0 || reading->body <= (uint64_t)head->length);
    /* Where chunks were found to be broken depends on nothing but the bytes. */
    reading->used = done;
}

static struct reading
read_answer(const uint8_t *bytes, size_t n, size_t step)
{
    static struct param fields[HEAD_FIELDS_MAX];
    struct reading reading = { .status = -1 };
    char *copy = malloc(n + 1);
    size_t scanned = 0;
    ssize_t size = 0;
    struct head head;

    assert(copy != NULL);
    memcpy(copy, bytes, n);
    for (size_t given = 0; size == 0 && given < n;) {
        given = given + step < n ? given + step : n;
        size = head_find(copy, given, &scanned);
        assert(size <= (ssize_t)given);
    }
    if (size > 0 && head_parse(copy, (size_t)size, fields, &head) == ERR_NONE) {
        check_head(&head);
        reading.status = head.status;
        reading.length = head.length;
        reading.fields = head.headers.n;
        read_body(&reading, &head, copy + size, n - (size_t)size, step);
    } else if (size > 0) {
        assert(head.fault != NULL);
    }
    free(copy);
    return reading;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct reading whole = read_answer(bytes, n, n + 1);
    size_t steps[] = { 1, 2, 7, n > 0 ? bytes[n - 1] + 1u : 3 };

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct reading cut = read_answer(bytes, n, steps[i]);

        assert(cut.status == whole.status && cut.length == whole.length);
        assert(cut.fields == whole.fields && cut.body == whole.body && cut.sum == whole.sum);
        assert(cut.last == whole.last && cut.used == whole.used);
    }
    return 0;
}
