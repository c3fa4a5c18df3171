/* Formats of identities; rows as in json/formats.h, and listed there with all others. */
#ifndef JSON_FORMATS_IDENTITY_H
#define JSON_FORMATS_IDENTITY_H

#include "base/field.h"

extern const struct format format_email;      /* RFC 5321 dot-string at a domain with a dot */
extern const struct format format_semver;     /* Semantic Versioning 2.0.0              */
extern const struct format format_capability; /* resource:action                        */
extern const struct format format_org_ref;    /* UUID or org_system                     */
extern const struct format format_mesh_name;  /* of an agent type or an instance        */

#endif
