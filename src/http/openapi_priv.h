/* What the files that print the document share. */
#ifndef HTTP_OPENAPI_PRIV_H
#define HTTP_OPENAPI_PRIV_H

#include "http/openapi.h"

/* Sets a member; takes the reference. */
void openapi_put(json_t *object, const char *key, json_t *value);

/* The operation object of one row. New reference. */
json_t *openapi_operation(const struct dialect *dialect, const struct route *route,
                          struct arena *mem);

/* The path as a template: "{path*}" becomes "{path}". In mem. */
char *openapi_path(const struct route *route, struct arena *mem);

/* Calls each(arg, name) for every {name} of the path, in order. */
void openapi_names(const struct route *route, struct arena *mem,
                   void (*each)(void *arg, const char *name), void *arg);

/* The row for a {name}; a plain one when the table does not have it. */
const struct field *openapi_field(const struct field *fields, const char *name);

/* Which side of its in spec a row reads. */
enum spec_side openapi_side(const struct route *route);

/* Whether lists of it are paged, so that answers carry Link. */
bool openapi_is_list(const struct route *route);

/* Whether it passes on what a target answers, instead of answering itself. */
bool openapi_relays(const struct route *route);

/* The media types of a success, NULL-terminated; none for an empty answer. */
void openapi_types(const struct route *route, const char *types[3]);

#endif
