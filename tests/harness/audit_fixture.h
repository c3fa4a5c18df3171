/* A log to tamper with: events of a fresh organization, and what verifying says of it. */
#ifndef HARNESS_AUDIT_FIXTURE_H
#define HARNESS_AUDIT_FIXTURE_H

#include "domain/audit.h"
#include "domain_fixture.h"

enum { AUDIT_FIXTURE_EVENTS = 5 };

/* A filter that lets everything through. */
extern const struct audit_filter audit_fixture_all;

/* Runs SQL (printf) behind our back: as the owner of the tables, with their triggers off. */
void audit_fixture_tamper(struct domain_fixture *fx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes an event of the unit's caller. */
void audit_fixture_write(struct domain_fixture *fx, enum audit_action action, const char *metadata);

/* The verdict on the log of the caller's organization. */
struct audit_verdict *audit_fixture_verify(struct domain_fixture *fx);

/* A fresh organization with AUDIT_FIXTURE_EVENTS events that are whole; fx->by is of it. */
void audit_fixture_fill(struct domain_fixture *fx);

/* The id of the event at a position of the chain. */
const char *audit_fixture_at(struct domain_fixture *fx, int64_t position);

/* Fails the test unless the log is broken at this event (NULL: nobody can say) with this note. */
void audit_fixture_broken(struct domain_fixture *fx, const char *event, const char *note);

#endif
