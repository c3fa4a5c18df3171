/* The checks before the first request: schema, then master key. */
#include "domain/schema.h"

#include "db/migrate.h"
#include "domain/keys.h"
#include "store/service_state.h"

bool
schema_check(struct unit *u, int64_t *version, struct err *err)
{
    *version = 0;
    if (migrate_is_current(u->db, version, u->mem, err))
        return keys_check_master(u, err);
    if (err->code != ERR_NONE)
        return false;
    return err_setf(err, ERR_INTERNAL_ERROR, "database.schema",
                    "The database has schema version %lld, which is not that of this binary.",
                    (long long)*version);
}

bool
schema_ping(struct unit *u, struct err *err)
{
    return store_service_state_ping(db_single(u->db), u->mem, err);
}
