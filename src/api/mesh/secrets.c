/* Secrets of single instances: POST /internal/agents/rotate_dispatch_secret. */
#include "api/mesh/secrets.h"

#include "domain/instances.h"
#include "json/formats_identity.h"
#include "json/spec.h"
#include "model/scope.h"

enum { SECRET_MIN = 32, SECRET_MAX = 4096 };

struct rotation {
    bool ok;
    const char *instance_id, *secret;
};

static const struct field order_fields[] = {
    { "instance_id", TEXT_AT(struct rotation, instance_id), F_REQUIRED, .format = &format_mesh_name,
      .max = INSTANCE_ID_MAX, .doc = "The instance." },
    { "secret", TEXT_AT(struct rotation, secret), F_IN_ONLY, .min = SECRET_MIN, .max = SECRET_MAX,
      .doc = "Its new secret; not given: one is made, 96 hex digits." },
    FIELD_LAST,
};

static const struct spec order_spec = { "SecretRotation", sizeof(struct rotation), order_fields };

static const struct field made_fields[] = {
    { "ok", BOOL_AT(struct rotation, ok), 0, .doc = "Always true." },
    { "instance_id", TEXT_AT(struct rotation, instance_id), 0, .doc = "The instance." },
    { "secret", TEXT_AT(struct rotation, secret), F_SECRET, .doc = "Shown this once." },
    FIELD_LAST,
};

static const struct spec made_spec = { "RotatedSecret", sizeof(struct rotation), made_fields };

static bool
rotate(struct request *rq, struct err *err)
{
    const struct rotation *order = rq->in;
    struct rotation *made = ARENA_NEW(rq->mem, struct rotation);

    *made = (struct rotation){ .ok = true, .instance_id = order->instance_id };
    rq->out = made;
    return instances_set_secret(rq->unit, order->instance_id, order->secret, &made->secret, err);
}

const struct route mesh_secrets_routes[] = {
    { "POST", "/internal/agents/rotate_dispatch_secret", rotate, "rotateDispatchSecret",
      "Give an instance a signing secret", .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE,
      .limit = LIMIT_MESH, .in = &order_spec, .out = &made_spec, .ok = 200,
      .fails = { ERR_INSTANCE_NOT_FOUND },
      .doc = "From the next dispatch on its svantic_auth is signed with it (HS256)." },
    ROUTE_LAST,
};
