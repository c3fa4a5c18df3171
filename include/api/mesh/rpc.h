/* JSON-RPC of A2A, 0.3 and 1.0, as /send takes it: text to a call, no more. */
#ifndef API_MESH_RPC_H
#define API_MESH_RPC_H

#include "base/arena.h"
#include "base/must.h"

#include <stdbool.h>
#include <stddef.h>

enum rpc_method {
    RPC_SEND,
    RPC_STREAM,
    RPC_GET,
    RPC_CANCEL,
};

/* Codes of JSON-RPC 2.0 and of A2A. */
enum rpc_code {
    RPC_PARSE_ERROR = -32700,
    RPC_INVALID_REQUEST = -32600,
    RPC_NO_METHOD = -32601,
    RPC_INVALID_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_NO_TASK = -32001,
    RPC_NOT_CANCELABLE = -32002,
    RPC_UNSUPPORTED = -32004,
};

struct rpc_fault {
    enum rpc_code code;
    const char *reason; /* a sentence */
};

/* Texts live in mem; NULL: not given. */
struct rpc_call {
    const char *id; /* JSON text; "null" when it could not be read */
    bool v1;        /* the names and shapes of A2A 1.0             */
    enum rpc_method method;
    const char *task_id;    /* RPC_GET, RPC_CANCEL                         */
    const char *message;    /* the A2A message, as JSON text               */
    const char *context_id; /* as given                                    */
    const char *agent_type; /* from a data part, else from metadata        */
    const char *skill_id;   /* likewise                                    */
    const char *args;       /* JSON object as text: of a data part, else {"message": …} */
};

enum { RPC_BODY_MAX = 1024 * 1024, RPC_PARTS_MAX = 100, RPC_NAME_MAX = 256 };

/* Reads a request. On failure call->id is set as far as it is known. */
bool rpc_read(const char *bytes, size_t n, struct arena *mem, struct rpc_call *call,
              struct rpc_fault *fault) MUST_CHECK;

#endif
