/* The pool: connections that wait for their next call, per origin and identity. Every step is
 * O(1); nothing walks over all connections. */
#include "out/out_priv.h"

#include "base/clock.h"
#include "base/keyhash.h"
#include "base/must.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { POOL_KEY_MAX = 64, ORIGIN_KEY_MAX = OUT_URL_MAX + 3 };

/* The place of a key, made when it is new; it may not outlive a call of pool_drop unless held. */
static struct place *
place_of(struct out *out, struct place *origin, const char *key, size_t n)
{
    uint64_t hash = keyhash(out->seed, key, n);
    struct place **bucket = &out->buckets[hash % OUT_BUCKETS], *place;

    for (place = *bucket; place != NULL; place = place->next)
        if (place->hash == hash && place->origin == origin && place->key_size == n &&
            memcmp(place->key, key, n) == 0)
            return place;
    place = must(calloc(1, sizeof *place + n));
    place->origin = origin;
    place->hash = hash;
    place->key_size = n;
    memcpy(place->key, key, n);
    ring_init(&place->kept);
    if (origin != NULL)
        origin->refs++;
    place->next = *bucket;
    *bucket = place;
    return place;
}

struct place *
pool_lane(struct out *out, const struct call_request *request)
{
    const struct out_url *url = request->url;
    char key[ORIGIN_KEY_MAX + POOL_KEY_MAX];
    size_t extra = request->pool_key_size, n = strlen(url->host), size = 3 + n;

    assert(size <= ORIGIN_KEY_MAX && extra <= POOL_KEY_MAX);
    key[0] = url->https ? 's' : 'p';
    key[1] = (char)(url->port >> 8);
    key[2] = (char)url->port;
    memcpy(key + 3, url->host, n);
    struct place *origin = place_of(out, NULL, key, size);
    if (extra > 0)
        memcpy(key + size, request->pool_key, extra);
    struct place *lane = place_of(out, origin, key, size + extra);
    explicit_bzero(key + size, extra);
    lane->refs++;
    return lane;
}

void
pool_drop(struct out *out, struct place *place)
{
    struct place *origin = place->origin;

    assert(place->refs > 0);
    if (--place->refs > 0)
        return;
    struct place **at = &out->buckets[place->hash % OUT_BUCKETS];
    while (*at != place)
        at = &(*at)->next;
    *at = place->next;
    /* A pool key may be made from a secret. */
    explicit_bzero(place->key, place->key_size);
    free(place);
    if (origin != NULL)
        pool_drop(out, origin);
}

void
pool_forget(struct conn *conn)
{
    assert(conn->state == CONN_KEPT);
    ring_take(&conn->in_lane);
    ring_take(&conn->in_origin);
    ring_take(&conn->in_age);
    conn->state = CONN_OPEN;
    conn->out->stats.kept--;
}

struct conn *
pool_take(struct out *out, struct place *lane)
{
    while (!ring_is_alone(&lane->kept)) {
        struct conn *conn = RING_OF(struct conn, in_lane, lane->kept.next);

        pool_forget(conn);
        if (conn_is_quiet(conn)) {
            out->stats.reuses++;
            return conn;
        }
        conn_close(conn);
    }
    return NULL;
}

void
pool_keep(struct conn *conn)
{
    struct out *out = conn->out;

    if (out->limits->keep_ms <= 0 || conn_holds_bytes(conn) || !conn_watch(conn, EPOLLIN)) {
        conn_close(conn);
        return;
    }
    conn->call = NULL;
    conn->state = CONN_KEPT;
    conn->kept_until = clock_ms() + out->limits->keep_ms;
    ring_put(&conn->lane->kept, &conn->in_lane);
    ring_put(&conn->lane->origin->kept, &conn->in_origin);
    ring_put(&out->age, &conn->in_age);
    out->stats.kept++;
    if (out->age_timer.slot == 0)
        timers_set(out->timers, &out->age_timer, conn->kept_until);
}

void
pool_age(struct timer *timer)
{
    struct out *out = RING_OF(struct out, age_timer, timer);
    int64_t now = clock_ms();

    while (!ring_is_alone(&out->age)) {
        struct conn *oldest = RING_OF(struct conn, in_age, out->age.prev);

        if (oldest->kept_until > now) {
            timers_set(out->timers, timer, oldest->kept_until);
            return;
        }
        conn_close(oldest);
    }
}

bool
pool_has_room(struct out *out, struct place *lane)
{
    struct place *origin = lane->origin;

    if (origin->open >= (size_t)out->limits->per_origin) {
        if (ring_is_alone(&origin->kept))
            return false;
        conn_close(RING_OF(struct conn, in_origin, origin->kept.prev));
    }
    if (out->stats.connections >= (size_t)out->limits->connections) {
        if (ring_is_alone(&out->age))
            return false;
        conn_close(RING_OF(struct conn, in_age, out->age.prev));
    }
    return true;
}
