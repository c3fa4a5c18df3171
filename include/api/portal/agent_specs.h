/* How an agent looks in the portal's words. */
#ifndef API_PORTAL_AGENT_SPECS_H
#define API_PORTAL_AGENT_SPECS_H

#include "json/spec.h"

extern const struct spec portal_agent_draft_spec; /* struct agent_draft: what an owner sets   */
extern const struct spec portal_agent_spec;       /* struct agent: what an owner sees         */
extern const struct spec portal_agent_page_spec;  /* struct page of struct agent              */
extern const struct spec portal_me_spec;          /* struct agent: what it sees of itself     */

/* Words of enum presence_state, enum presence_reason, enum agent_life; NULL-terminated. */
extern const char *const portal_state_words[];
extern const char *const portal_reason_words[];
extern const char *const portal_life_words[];

#endif
