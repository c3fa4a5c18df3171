/* Dials: an address by itself; a name with libcurl, which finds the addresses, shows them to the
 * guard and connects; the socket is then ours, and libcurl forgets it. */
#include "out/out_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { URL_SIZE = 2304, BUFFER_SIZE = 1024 };

/* A socket for an address that the guard allows, or -1. */
static int
new_socket(struct conn *conn, const struct sockaddr *address)
{
    const char *why = guard_why_not(conn->out->guard, address);

    if (why != NULL) {
        conn->refused = ERR_IP_PROHIBITED;
        conn->why = why;
        return -1;
    }
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        conn->refused = ERR_CONNECTION_LIMIT;
    return fd;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    int fd = new_socket(arg, &address->addr);

    (void)purpose;
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
           SET(CURLOPT_DNS_CACHE_TIMEOUT, (long)conn->out->limits->names_s) &&
           SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_QUICK_EXIT, 1L) &&
           SET(CURLOPT_TCP_NODELAY, 1L) && SET(CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
}

static bool
dial_name(struct conn *conn, const struct out_url *url)
{
    char text[URL_SIZE];
    int n = snprintf(text, sizeof text, "http://%s:%d/", url->host, url->port);

    conn->easy = curl_easy_init();
    return n > 0 && (size_t)n < sizeof text && conn->easy != NULL && set_options(conn, text) &&
           curl_multi_add_handle(conn->out->multi.curl, conn->easy) == CURLM_OK;
}

/* The size of the address; 0 when the host is a name. */
static socklen_t
address_of(const struct out_url *url, struct sockaddr_storage *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)address;

    *address = (struct sockaddr_storage){ 0 };
    if (inet_pton(AF_INET, url->host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)url->port);
        return sizeof *in;
    }
    if (inet_pton(AF_INET6, url->host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)url->port);
        return sizeof *in6;
    }
    return 0;
}

static bool
dial_address(struct conn *conn, const struct sockaddr *address, socklen_t size)
{
    int fd = new_socket(conn, address);

    if (fd < 0)
        return false;
    conn->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, address, size) != 0 && errno != EINPROGRESS)
        return false;
    return conn_watch(conn, EPOLLOUT);
}

bool
dial_begin(struct conn *conn, const struct out_url *url)
{
    struct sockaddr_storage address;
    socklen_t size = address_of(url, &address);

    conn->out->stats.dials++;
    return size == 0 ? dial_name(conn, url)
                     : dial_address(conn, (const struct sockaddr *)&address, size);
}

void
dial_ready(struct conn *conn)
{
    struct call *call = conn->call;
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) {
        conn_is_dialled(conn, conn->fd);
        return;
    }
    conn_close(conn);
    if (call != NULL)
        call_is_lost(call, error == ETIMEDOUT ? ERR_CONNECTION_TIMEOUT : ERR_CONNECTION_REFUSED,
                     "the address cannot be connected to");
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
