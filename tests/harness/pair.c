/* A socket of ours and its client, for tests. */
#include "pair.h"

#include <fcntl.h>
#include <netinet/in.h>

static void
pair_text(void *arg, const char *text, size_t size)
{
    struct pair *pair = arg;

    assert_true(buf_put(&pair->texts, text, size) && buf_put(&pair->texts, "|", 1));
    pair->ntexts++;
    if (pair->on_text != NULL)
        pair->on_text(pair);
}

static void
pair_heard(void *arg)
{
    ((struct pair *)arg)->heard++;
}

static void
pair_closed(void *arg, int code, const char *reason)
{
    struct pair *pair = arg;

    assert_false(pair->inside);
    pair->closed++;
    pair->code = code;
    pair->ws = NULL;
    assert_true(strlen(reason) < sizeof pair->reason);
    strcpy(pair->reason, reason);
}

static const struct ws_events pair_events = { pair_text, pair_heard, pair_closed };

static void
begin(struct pair *pair, const int fds[2], const char *extra, size_t n)
{
    *pair = (struct pair){
        .poll = poll_new(),
        .timers = timers_new(),
        .client = fds[1],
        .limits = { 1 << 20, 64, 1 << 20, 60000, 60000, 60000 },
    };
    pair->ws =
        ws_open(pair->poll, pair->timers, fds[0], extra, n, &pair_events, &pair->limits, pair);
}

void
pair_open_extra(struct pair *pair, const char *extra, size_t n)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    begin(pair, fds, extra, n);
}

void
pair_open(struct pair *pair)
{
    pair_open_extra(pair, NULL, 0);
}

void
pair_open_tcp(struct pair *pair)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096, fds[2];

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    close(listener);
    assert_true(fds[0] >= 0);
    begin(pair, fds, NULL, 0);
}

void
pair_close(struct pair *pair)
{
    if (pair->ws != NULL)
        ws_drop(pair->ws);
    if (pair->client >= 0)
        close(pair->client);
    buf_done(&pair->texts);
    buf_done(&pair->got);
    timers_free(pair->timers);
    poll_free(pair->poll);
}

void
pair_round(struct pair *pair, int wait)
{
    poll_run(pair->poll, timers_wait(pair->timers, clock_ms(), wait));
    timers_run(pair->timers, clock_ms());
}

void
pair_settle(struct pair *pair)
{
    for (int i = 0; i < 8 || timers_wait(pair->timers, clock_ms(), 1000) == 0; i++)
        pair_round(pair, 0);
}

void
pair_wait_closed(struct pair *pair)
{
    int64_t end = clock_ms() + 20000;

    while (pair->closed == 0 && clock_ms() < end)
        pair_round(pair, 20);
    assert_int_equal(pair->closed, 1);
}

void
frame_put(struct buf *to, const struct shape *shape)
{
    static const unsigned char real[4] = { 0x37, 0xfa, 0x21, 0x3d }, zero[4];
    unsigned how = shape->how;
    size_t n = shape->n;
    const unsigned char *mask = (how & ZERO_MASK) != 0 ? zero : real;
    unsigned char first[2] = { (unsigned char)shape->head, (how & UNMASKED) != 0 ? 0 : 0x80 };
    size_t length = shape->claims > n ? shape->claims : n;
    int bytes = (how & AS_64) != 0 || length > 65535 ? 8
                : (how & AS_16) != 0 || length > 125 ? 2
                                                     : 0;

    first[1] |= (unsigned char)(bytes == 8 ? 127 : bytes == 2 ? 126 : length);
    assert_true(buf_put(to, first, 2));
    for (int i = bytes - 1; i >= 0; i--) {
        unsigned char c = (unsigned char)(length >> 8 * i);
        if (i == 7 && (how & TOP_BIT) != 0)
            c |= 0x80;
        assert_true(buf_put(to, &c, 1));
    }
    if ((how & UNMASKED) == 0)
        assert_true(buf_put(to, mask, 4));
    for (size_t i = 0; i < n; i++) {
        unsigned char c = shape->payload == NULL ? 'x' : (unsigned char)shape->payload[i];
        if ((how & UNMASKED) == 0)
            c ^= mask[i % 4];
        assert_true(buf_put(to, &c, 1));
    }
}

void
pair_write(struct pair *pair, const char *bytes, size_t n, size_t step)
{
    while (n > 0) {
        ssize_t done = send(pair->client, bytes, step > 0 && step < n ? step : n, MSG_NOSIGNAL);

        if (done < 0 && errno != EAGAIN)
            return; /* it has hung up */
        bytes += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
        if (done < 0 || step > 0)
            pair_round(pair, 0);
    }
}

void
pair_put(struct pair *pair, int head, const char *payload, size_t n)
{
    struct buf bytes = { 0 };

    frame_put(&bytes, &(struct shape){ head, payload, n, 0, 0 });
    pair_write(pair, buf_bytes(&bytes), buf_size(&bytes), 0);
    buf_done(&bytes);
}

void
pair_say(struct pair *pair, const char *text)
{
    pair_put(pair, 0x81, text, strlen(text));
}

void
pair_fetch(struct pair *pair)
{
    char bytes[16384];
    ssize_t n;

    while ((n = recv(pair->client, bytes, sizeof bytes, 0)) > 0)
        assert_true(buf_put(&pair->got, bytes, (size_t)n));
    pair->eof = n == 0;
}

struct seen
pair_seen(struct pair *pair)
{
    const unsigned char *b = (const unsigned char *)buf_bytes(&pair->got);
    size_t have = buf_size(&pair->got), head = 2, n = have < 2 ? 0 : b[1] & 0x7f;

    if (have < 2 || (n == 126 && have < 4) || (n == 127 && have < 10))
        return (struct seen){ .head = -1 };
    assert_true((b[1] & 0x80) == 0); /* a server masks nothing  */
    assert_true((b[0] & 0x70) == 0); /* and has no extensions   */
    if (n >= 126) {
        int bytes = n == 126 ? 2 : 8;

        head += (size_t)bytes;
        n = 0;
        for (int i = 0; i < bytes; i++)
            n = n << 8 | b[2 + i];
    }
    if (have < head + n)
        return (struct seen){ .head = -1 };
    struct seen seen = { b[0], (const char *)b + head, n };
    buf_drop(&pair->got, head + n);
    return seen;
}

int
pair_close_code(struct pair *pair)
{
    struct seen seen = pair_seen(pair);

    if (seen.head != 0x88)
        return 0;
    if (seen.n < 2)
        return WS_NO_STATUS;
    return (unsigned char)seen.payload[0] << 8 | (unsigned char)seen.payload[1];
}

bool
pair_send(struct pair *pair, const char *text)
{
    pair->inside = true;
    bool sent = pair->ws != NULL && ws_send(pair->ws, text, strlen(text));
    pair->inside = false;
    return sent;
}

void
pair_end(struct pair *pair, int code, const char *reason)
{
    pair->inside = true;
    ws_close(pair->ws, code, reason);
    pair->inside = false;
}

void
pair_expect(struct pair *pair, int head, const char *payload)
{
    struct seen seen = pair_seen(pair);

    assert_int_equal(seen.head, head);
    assert_int_equal(seen.n, strlen(payload));
    assert_memory_equal(seen.payload, payload, seen.n);
}
