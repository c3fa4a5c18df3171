/* A scripted server on 127.0.0.1, plain or TLS. */
#include "upstream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_MAX = 512, WAIT_SECONDS = 20 };

struct server {
    struct upstream shared;
    peer_script *script;
    SSL_CTX *tls;
    int listener;
    pthread_t acceptor, threads[PEERS_MAX];
    pthread_mutex_t lock;
    int fds[PEERS_MAX]; /* -1: closed */
    int count;
    sem_t go;
};

static struct server *
server_of(struct upstream *up)
{
    return up->private;
}

static void *
serve(void *arg)
{
    struct peer *peer = arg;
    struct server *server = server_of(peer->up);

    if (server->tls != NULL) {
        peer->ssl = SSL_new(server->tls);
        SSL_set_fd(peer->ssl, peer->fd);
    }
    if (peer->ssl == NULL || SSL_accept(peer->ssl) == 1) {
        server->script(peer);
        if (peer->ssl != NULL)
            SSL_shutdown(peer->ssl);
    }
    SSL_free(peer->ssl);
    pthread_mutex_lock(&server->lock);
    server->fds[peer->number - 1] = -1;
    pthread_mutex_unlock(&server->lock);
    close(peer->fd);
    free(peer);
    return NULL;
}

static void *
accept_all(void *arg)
{
    struct server *server = arg;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        struct peer *peer = calloc(1, sizeof *peer);

        atomic_fetch_add(&server->shared.accepts, 1);
        assert(peer != NULL && server->count < PEERS_MAX);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        peer->up = &server->shared;
        peer->fd = fd;
        peer->number = server->count + 1;
        pthread_mutex_lock(&server->lock);
        server->fds[server->count] = fd;
        pthread_create(&server->threads[server->count], NULL, serve, peer);
        server->count++;
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

struct upstream *
upstream_new(peer_script *script, const struct upstream_cert *cert)
{
    struct server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
    socklen_t size = sizeof address;

    assert(server != NULL);
    server->shared.private = server;
    server->script = script;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = bind(server->listener, (struct sockaddr *)&address, sizeof address);
    rc |= listen(server->listener, 256);
    rc |= getsockname(server->listener, (struct sockaddr *)&address, &size);
    assert(rc == 0);
    server->shared.port = ntohs(address.sin_port);
    if (cert != NULL) {
        server->tls = SSL_CTX_new(TLS_server_method());
        SSL_CTX_use_certificate(server->tls, cert->cert);
        SSL_CTX_use_PrivateKey(server->tls, cert->key);
    }
    pthread_mutex_init(&server->lock, NULL);
    sem_init(&server->go, 0, 0);
    pthread_create(&server->acceptor, NULL, accept_all, server);
    return &server->shared;
}

void
upstream_free(struct upstream *up)
{
    struct server *server = server_of(up);

    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    for (int i = 0; i < server->count; i++)
        sem_post(&server->go);
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->count; i++)
        if (server->fds[i] >= 0)
            shutdown(server->fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    for (int i = 0; i < server->count; i++)
        pthread_join(server->threads[i], NULL);
    sem_destroy(&server->go);
    pthread_mutex_destroy(&server->lock);
    SSL_CTX_free(server->tls);
    free(server);
}

void
upstream_go(struct upstream *up)
{
    sem_post(&server_of(up)->go);
}

void
peer_wait(struct peer *peer)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    sem_timedwait(&server_of(peer->up)->go, &until);
}

static long
take(struct peer *peer, void *to, size_t n)
{
    long got = peer->ssl != NULL ? SSL_read(peer->ssl, to, (int)n) : recv(peer->fd, to, n, 0);

    if (got > 0)
        atomic_fetch_add(&peer->up->bytes, got);
    return got;
}

bool
peer_read(struct peer *peer, void *to, size_t n)
{
    char none[16384], *at = to;

    while (n > 0) {
        size_t most = n < sizeof none ? n : sizeof none;
        long got = take(peer, at != NULL ? at : none, most);

        if (got <= 0)
            return false;
        n -= (size_t)got;
        at = at != NULL ? at + got : NULL;
    }
    return true;
}

bool
peer_request(struct peer *peer)
{
    size_t n = 0;

    while (n < 4 || memcmp(peer->head + n - 4, "\r\n\r\n", 4) != 0) {
        if (n + 1 == sizeof peer->head || take(peer, peer->head + n, 1) != 1)
            return false;
        n++;
    }
    peer->head[n] = '\0';
    atomic_fetch_add(&peer->up->requests, 1);
    return true;
}

bool
peer_write(struct peer *peer, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        size_t most = n < 65536 ? n : 65536;
        long put = peer->ssl != NULL ? SSL_write(peer->ssl, at, (int)most)
                                     : send(peer->fd, at, most, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
        at += put;
        n -= (size_t)put;
    }
    return true;
}

bool
peer_text(struct peer *peer, const char *text)
{
    return peer_write(peer, text, strlen(text));
}

void
peer_reset(struct peer *peer)
{
    struct sockaddr none = { .sa_family = AF_UNSPEC };

    /* Disconnecting a TCP socket sends a reset at once; closing is left to its thread. */
    connect(peer->fd, &none, sizeof none);
}

void
peer_cut(struct peer *peer)
{
    if (peer->ssl != NULL)
        SSL_set_quiet_shutdown(peer->ssl, 1);
    shutdown(peer->fd, SHUT_RDWR);
}

static void
extend(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert(extension != NULL);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

struct upstream_cert
upstream_cert(const struct upstream_cert *by, const char *names, int days)
{
    static long serial = 1;
    struct upstream_cert made = { EVP_EC_gen("P-256"), X509_new() };
    X509_NAME *name = X509_get_subject_name(made.cert);
    const unsigned char *text = (const unsigned char *)(by == NULL ? "authority" : "localhost");

    X509_set_version(made.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made.cert), -86400L * 30);
    X509_gmtime_adj(X509_getm_notAfter(made.cert), 86400L * days);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(made.cert, by == NULL ? name : X509_get_subject_name(by->cert));
    X509_set_pubkey(made.cert, made.key);
    extend(made.cert, NID_basic_constraints, by == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (names != NULL)
        extend(made.cert, NID_subject_alt_name, names);
    int size = X509_sign(made.cert, by == NULL ? made.key : by->key, EVP_sha256());
    assert(size > 0);
    return made;
}

void
upstream_cert_done(struct upstream_cert *cert)
{
    EVP_PKEY_free(cert->key);
    X509_free(cert->cert);
}

void
upstream_cert_write(const struct upstream_cert *cert, char *path)
{
    strcpy(path, "/tmp/rosterd-test-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    assert(file != NULL);
    PEM_write_X509(file, cert->cert);
    fclose(file);
}
