/* The master_keys table: which master keys have sealed something here. */
#ifndef STORE_MASTER_KEYS_H
#define STORE_MASTER_KEYS_H

#include "db/db.h"

extern const struct stmt store_master_keys_stmts[];

struct master_key_row {
    struct bytes key_id, check_value;
};

/* All of them (a key file holds few): a list of struct master_key_row, oldest first. */
struct list *store_master_keys_list(struct db_tx *tx, struct arena *mem,
                                    struct err *err) MUST_CHECK;

/* Inserts it unless another node did. */
bool store_master_keys_insert(struct db_tx *tx, const struct master_key_row *key, struct arena *mem,
                              struct err *err) MUST_CHECK;

#endif
