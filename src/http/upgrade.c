/* Handing a connection over. libmicrohttpd 0.9.75 would keep its buffers for as long as an upgraded
 * connection lives; so the descriptor is doubled, and libmicrohttpd's own is closed at once. What
 * that leaves open is the connection itself: closing one of two descriptors sends nothing. */
#include "http/http_priv.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct upgrade {
    void (*take)(void *arg, int fd, const char *extra, size_t n);
    void *arg;
    int fd; /* -1 until the 101 is out */
    struct buf extra;
    struct upgrade *next; /* among those to be given away */
};

struct upgrade *
upgrade_new(void (*take)(void *arg, int fd, const char *extra, size_t n), void *arg)
{
    struct upgrade *upgrade = must(calloc(1, sizeof *upgrade));

    *upgrade = (struct upgrade){ .take = take, .arg = arg, .fd = -1 };
    return upgrade;
}

/* libmicrohttpd's callback once the 101 is out. */
static void
upgraded(void *cls, struct MHD_Connection *mhd, void *context, const char *extra, size_t n,
         MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    struct http_conn *conn = cls;
    struct upgrade *upgrade = conn->upgrade;

    (void)mhd;
    (void)context;
    /* Nothing of ours may touch the connection any more. */
    peer_let_go(conn->peer);
    upgrade->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (upgrade->fd >= 0) {
        fcntl(upgrade->fd, F_SETFL, fcntl(upgrade->fd, F_GETFL) | O_NONBLOCK);
        bool kept = n == 0 || buf_put(&upgrade->extra, extra, n);
        assert(kept);
    }
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    conn->peer->http->need_run = true;
}

struct MHD_Response *
upgrade_response(struct http_conn *conn)
{
    return MHD_create_response_for_upgrade(upgraded, conn);
}

void
upgrade_ended(struct http_conn *conn)
{
    struct http *http = conn->peer->http;
    struct upgrade *upgrade = conn->upgrade;

    if (upgrade == NULL)
        return;
    if (upgrade->fd >= 0)
        conn->peer->upgrade = upgrade;
    else
        upgrade_push(http, upgrade);
}

void
upgrade_push(struct http *http, struct upgrade *upgrade)
{
    upgrade->next = NULL;
    *http->upgrades_end = upgrade;
    http->upgrades_end = &upgrade->next;
}

void
upgrade_give(struct http *http)
{
    while (http->upgrades != NULL) {
        struct upgrade *upgrade = http->upgrades;

        http->upgrades = upgrade->next;
        if (http->upgrades == NULL)
            http->upgrades_end = &http->upgrades;
        upgrade->take(upgrade->arg, upgrade->fd, buf_bytes(&upgrade->extra),
                      buf_size(&upgrade->extra));
        buf_done(&upgrade->extra);
        free(upgrade);
    }
}
