/* Turns the outcome of a request into the bytes and headers of its reply. */
#ifndef HTTP_DRAW_H
#define HTTP_DRAW_H

#include "http/route.h"

/* Draws rq->out by the route's out spec (or nothing, for 204), with ETag when rq->etag is set;
 * answers 304 when If-None-Match names it. Bytes already in rq->reply stay. */
void draw_out(struct request *rq);

/* The same drawn without one-time secrets, as text in mem: what is kept for a replay. Where one is
 * missing, a member "notice" says how to get a new one. */
char *draw_kept(struct request *rq);

/* Draws rq->err in the shape of the dialect, with Retry-After, Allow and WWW-Authenticate where
 * they belong; headers of a half-made reply are dropped, but for Allow and Proxy-Status. */
void draw_error(struct request *rq);

/* Adds what every answer of its row carries: how far the limit is used up; and about tokens, that
 * nobody may keep the answer (RFC 6749, section 5.1). Once, before http_answer. */
void draw_standing(struct request *rq);

/* Adds the facts of an error as members of their own. */
void draw_facts(json_t *object, const struct err *err);

/* JSON as compact text in mem; takes the reference. */
char *draw_json(struct arena *mem, json_t *json, size_t *size);

/* If-Match as a row version: -1 when there is none or it is "*". An ETag of ours is
 * "VERSION.DIGEST": the version alone must match, since presence moves without an edit.
 * PRECONDITION_FAILED when it cannot be one of ours. */
bool draw_if_match(const struct request *rq, int64_t *version, struct err *err) MUST_CHECK;

#endif
