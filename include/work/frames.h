/* The frames of the subprotocol svantic.v1: JSON texts in an envelope {v, type, id, ts,
 * in_reply_to, payload}. */
#ifndef WORK_FRAMES_H
#define WORK_FRAMES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/must.h"
#include "model/instance.h"

#define FRAMES_PROTOCOL "svantic.v1"

enum frame_type {
    FRAME_HELLO,
    FRAME_HEARTBEAT,
    FRAME_RESULT, /* dispatch_result                 */
    FRAME_ERROR,  /* ends the dispatch it answers    */
    FRAME_OTHER,  /* to be ignored                   */
};

struct frame_hello {
    const char *instance_id, *agent_type, *agent_version, *sdk_version;
    const char *agent_card; /* JSON text, or NULL */
    struct texts features;
};

struct frame_heartbeat {
    const char *instance_id;                  /* NULL: that of the socket                        */
    int status;                               /* enum instance_status; -1: as before             */
    int64_t sessions, max_sessions, failures; /* -1: as before                  */
};

/* One that says nothing; and the members of any, for the table of a spec: of a type in which the
 * heartbeat is the member in ("beat.", or nothing). */
#define FRAME_HEARTBEAT_NONE                                                                       \
    {                                                                                              \
        NULL, -1, -1, -1, -1                                                                       \
    }
/* clang-format off */
#define FRAME_HEARTBEAT_FIELDS(type, in)                                                           \
    { "instance_id", TEXT_AT(type, in instance_id), F_NULLABLE, .min = 1, .max = INSTANCE_ID_MAX,  \
      .doc = "Which one; by HTTP it is needed, here or in the payload." },                         \
    { "status", ENUM_AT(type, in status), 0, .names = instance_status_words,                       \
      .doc = "What routing goes by; as before when not given." },                                  \
    { "current_sessions", INT_AT(type, in sessions), 0, .max = INT32_MAX,                          \
      .doc = "How many it has." },                                                                 \
    { "max_concurrent_sessions", INT_AT(type, in max_sessions), 0, .max = INT32_MAX,               \
      .doc = "0: no limit." },                                                                     \
    { "consecutive_failures", INT_AT(type, in failures), 0, .max = INT32_MAX,                      \
      .doc = "As it counts them; what is counted here decides." }
/* clang-format on */

struct frame_error {
    const char *code, *message; /* never empty, without control characters */
};

/* A frame of an agent. */
struct frame {
    enum frame_type type;
    const char *id, *in_reply_to; /* in_reply_to: NULL when not given */
    struct frame_hello hello;
    struct frame_heartbeat heartbeat;
    struct frame_error error;
    const char *result; /* JSON text of any kind */
};

enum { FRAME_ID_MAX = 128, FRAME_NODES_MAX = 100000 };

/* Reads a frame, at most FRAME_NODES_MAX values; all in mem. id is set as soon as it is known.
 * MALFORMED_JSON, VALIDATION_ERROR: no such frame. */
bool frame_read(const char *text, size_t n, struct frame *frame, struct arena *mem,
                struct err *err) MUST_CHECK;

/* Frames of ours, as text in mem. */
char *frame_welcome(const char *in_reply_to, struct arena *mem);
char *frame_refusal(const char *in_reply_to, const struct err *err, struct arena *mem);

/* What a dispatch says, besides its frame. */
struct dispatch_text {
    const char *id, *skill_id;
    const char *args; /* text of a JSON object; NULL: {} */
    const char *session_id, *tenant_id;
    const char *trace_id;       /* 32 hex digits                      */
    const char *scheme, *token; /* the proof; scheme NULL: none       */
    int64_t expires_at;
};

/* The frame "dispatch"; the A2A call message/send that says the same to a hosted agent. In mem,
 * wiped with it. */
char *frame_dispatch(const struct dispatch_text *text, struct arena *mem);
char *frame_call(const struct dispatch_text *text, struct arena *mem);

/* What a hosted agent answered to frame_call: its result as JSON text in mem, or NULL with *error
 * filled in (HANDLER_ERROR, or because it is no JSON-RPC answer to it). */
const char *frame_call_result(const char *text, size_t n, struct frame_error *error,
                              struct arena *mem);

#endif
