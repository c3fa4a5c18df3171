/* Hands a final reply to libmicrohttpd: from memory, or as a stream that the reader feeds. */
#include "http/http_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { STREAM_BLOCK = 64 * 1024 };

void
reply_header(struct request *rq, const char *name, const char *value)
{
    assert(rq->reply.nheaders < REQUEST_HEADERS_MAX);
    assert(strpbrk(value, "\r\n") == NULL);
    rq->reply.headers[rq->reply.nheaders++] = (struct param){ name, value };
}

/* Resumed connections come back here; what the hook says decides. */
static ssize_t
read_stream(void *cls, uint64_t position, char *to, size_t most)
{
    struct http_conn *conn = cls;

    (void)position;
    if (conn->cut || conn->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    conn->in_handler = true;
    ssize_t n = conn->peer->http->options.hooks->read(conn->rq, to, most);
    conn->in_handler = false;
    if (n == HTTP_READ_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == HTTP_READ_ABORT || conn->cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    /* A hang-up that was heard while bytes were still being sent is not told again. */
    if (n == 0 && peer_has_left(conn))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n == 0) {
        conn->suspended = true;
        MHD_suspend_connection(conn->mhd);
    }
    conn->sent += (uint64_t)n;
    return n;
}

/* libmicrohttpd clears the whole block for every answer. */
static size_t
block_for(int64_t size)
{
    return size >= 0 && size < STREAM_BLOCK ? (size_t)size + 1 : STREAM_BLOCK;
}

static struct MHD_Response *
response_of(struct http_conn *conn)
{
    struct reply *reply = &conn->rq->reply;

    if (conn->upgrade != NULL)
        return upgrade_response(conn);
    if (conn->stream_size == -2)
        /* The bytes are in the request's arena, which outlives the sending. */
        return MHD_create_response_from_buffer(reply->size, (void *)(uintptr_t)reply->bytes,
                                               MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_callback(conn->stream_size < 0 ? MHD_SIZE_UNKNOWN
                                                                   : (uint64_t)conn->stream_size,
                                             block_for(conn->stream_size), read_stream, conn, NULL);
}

bool
reply_queue(struct http_conn *conn)
{
    struct request *rq = conn->rq;
    struct MHD_Response *response = response_of(conn);
    bool good = response != NULL;

    if (!good)
        return false;
    if (conn->upgrade != NULL)
        good = MHD_add_response_header(response, "Upgrade", "websocket") == MHD_YES;
    if (good && rq->reply.type != NULL)
        good = MHD_add_response_header(response, "Content-Type", rq->reply.type) == MHD_YES;
    for (size_t i = 0; i < rq->reply.nheaders && good; i++)
        good = rq->reply.headers[i].value[0] == '\0' ||
               MHD_add_response_header(response, rq->reply.headers[i].name,
                                       rq->reply.headers[i].value) == MHD_YES;
    if (good)
        good = MHD_add_response_header(response, "Request-Id", rq->id) == MHD_YES;
    if (good && conn->closing)
        good = MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    if (good)
        good = MHD_queue_response(conn->mhd, (unsigned)rq->reply.status, response) == MHD_YES;
    MHD_destroy_response(response);
    return good;
}
