/* TLS on a connected socket: one context for all; the certificate must lead to a known
 * authority and be made out for the very host that the URL names. */
#include "out/conn_priv.h"

#include "base/log.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_SIZE = 256 };

static const char system_authorities[] = "/etc/ssl/certs/ca-certificates.crt";

static SSL_CTX *
context_new(const char *ca_file)
{
    SSL_CTX *tls = must(SSL_CTX_new(TLS_client_method()));
    const char *file = ca_file != NULL ? ca_file : system_authorities;

    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_load_verify_file(tls, file) != 1) {
        log_event(LOG_WARN, "no_authorities", LOG_T("file", file));
        ERR_clear_error();
        SSL_CTX_free(tls);
        return NULL;
    }
    /* An authority that the operator listed is an anchor even when it is an intermediate. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls),
                                X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(tls, 1);
    return tls;
}

struct trust *
trust_read(const char *ca_file)
{
    struct trust *trust = must(calloc(1, sizeof *trust));

    trust->tls = context_new(ca_file);
    return trust;
}

void
trust_free(struct trust *trust)
{
    if (trust != NULL)
        SSL_CTX_free(trust->tls);
    free(trust);
}

/* Whom the certificate must name: an address as an address, a name as a name, and only where
 * names belong (not in the subject). */
static bool
expect(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char name[HOST_SIZE];
    size_t n = strlen(host);

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    if (n > 0 && host[n - 1] == '.')
        n--;
    if (n == 0 || n >= sizeof name)
        return false;
    memcpy(name, host, n);
    name[n] = '\0';
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *
tls_begin(SSL_CTX *tls, const char *host, int fd)
{
    SSL *ssl = must(SSL_new(tls));

    if (!expect(ssl, host) || SSL_set_fd(ssl, fd) != 1) {
        ERR_clear_error();
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

enum err_code
tls_step(struct conn *conn, bool *done, const char **note)
{
    ERR_clear_error();
    conn->blocked = false;
    int rc = SSL_do_handshake(conn->ssl);
    *done = rc == 1;
    if (*done)
        return ERR_NONE;
    switch (SSL_get_error(conn->ssl, rc)) {
    case SSL_ERROR_WANT_WRITE:
        conn->blocked = true;
        return ERR_NONE;
    case SSL_ERROR_WANT_READ:
        return ERR_NONE;
    default:
        break;
    }
    long verdict = SSL_get_verify_result(conn->ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    conn->lost = true;
    if (verdict != X509_V_OK) {
        *note = X509_verify_cert_error_string(verdict);
        return ERR_TLS_CERTIFICATE_ERROR;
    }
    *note = reason != NULL ? reason : "the handshake broke off";
    return ERR_TLS_PROTOCOL_ERROR;
}
