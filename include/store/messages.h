/* The messages table. */
#ifndef STORE_MESSAGES_H
#define STORE_MESSAGES_H

#include "db/db.h"
#include "model/session.h"

extern const struct stmt store_messages_stmts[];

struct message_new {
    const char *id, *session_id, *agent_type; /* session_id NULL: none               */
    const char *request;                      /* JSON                                */
};

struct message_filter {
    int64_t page, page_size;
    int state;              /* -1: any                */
    const char *session_id; /* a UUID; NULL: whatever */
};

struct message_end {
    int state;                  /* one of the final ones    */
    const char *instance_id;    /* who had it; NULL: nobody */
    const char *result, *error; /* NULL: none               */
};

/* Inserts one that is under way. NULL with err unset when org has no such agent in service. */
struct message *store_messages_insert(struct db_tx *tx, const char *org,
                                      const struct message_new *fresh, struct arena *mem,
                                      struct err *err) MUST_CHECK;

/* With all its texts; NULL with err unset when org has no such message. */
struct message *store_messages_find(struct db_tx *tx, const char *org, const char *id,
                                    struct arena *mem, struct err *err) MUST_CHECK;

/* One page, newest first, without texts: a list of struct message. */
struct list *store_messages_list(struct db_tx *tx, const char *org,
                                 const struct message_filter *filter, struct arena *mem,
                                 struct err *err) MUST_CHECK;

/* On all pages, as far as MESH_COUNT_MAX; -1 on failure. */
int64_t store_messages_count(struct db_tx *tx, const char *org, const struct message_filter *filter,
                             struct arena *mem, struct err *err) MUST_CHECK;

/* The last messages of a session, oldest first, without texts. */
struct list *store_messages_turns(struct db_tx *tx, const char *session, int64_t limit,
                                  struct arena *mem, struct err *err) MUST_CHECK;

/* Ends a message that has not ended: how many (0 or 1), or -1. */
long store_messages_end(struct db_tx *tx, const char *org, const char *id,
                        const struct message_end *end, struct arena *mem,
                        struct err *err) MUST_CHECK;

/* A sign of activity of the open session of a message. */
bool store_messages_touch(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                          struct err *err) MUST_CHECK;

/* Fails those whose daemon has died: under way and unchanged for old_ms; at most limit. */
long store_messages_expire(struct db_tx *tx, int64_t old_ms, int64_t limit, struct arena *mem,
                           struct err *err) MUST_CHECK;

/* Deletes those older than keep_ms that are not under way, at most limit: how many. */
long store_messages_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                          struct err *err) MUST_CHECK;

#endif
