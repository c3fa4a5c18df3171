/* Named checks of texts: one row each, published in the document and run by spec_read. */
#ifndef JSON_FORMATS_H
#define JSON_FORMATS_H

#include "base/field.h"

extern const struct format format_uuid;         /* RFC 9562 text, either case              */
extern const struct format format_agent_ref;    /* a UUID or agt- and 8 hex digits         */
extern const struct format format_spdx;         /* SPDX licence expression, ids checked    */
extern const struct format format_language;     /* BCP 47 tag, shape only                  */
extern const struct format format_header_name;  /* RFC 9110 token, and none that frames or
                                                   routes a message (Host, Content-Length, …) */
extern const struct format format_header_value; /* visible ASCII and inner spaces          */
extern const struct format format_plain;        /* no control characters                   */
extern const struct format format_media_type;   /* type/subtype, parameters allowed        */
extern const struct format format_trace_id;     /* 32 lower-case hex digits                */
extern const struct format format_slug;         /* lower-case letters, digits, inner hyphens */

/* All of the above, NULL-terminated: for the document and the tests. */
extern const struct format *const formats_all[];

#endif
