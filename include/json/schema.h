/* The JSON Schema (2020-12, as OpenAPI 3.1 uses it) of a spec: printed from the rows that check. */
#ifndef JSON_SCHEMA_H
#define JSON_SCHEMA_H

#include "base/arena.h"
#include "json/table.h"

#include <jansson.h>

enum spec_side {
    SIDE_IN,    /* body of a creating request     */
    SIDE_PATCH, /* body of a PATCH                */
    SIDE_OUT,   /* answer                         */
};

/* The JSON Schema of the spec, inner specs by {"$ref": "#/components/schemas/NAME"}
 * (spec_schema_name gives NAME). New reference. */
json_t *spec_schema(const struct spec *spec, enum spec_side side);

/* The schema of one field, as it stands in a query parameter. New reference. */
json_t *spec_field_schema(const struct field *field, enum spec_side side);

/* "Agent" for SIDE_OUT, "AgentInput" for SIDE_IN, "AgentPatch" for SIDE_PATCH, in mem. */
const char *spec_schema_name(const struct spec *spec, enum spec_side side, struct arena *mem);

#endif
