/* The public catalogue: what anyone may know of an agent that its owner has made public. */
#ifndef MODEL_MARKET_H
#define MODEL_MARKET_H

#include "base/field.h"
#include "model/identity.h"

enum {
    MARKET_MAX = 10000, /* agents that a list leads to: what is beyond is found by searching    */
    MARKET_LATE = 1000, /* of these, those that are searched for words that many have           */
    MARKET_WALK = 500,  /* of these, those that say how rare a word is                          */
};

struct card {
    const char *id;
    int type; /* enum agent_type */
    const char *version;
    struct texts capabilities;
    const char *owner;
    int env; /* enum deployment_env */
    int64_t published_at;
    const char *email; /* drawn in its DID card alone */
    const char *did;   /* derived; NULL: this service has no address of its own */
};

/* search NULL: all. page counts from 1. */
struct card_filter {
    const char *search;
    int64_t page, limit;
};

#endif
