/* DID documents: /.well-known/did.json and /agents/{agentId}/did. */
#ifndef API_IDP_DIDS_H
#define API_IDP_DIDS_H

#include "http/route.h"
#include "model/did.h"

extern const struct route idp_dids_routes[];

/* struct did_document as JSON. */
extern const struct spec idp_did_spec;

#endif
