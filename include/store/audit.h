/* The audit_events table: written through audit_append, never changed. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "db/db.h"
#include "model/audit.h"

extern const struct stmt store_audit_stmts[];

/* An event that is to be kept: id fresh, ip and user_agent never NULL. */
struct audit_new {
    const char *id, *ip, *user_agent;
    struct audit_entry entry;
};

/* Writes it; the time is that of the database. */
bool store_audit_insert(struct db_tx *tx, const struct audit_new *event, struct arena *mem,
                        struct err *err) MUST_CHECK;

/* A page of struct audit_event, newest first, of those not older than kept_ms. */
struct list *store_audit_list(struct db_tx *tx, const struct audit_filter *filter, int64_t kept_ms,
                              struct arena *mem, struct err *err) MUST_CHECK;

/* How many fit the filter, on all pages; -1 on failure. */
int64_t store_audit_count(struct db_tx *tx, const struct audit_filter *filter, int64_t kept_ms,
                          struct arena *mem, struct err *err) MUST_CHECK;

/* One event that is not older than kept_ms; org NULL: of any organization. NULL with err unset:
 * none. */
struct audit_event *store_audit_find(struct db_tx *tx, const char *org, const char *id,
                                     int64_t kept_ms, struct arena *mem,
                                     struct err *err) MUST_CHECK;

/* How many failed attempts to authenticate were written in the last minute. */
struct audit_failures {
    int64_t all, from_ip;
};

/* About an agent; NULL: about clients that are not known. NULL on failure. */
struct audit_failures *store_audit_failures(struct db_tx *tx, const char *agent, const char *ip,
                                            struct arena *mem, struct err *err) MUST_CHECK;

#endif
