/* The audit log: written in the transaction of the change that it tells of, chained within a
 * second, kept for a time. docs/decisions/0008-audit-chain.md has the whole of it. */
#ifndef DOMAIN_AUDIT_H
#define DOMAIN_AUDIT_H

#include "crypto/hash.h"
#include "domain/core.h"
#include "model/audit.h"
#include "model/identity.h"

/* Words of enum audit_action and enum audit_outcome; NULL-terminated. */
extern const char *const audit_action_names[], *const audit_outcome_names[];

/* Writes one event, with the unit's client address and user agent, as the last statement before
 * the commit of tx: the change and its event are there together or not at all. */
bool audit_write(struct unit *u, struct db_tx *tx, const struct audit_entry *entry,
                 struct err *err) MUST_CHECK;

/* A page of struct audit_event, newest first, without those that are older than events are kept.
 * org_id NULL: the caller's; another needs the scope admin:orgs (INSUFFICIENT_SCOPE).
 * VALIDATION_ERROR on toDate when it is before fromDate. */
struct numbered_page *audit_query(struct unit *u, const struct audit_filter *filter,
                                  struct err *err) MUST_CHECK;

/* One event of the caller's organization; of any, with the scope admin:orgs. VALIDATION_ERROR on
 * eventId when that is no UUID, AUDIT_EVENT_NOT_FOUND. */
struct audit_event *audit_get(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* Chains what waits, then recomputes the chain of an organization (as for audit_query) from its
 * events: all of it, or from one time to another. What is broken is a verdict, not an error. */
struct audit_verdict *audit_verify(struct unit *u, const struct audit_filter *range,
                                   struct err *err) MUST_CHECK;

/* The documented hash of an event behind one with the hash previous, in hex; "": the first. */
struct digest audit_hash(const struct audit_event *event, const char *previous);

/* Chains what waits, of all organizations, for a moment at most. A chain that was tampered with is
 * left as it is. */
bool audit_seal(struct unit *u, struct err *err) MUST_CHECK;

/* Deletes what is older than events are kept, from the oldest on, and keeps the hash of the last as
 * the anchor; for a moment at most. What does not fit its chain stays. */
bool audit_purge(struct unit *u, struct err *err) MUST_CHECK;

/* Where a hash in the chain stands: position 0, and texts that are empty, before the first. */
struct audit_tie {
    int64_t position;
    size_t n; /* bytes of each: 32, or 0 */
    struct digest hash, whole;
};

/* One chain being recomputed, a batch at a time. */
struct audit_walk {
    char org[UUID_TEXT_SIZE];
    struct audit_tie at, end; /* end: what the head says           */
    int64_t until;            /* the last position to look at      */
    int64_t from, to;         /* what counts as checked; 0: all    */
    int64_t checked;
    bool done, broken;
    char broken_at[UUID_TEXT_SIZE]; /* "": not known */
    const char *note;
};

/* The self-check: all organizations, one after the other. Begins zeroed. */
struct audit_check {
    bool under_way, found_broken;
    int64_t begun_ms; /* clock_ms */
    struct audit_walk walk;
};

/* Goes on with the self-check for a moment; it begins anew every_ms after it last began. The gauge
 * says what it found. */
bool audit_check_on(struct unit *u, struct audit_check *check, int64_t every_ms,
                    struct err *err) MUST_CHECK;

#endif
