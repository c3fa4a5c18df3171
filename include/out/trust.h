/* Whom the certificates of https targets must lead to: read once, shared by all threads. */
#ifndef OUT_TRUST_H
#define OUT_TRUST_H

struct trust;

/* The authorities of a PEM file (NULL: the system's). Never fails: when the file cannot be read,
 * every https call fails with TLS_CERTIFICATE_ERROR. */
struct trust *trust_read(const char *ca_file);

/* Nobody may use it any more; NULL is fine. */
void trust_free(struct trust *trust);

#endif
