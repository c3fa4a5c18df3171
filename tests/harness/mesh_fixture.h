/* What tests of the mesh need besides: instances, by SQL. */
#ifndef HARNESS_MESH_FIXTURE_H
#define HARNESS_MESH_FIXTURE_H

#include "domain_fixture.h"

/* The names of an agent type and an instance, fresh in every test. */
struct mesh_names {
    char type[40], instance[40];
};

/* A hosted, available instance of a fresh agent type. */
struct mesh_names mesh_fixture_type(struct domain_fixture *fx);

/* One more instance of that type. */
struct mesh_names mesh_fixture_instance(struct domain_fixture *fx, const struct mesh_names *type);

#endif
