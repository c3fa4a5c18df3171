/* Connections between agents and the calls that travelled over them. */
#ifndef MODEL_LINK_H
#define MODEL_LINK_H

#include "base/field.h"

/* A body that asks for a connection. */
struct connection_draft {
    const char *source_agent_id, *target_agent_id; /* UUID or permanent id */
    const char *group_name;
    const char *network_id;
    bool allow_paths;
};

struct connection {
    const char *id, *org_id, *network_id;
    const char *source_agent_id, *source_permanent_id;
    const char *target_agent_id, *target_permanent_id;
    const char *group_name;
    bool allow_paths;
    int64_t created_at;
};

struct connection_filter {
    const char *agent_id; /* as source or target; UUID or permanent id */
    const char *cursor;
    int64_t limit;
};

/* The record of one proxied call. */
struct call_record {
    int64_t id;
    int64_t at;
    const char *org_id;
    const char *trace_id, *request_id, *connection_id;
    const char *source_agent_id, *source_permanent_id;
    const char *target_agent_id, *target_permanent_id;
    const char *fallback_permanent_id; /* who answered instead, or NULL */
    const char *protocol;
    int64_t status;
    const char *outcome;
    int64_t request_bytes, response_bytes, latency_us, first_byte_us;
};

struct call_filter {
    const char *agent_id; /* as source or target */
    const char *connection_id;
    const char *outcome;
    const char *trace_id;
    int64_t since, until; /* ms since 1970; 0: open */
    const char *cursor;
    int64_t limit;
};

struct transition_filter {
    const char *agent_id;
    int new_state; /* -1: all */
    int64_t since, until;
    const char *cursor;
    int64_t limit;
};

/* One page of any list. */
struct page {
    struct list data;
    bool has_more;
    const char *next; /* cursor, or NULL */
};

#endif
