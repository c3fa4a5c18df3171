/* DID documents (W3C DID Core 1.0), as far as this service makes them. */
#ifndef MODEL_DID_H
#define MODEL_DID_H

#include "model/market.h"

/* A key that the subject proves itself by. */
struct did_method {
    const char *id, *type, *controller;
    const char *jwk; /* public members, as JSON text */
};

struct did_service {
    const char *id, *type, *endpoint;
};

struct did_document {
    struct texts context;
    const char *id, *controller;
    struct list methods;                  /* of struct did_method  */
    struct texts authentication, asserts; /* ids of methods        */
    struct list services;                 /* of struct did_service */
};

/* What the marketplace tells of one agent. */
struct card_detail {
    struct card card;
    struct did_document document;
};

/* An agent as the directories of AGNTCY read it. */
struct did_card {
    struct card card;              /* its email is the name, published_at when it was issued */
    const char *identity_provider; /* the address of this service                            */
};

#endif
