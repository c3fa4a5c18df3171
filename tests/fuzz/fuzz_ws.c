/* Whatever a client sends behind the handshake, cut at any places: the owner gets the same
 * messages, of valid UTF-8 and within the bound, and hears of the end once. */
#include "ws/ws.h"

#include "base/clock.h"

#include "fuzz.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1000 };

struct run {
    struct ws *ws; /* NULL: it is over */
    bool paused, dropped;
    size_t texts, closed;
    uint64_t sum;
    int code;
};

/* By decoding, which is not how the room does it. */
static void
check_utf8(const unsigned char *text, size_t n)
{
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

    for (size_t i = 0; i < n;) {
        unsigned char c = text[i++];
        size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        uint32_t point = more == 0 ? c : c & (0x3fu >> more);

        assert(c < 0x80 || (c >= 0xc0 && c < 0xf8));
        assert(n - i >= more);
        for (size_t k = 0; k < more; k++, i++) {
            assert((text[i] & 0xc0) == 0x80);
            point = point << 6 | (text[i] & 0x3f);
        }
        assert(point >= least[more] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff));
    }
}

/* The first letter says what the owner does with it. */
static void
text_came(void *arg, const char *text, size_t n)
{
    struct run *run = arg;

    assert(run->ws != NULL && run->closed == 0 && !run->paused && n <= MESSAGE_MAX);
    check_utf8((const unsigned char *)text, n);
    run->texts++;
    for (size_t i = 0; i < n; i++)
        run->sum = run->sum * 31 + (unsigned char)text[i];
    switch (n == 0 ? 0 : text[0]) {
    case 'S':
        if (ws_send(run->ws, text, n))
            run->sum++;
        break;
    case 'C':
        ws_close(run->ws, WS_GOING_AWAY, "as told");
        break;
    case 'P':
        ws_pause(run->ws);
        run->paused = true;
        break;
    case 'D':
        ws_drop(run->ws);
        run->ws = NULL;
        run->dropped = true;
        break;
    default:
        break;
    }
}

static void
is_closed(void *arg, int code, const char *reason)
{
    struct run *run = arg;

    assert(run->closed == 0 && !run->dropped && strlen(reason) <= 123);
    assert(code >= 1000 && code <= 4999);
    run->closed++;
    run->code = code;
    run->ws = NULL;
}

static const struct ws_events events = { text_came, NULL, is_closed };
static const struct ws_limits limits = { MESSAGE_MAX, 10000, 1 << 24, 60000, 60000, 60000 };

static void
turn(struct run *run, struct poll *poll, struct timers *timers, int client)
{
    char away[65536];

    for (int i = 0;
         i < 3 || run->paused || (i < 100000 && timers_wait(timers, clock_ms(), 1000) == 0); i++) {
        if (run->paused && run->ws != NULL)
            ws_resume(run->ws);
        run->paused = false;
        poll_run(poll, 0);
        timers_run(timers, clock_ms());
        while (client >= 0 && recv(client, away, sizeof away, 0) > 0)
            continue;
    }
}

static struct run
run_with(const uint8_t *bytes, size_t n, size_t extra, size_t step)
{
    struct run run = { 0 };
    struct poll *poll = poll_new();
    struct timers *timers = timers_new();
    int fds[2];
    int made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);

    assert(made == 0);
    run.ws = ws_open(poll, timers, fds[0], (const char *)bytes, extra, &events, &limits, &run);
    for (size_t done = extra; done < n;) {
        size_t some = n - done < step ? n - done : step;
        ssize_t sent = send(fds[1], bytes + done, some, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN)
            break;
        done += sent > 0 ? (size_t)sent : 0;
        turn(&run, poll, timers, fds[1]);
    }
    turn(&run, poll, timers, fds[1]);
    close(fds[1]);
    turn(&run, poll, timers, -1);
    assert(run.ws == NULL && run.closed + run.dropped == 1);
    timers_free(timers);
    poll_free(poll);
    return run;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct run whole = run_with(bytes, n, 0, n + 1);
    size_t odd = n > 0 ? bytes[n - 1] + 1u : 3;
    const size_t ways[][2] = { { n, 1 }, { 0, odd }, { n / 2, 7 }, { 0, n < 3000 ? 1 : 97 } };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct run cut = run_with(bytes, n, ways[i][0], ways[i][1]);

        assert(cut.texts == whole.texts && cut.sum == whole.sum);
        assert(cut.closed == whole.closed && cut.code == whole.code);
    }
    return 0;
}
