/* What the files of the registry of instances share. */
#ifndef DOMAIN_INSTANCES_PRIV_H
#define DOMAIN_INSTANCES_PRIV_H

#include "domain/instances.h"
#include "domain_priv.h"
#include "store/instances.h"
#include "store/types.h"

/* What an agent_type names: an id of an agent, or a type. *is_id tells which. */
struct type_key types_key(const char *agent_type, bool *is_id);

/* An event of the registry; metadata as for struct audit_entry. */
bool instances_tell(struct unit *u, struct db_tx *tx, enum audit_action action,
                    const struct audit_entry *entry, struct err *err) MUST_CHECK;

/* Instances (struct instance_gone) are gone: their sockets and the caches hear of it. */
bool instances_forget(struct unit *u, struct db_tx *tx, const struct list *gone,
                      struct err *err) MUST_CHECK;

/* After the commit: an agent whose last socket was of them (held of the first) is offline. When
 * that cannot be written, its silence says it later. */
void instances_left(struct unit *u, const struct list *gone);

#endif
