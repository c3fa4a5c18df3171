/* Telling all caches what has changed: this node's at commit, the others' by a row. */
#include "domain_priv.h"

#include "store/hints.h"

struct forget {
    struct cache *cache;
    enum hint_kind kind;
    const struct uuid *ids;
    size_t n;
};

static void
forget_now(void *arg)
{
    const struct forget *f = arg;

    /* The command line has none. */
    for (size_t i = 0; f->cache != NULL && i < f->n; i++)
        cache_forget(f->cache, f->kind, &f->ids[i]);
}

bool
hints_forget(struct unit *u, struct db_tx *tx, enum hint_kind kind, const struct uuid *ids,
             size_t n, struct err *err)
{
    struct forget *f = ARENA_NEW(u->mem, struct forget);

    if (n == 0)
        return true;
    if (!store_hints_insert(tx, (int)kind, ids, n, u->mem, err))
        return false;
    *f = (struct forget){ u->core->cache, kind, ids, n };
    db_after_commit(tx, forget_now, f);
    return true;
}
