/* Dials with libcurl, which finds the address, shows it to the guard and connects; the socket is
 * then ours, and libcurl forgets it. */
#include "out/out_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { URL_SIZE = 2304, BUFFER_SIZE = 1024 };

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct conn *conn = arg;
    const char *why = guard_why_not(conn->out->guard, &address->addr);

    if (why != NULL) {
        conn->refused = ERR_IP_PROHIBITED;
        conn->why = why;
        return CURL_SOCKET_BAD;
    }
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        conn->refused = ERR_CONNECTION_LIMIT;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* A socket that was handed over is not libcurl's to close. */
static int
close_socket(void *arg, curl_socket_t fd)
{
    const struct conn *conn = arg;

    return conn->fd == fd ? 0 : close(fd);
}

static enum err_code
code_of(const struct conn *conn, CURLcode result)
{
    curl_off_t named = 0;
    long error = 0;

    if (conn->refused != ERR_NONE)
        return conn->refused;
    curl_easy_getinfo(conn->easy, CURLINFO_NAMELOOKUP_TIME_T, &named);
    curl_easy_getinfo(conn->easy, CURLINFO_OS_ERRNO, &error);
    if (result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_URL_MALFORMAT)
        return ERR_DNS_ERROR;
    if (result == CURLE_OPERATION_TIMEDOUT)
        return named == 0 ? ERR_DNS_TIMEOUT : ERR_CONNECTION_TIMEOUT;
    return error == ETIMEDOUT ? ERR_CONNECTION_TIMEOUT : ERR_CONNECTION_REFUSED;
}

void
dial_finish(CURL *easy, CURLcode result)
{
    char *private = NULL;
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    struct conn *conn = (struct conn *)(void *)private;
    struct call *call = conn->call;

    if (result == CURLE_OK)
        curl_easy_getinfo(conn->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd != CURL_SOCKET_BAD) {
        conn->fd = fd;
        dial_drop(conn);
        conn_is_dialled(conn, fd);
        return;
    }
    enum err_code code = code_of(conn, result);
    const char *note = conn->why != NULL ? conn->why : curl_easy_strerror(result);
    conn_close(conn);
    if (call != NULL)
        call_is_lost(call, code, note);
}

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

/* The scheme is http whatever the target speaks: libcurl shall connect, no more. No environment,
 * no proxy, no other protocol; QUICK_EXIT: do not wait for a resolver that hangs. */
static bool
set_options(struct conn *conn, const char *url)
{
    CURL *easy = conn->easy;

    return SET(CURLOPT_URL, url) && SET(CURLOPT_CONNECT_ONLY, 1L) &&
           SET(CURLOPT_PROTOCOLS_STR, "http") && SET(CURLOPT_PROXY, "") &&
           SET(CURLOPT_NOPROXY, "*") && SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
           SET(CURLOPT_OPENSOCKETDATA, conn) && SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket) &&
           SET(CURLOPT_CLOSESOCKETDATA, conn) && SET(CURLOPT_PRIVATE, conn) &&
           SET(CURLOPT_CONNECTTIMEOUT_MS, (long)conn->out->limits->connect_ms) &&
           SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_QUICK_EXIT, 1L) &&
           SET(CURLOPT_TCP_NODELAY, 1L) && SET(CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
}

bool
dial_begin(struct conn *conn, const struct out_url *url)
{
    bool literal6 = strchr(url->host, ':') != NULL;
    char text[URL_SIZE];
    int n = snprintf(text, sizeof text, "http://%s%s%s:%d/", literal6 ? "[" : "", url->host,
                     literal6 ? "]" : "", url->port);

    conn->easy = curl_easy_init();
    conn->out->stats.dials++;
    return n > 0 && (size_t)n < sizeof text && conn->easy != NULL && set_options(conn, text) &&
           curl_multi_add_handle(conn->out->multi.curl, conn->easy) == CURLM_OK;
}

void
dial_drop(struct conn *conn)
{
    if (conn->easy == NULL)
        return;
    curl_multi_remove_handle(conn->out->multi.curl, conn->easy);
    curl_easy_cleanup(conn->easy);
    conn->easy = NULL;
}
