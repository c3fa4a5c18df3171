/* A scripted server on 127.0.0.1, plain or TLS: each connection runs a script on a thread. */
#ifndef HARNESS_UPSTREAM_H
#define HARNESS_UPSTREAM_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct upstream;

/* The server's end of one connection. */
struct peer {
    struct upstream *up;
    int fd;
    SSL *ssl;
    int number; /* of the connection, from 1 */
    char head[16384];
};

typedef void peer_script(struct peer *peer);

/* The counts are read by tests while it runs. */
struct upstream {
    int port;
    atomic_int accepts, requests;
    atomic_llong bytes; /* of the application, read */
    void *private;
};

/* cert: a pair made by upstream_cert, NULL: plain. */
struct upstream_cert {
    EVP_PKEY *key;
    X509 *cert;
};

struct upstream *upstream_new(peer_script *script, const struct upstream_cert *cert);
void upstream_free(struct upstream *up);

/* Lets one peer_wait go on. */
void upstream_go(struct upstream *up);

/* Reads up to the empty line, into peer->head; false at the end. Counts a request. */
bool peer_request(struct peer *peer);

/* Reads exactly n bytes, thrown away when to is NULL; false at the end. */
bool peer_read(struct peer *peer, void *to, size_t n);
bool peer_write(struct peer *peer, const void *bytes, size_t n);
bool peer_text(struct peer *peer, const char *text);
void peer_wait(struct peer *peer);

/* Ends the connection with a reset; without TLS's good-bye. */
void peer_reset(struct peer *peer);
void peer_cut(struct peer *peer);

/* An authority when by is NULL, else a certificate for names ("DNS:a.example,IP:127.0.0.1");
 * days < 0: it has expired. */
struct upstream_cert upstream_cert(const struct upstream_cert *by, const char *names, int days);
void upstream_cert_done(struct upstream_cert *cert);

/* Writes the certificate to a new file in the folder for temporary ones; path has 64 bytes. */
void upstream_cert_write(const struct upstream_cert *cert, char *path);

#endif
