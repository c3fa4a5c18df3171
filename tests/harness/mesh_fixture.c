/* Instances as a registration leaves them. */
#include "mesh_fixture.h"

#include <stdio.h>
#include <string.h>

struct mesh_names
mesh_fixture_instance(struct domain_fixture *fx, const struct mesh_names *type)
{
    struct mesh_names names = *type;
    char *id = ids_uuid(fx->u.mem);

    snprintf(names.instance, sizeof names.instance, "i-%s", id);
    domain_fixture_run(fx,
                       "INSERT INTO instances (id, org_id, agent_id, instance_id, mode, url_sealed)"
                       " SELECT '%s', org_id, id, '%s', 1, 'x' FROM agents"
                       " WHERE org_id = '%s' AND mesh_type = '%s'",
                       id, names.instance, fx->u.by->org_text, names.type);
    domain_fixture_run(fx,
                       "INSERT INTO instance_states (instance, org_id, agent_id, mode, status)"
                       " SELECT id, org_id, agent_id, 1, 0 FROM instances WHERE id = '%s'",
                       id);
    return names;
}

struct mesh_names
mesh_fixture_type(struct domain_fixture *fx)
{
    const struct agent *agent = domain_fixture_agent(fx, "mesh", NULL);
    struct mesh_names names = { "", "" };

    snprintf(names.type, sizeof names.type, "t-%.36s", agent->id);
    domain_fixture_run(fx, "UPDATE agents SET mesh_type = '%s' WHERE id = '%s'", names.type,
                       agent->id);
    return mesh_fixture_instance(fx, &names);
}
