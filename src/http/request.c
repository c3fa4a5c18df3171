/* The headers of a request, for handlers. */
#include "http/http_priv.h"

const char *
request_header(const struct request *rq, const char *name)
{
    return MHD_lookup_connection_value(rq->conn->mhd, MHD_HEADER_KIND, name);
}

struct each_header {
    void (*each)(void *arg, const char *name, const char *value);
    void *arg;
};

static enum MHD_Result
give_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    const struct each_header *e = cls;

    (void)kind;
    e->each(e->arg, name, value == NULL ? "" : value);
    return MHD_YES;
}

void
request_headers(const struct request *rq,
                void (*each)(void *arg, const char *name, const char *value), void *arg)
{
    struct each_header e = { each, arg };

    MHD_get_connection_values(rq->conn->mhd, MHD_HEADER_KIND, give_header, &e);
}
