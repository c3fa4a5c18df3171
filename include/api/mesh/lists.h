/* What the lists of sessions and of messages have in common. */
#ifndef API_MESH_LISTS_H
#define API_MESH_LISTS_H

#include "http/route.h"
#include "model/session.h"

struct mesh_list {
    bool ok;
    struct mesh_page page;
};

/* The members of a page; key: of the list; inner: the spec of one item. */
#define MESH_LIST_FIELDS(key, inner)                                                               \
    { "ok", BOOL_AT(struct mesh_list, ok), 0, .doc = "Always true." },                             \
        { "count", INT_AT(struct mesh_list, page.count), 0,                                        \
          .doc = "Items on all pages; more than 100000 are not counted." },                        \
        { "page", INT_AT(struct mesh_list, page.page), 0, .doc = "Which page this is, from 1." },  \
        { "page_size", INT_AT(struct mesh_list, page.page_size), 0, .doc = "Items a page." },      \
        { "total_pages", INT_AT(struct mesh_list, page.total_pages), 0, .doc = "Of count." },      \
        { key, LIST_AT(struct mesh_list, page.data), 0, .spec = (inner), .doc = "Newest first." }, \
        FIELD_LAST

/* The two members that ask for a page. */
#define MESH_PAGE_WANT(type)                                                                       \
    { "page",   INT_AT(type, page),   0,                                                           \
      .min = 1, .max = MESH_PAGE_MAX, .doc = "Which page, from 1; 1 when not given." },            \
    {                                                                                              \
        "page_size", INT_AT(type, page_size), 0, .min = 1, .max = MESH_PAGE_SIZE_MAX,              \
                                                 .doc = "Items a page; 25 when not given."         \
    }

/* Makes a page the answer; false when there is none. */
bool mesh_list_answer(struct request *rq, const struct mesh_page *page) MUST_CHECK;

/* {"ok", "message_id"} and {"ok", "session_id", …} begin with an id that a body named. */
#define MESH_MESSAGE_FIELDS                                                                        \
    { "message_id", TEXT_AT(struct message, id), 0, .format = &format_uuid,                        \
      .doc = "Made by the service." },                                                             \
        { "session_id", TEXT_AT(struct message, session_id), F_NULLABLE, .format = &format_uuid,   \
          .doc = "The session that it belongs to." },                                              \
        { "agent_type", TEXT_AT(struct message, agent_type), F_NULLABLE, .min = 1,                 \
          .doc = "Whom it was for; null when that agent was deleted." },                           \
        { "instance_id", TEXT_AT(struct message, instance_id), F_NULLABLE, .min = 1,               \
          .doc = "Which instance had it; null: none yet." },                                       \
        { "state", ENUM_AT(struct message, state), 0, .names = message_state_words,                \
          .doc = "completed, failed and canceled are final." },                                    \
        { "error", TEXT_AT(struct message, error), F_NULLABLE, .min = 1,                           \
          .doc = "The code of what went wrong." },                                                 \
        { "created_at", TIME_AT(struct message, created_at), 0, .doc = "When it came." },          \
    {                                                                                              \
        "updated_at", TIME_AT(struct message, updated_at), 0,                                      \
            .doc = "When its state changed last."                                                  \
    }

/* A message without its texts. */
extern const struct spec mesh_message_spec;

#endif
