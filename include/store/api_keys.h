/* The api_keys table: keys of people's scripts. */
#ifndef STORE_API_KEYS_H
#define STORE_API_KEYS_H

#include "db/db.h"

extern const struct stmt store_api_keys_stmts[];

struct api_key_row {
    struct uuid id, org;
    const char *id_text, *org_text, *name, *hint;
    int64_t scopes, created_at;
    bool suspended; /* its organization is */
};

/* A key that is to be kept. */
struct api_key_new {
    const char *id, *org_id, *name, *hint;
    struct bytes hash;
    unsigned scopes;
};

/* The id must be fresh, as ids_uuid gives it. */
struct api_key_row *store_api_keys_insert(struct db_tx *tx, const struct api_key_new *key,
                                          struct arena *mem, struct err *err) MUST_CHECK;

/* The key in force with this hash; NULL with err unset when there is none. */
struct api_key_row *store_api_keys_find(struct db_tx *tx, struct bytes hash, struct arena *mem,
                                        struct err *err) MUST_CHECK;

#endif
