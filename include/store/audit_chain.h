/* The chain over the audit log: audit_pending, audit_chain, audit_heads. */
#ifndef STORE_AUDIT_CHAIN_H
#define STORE_AUDIT_CHAIN_H

#include "db/db.h"
#include "model/audit.h"

extern const struct stmt store_audit_chain_stmts[];

/* Where the chain of an organization ends (position 0: nowhere yet) and begins. */
struct audit_head {
    const char *org_id;
    int64_t position;
    struct bytes hash, whole;
    int64_t anchor_position;
    struct bytes anchor_hash, anchor_whole;
    struct bytes mac;
    int64_t now; /* of the database */
};

/* A link with its event; event.id NULL: it is gone. */
struct audit_link {
    int64_t position;
    const char *event_id;
    struct bytes hash, whole;
    struct audit_event event;
};

/* New links: n of each. The digests are in hex. */
struct audit_links {
    size_t n;
    int64_t *positions, *seqs;
    struct texts events, hashes, wholes;
};

/* NULL with err unset: there is none. The second holds the row until the transaction ends; unless
 * wait, one that another transaction holds is as good as none. */
struct audit_head *store_audit_head_find(struct db_tx *tx, const char *org, struct arena *mem,
                                         struct err *err) MUST_CHECK;
struct audit_head *store_audit_head_lock(struct db_tx *tx, const char *org, bool wait,
                                         struct arena *mem, struct err *err) MUST_CHECK;

/* A head at position 0, held and without mac; NULL with err unset when there is one, or a chain
 * that should have one. */
struct audit_head *store_audit_head_make(struct db_tx *tx, const char *org, struct arena *mem,
                                         struct err *err) MUST_CHECK;

/* Adds links, takes their events from the queue, and sets the head. */
bool store_audit_chain_extend(struct db_tx *tx, const struct audit_head *head,
                              const struct audit_links *links, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* Deletes events and links up to the anchor of head, and sets the anchor. */
bool store_audit_chain_purge(struct db_tx *tx, const struct audit_head *head, struct arena *mem,
                             struct err *err) MUST_CHECK;

/* Organizations behind after (NULL: all), in order: struct audit_org. The first: with events in the
 * queue; the second: whose first chained event is older than kept_ms; the third: all. */
struct audit_org {
    const char *id;
};
struct list *store_audit_orgs_pending(struct db_tx *tx, const char *after, int64_t limit,
                                      struct arena *mem, struct err *err) MUST_CHECK;
struct list *store_audit_orgs_old(struct db_tx *tx, const char *after, int64_t kept_ms,
                                  int64_t limit, struct arena *mem, struct err *err) MUST_CHECK;
struct audit_org *store_audit_orgs_next(struct db_tx *tx, const char *after, struct arena *mem,
                                        struct err *err) MUST_CHECK;

/* The oldest events of the queue: struct audit_event. */
struct list *store_audit_pending(struct db_tx *tx, const char *org, int64_t limit,
                                 struct arena *mem, struct err *err) MUST_CHECK;

/* Links from behind one position up to another: struct audit_link. */
struct list *store_audit_links(struct db_tx *tx, const char *org, int64_t after, int64_t until,
                               int64_t limit, struct arena *mem, struct err *err) MUST_CHECK;

/* The first and the last position of events from one time to another (0: unbounded); both 0: there
 * is none. */
struct audit_range {
    int64_t first, last;
};
struct audit_range *store_audit_range(struct db_tx *tx, const char *org, int64_t from, int64_t to,
                                      struct arena *mem, struct err *err) MUST_CHECK;

/* An event that is neither chained nor in the queue, or in the queue and gone: struct audit_org
 * with its id; NULL with err unset: none. */
struct audit_org *store_audit_loose(struct db_tx *tx, const char *org, struct arena *mem,
                                    struct err *err) MUST_CHECK;

#endif
