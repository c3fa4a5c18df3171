/* The settings: read once, checked as a whole, handed down read-only. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/must.h"
#include "crypto/secret.h"

/* Durations are milliseconds, sizes are bytes; see config_keys.def for each row's sentence. */
struct config {
    struct {
        const char *listen;          /* HOST:PORT                            */
        const char *public_url;      /* NULL: http://LISTEN                  */
        const char *trusted_proxies; /* nets whose X-Forwarded-For counts; "": none */
        int64_t loops;               /* 0: one per core                      */
        int64_t connections;         /* most open client connections         */
        int64_t header_timeout, body_timeout, idle_timeout, request_timeout;
        int64_t drain_delay, drain_timeout;
        bool strict_isolation;
    } server;
    struct {
        struct secret *url; /* libpq connection string              */
        int64_t workers, timeout, queue;
    } database;
    struct {
        struct secret *master_key; /* text of the key file                 */
    } crypto;
    struct {
        int64_t window, offline, interval;
    } presence;
    struct {
        bool enabled;
        int64_t concurrency, per_host, timeout;
    } health;
    struct {
        int64_t connect_timeout, response_timeout, idle_timeout, total_timeout, keep;
        int64_t connections, per_origin, head_max, max_body;
        const char *ca_file; /* NULL: the system's                   */
    } proxy;
    struct {
        int64_t publish; /* a new signing key is seen for this long before it signs */
    } oauth;
    struct {
        int64_t sockets, message_max, ping, pong, dispatch_timeout, lost, remove_connected,
            remove_hosted, session_idle, lease;
        bool dispatch_auth;
        const char *node_url; /* NULL: http://LISTEN */
    } mesh;
    struct {
        const char *allow; /* nets that are allowed although not public; "": none */
        bool allow_http;
    } outbound;
    struct {
        bool enabled;
        int64_t runtime, account_least, account_per_agent, heartbeat, self, owner, verify, mesh,
            bad_token, client, public;
        int64_t buckets;
    } limits;
    struct {
        int64_t agents, connections, keys, tokens, stale;
    } cache;
    struct {
        int64_t beats, calls; /* queue bounds of the writer           */
    } writer;
    struct {
        int64_t calls, transitions, audit, messages; /* how long rows are kept */
    } retention;
    struct {
        int level;  /* enum log_level                       */
        int format; /* enum log_format                      */
        bool access;
    } log;
};

/* One fault of a configuration: where ("FILE:LINE", "environment ROSTERD_X"), and a sentence. */
struct config_fault {
    const char *where, *text;
};

/* What config_load is told. */
struct config_source {
    const char *file;               /* NULL: defaults and environment only               */
    const struct params *overrides; /* "section.key" → value, from the command line; last word */
    bool dev;                       /* dev mode's own defaults                           */
    bool no_secrets;                /* neither read nor require secrets: for a check only */
};

/* Reads FILE, then FILE.d/NAME.conf in order, then ROSTERD_SECTION_KEY, then the overrides; secrets
 * from KEY_file or $CREDENTIALS_DIRECTORY. All faults are collected in *faults (list of struct
 * config_fault) and NULL is returned when there is one. In mem; secrets are tied to it. */
struct config *config_load(const struct config_source *source, struct arena *mem,
                           struct list *faults);

/* What a reload may change: copies the reloadable values of fresh into now; names of keys that
 * differ but need a restart go to *held. */
void config_reload(struct config *now, const struct config *fresh, struct arena *mem,
                   struct texts *held);

/* Prints conf/rosterd.conf.example; docs/configuration.md. Texts in mem. */
char *config_example(struct arena *mem);
char *config_manual(struct arena *mem);

#endif
