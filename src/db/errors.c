/* From SQLSTATE and broken constraint to the error a client meets. */
#include "db_priv.h"

#include <stdio.h>
#include <string.h>

/* Prefixes of SQLSTATEs; the first that fits. */
static const struct {
    const char *prefix;
    enum err_code code;
} rows[] = {
    { "08", ERR_DATABASE_UNAVAILABLE },    /* connection                            */
    { "25006", ERR_DATABASE_UNAVAILABLE }, /* read-only: a standby                  */
    { "25P03", ERR_DATABASE_UNAVAILABLE }, /* idle_in_transaction_session_timeout   */
    { "40001", ERR_DATABASE_UNAVAILABLE }, /* serialization                         */
    { "40P01", ERR_DATABASE_UNAVAILABLE }, /* deadlock                              */
    { "53", ERR_DATABASE_UNAVAILABLE },    /* disk, memory, connections             */
    { "55P03", ERR_DATABASE_UNAVAILABLE }, /* lock_timeout                          */
    { "57014", ERR_DATABASE_UNAVAILABLE }, /* statement_timeout                     */
    { "57P", ERR_DATABASE_UNAVAILABLE },   /* shutdown, starting up, terminated     */
    { "22P05", ERR_VALIDATION_ERROR },     /* \u0000 in jsonb                       */
    { "22P02", ERR_VALIDATION_ERROR },     /* not the text of that type             */
    { "22021", ERR_VALIDATION_ERROR },     /* not UTF-8                             */
};

enum err_code
db_errors_code(const char *sqlstate)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strncmp(sqlstate, rows[i].prefix, strlen(rows[i].prefix)) == 0)
            return rows[i].code;
    return ERR_INTERNAL_ERROR;
}

void
db_errors_line(const char *text, char *out, size_t size)
{
    size_t n = 0;
    bool gap = false;

    for (; *text != '\0' && n + 2 < size; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f) {
            gap = n > 0;
            continue;
        }
        if (gap)
            out[n++] = ' ';
        gap = false;
        out[n++] = *text;
    }
    out[n] = '\0';
}

static const struct db_clash *
clash_of(const PGresult *refusal, const struct stmt *stmt)
{
    const char *name = PQresultErrorField(refusal, PG_DIAG_CONSTRAINT_NAME);

    if (name == NULL || stmt == NULL || stmt->clashes == NULL)
        return NULL;
    for (const struct db_clash *c = stmt->clashes; c->constraint != NULL; c++)
        if (strcmp(c->constraint, name) == 0)
            return c;
    return NULL;
}

bool
db_errors_set(struct err *err, enum db_end end, const struct db_reply *reply,
              const struct stmt *stmt)
{
    const char *what = stmt == NULL ? "" : stmt->name;
    const char *gap = stmt == NULL ? "" : ": ";

    if (end == DB_END_UNSENT)
        return err_fault(err, ERR_DATABASE_UNAVAILABLE, "%s%snot sent, the deadline had passed",
                         what, gap);
    if (reply->refusal == NULL)
        return err_fault(err, ERR_DATABASE_UNAVAILABLE, "%s%s%s", what, gap, reply->why);

    const char *sqlstate = PQresultErrorField(reply->refusal, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(reply->refusal, PG_DIAG_MESSAGE_PRIMARY);
    const struct db_clash *clash = clash_of(reply->refusal, stmt);
    enum err_code code =
        end == DB_END_REFUSED ? db_errors_code(sqlstate) : ERR_DATABASE_UNAVAILABLE;
    char line[sizeof err->note];

    db_errors_line(message == NULL ? "" : message, line, sizeof line);
    err_set(err, clash == NULL ? code : clash->code, clash == NULL ? NULL : clash->field, NULL);
    snprintf(err->note, sizeof err->note, "%s %.60s%s%.110s", sqlstate, what, gap, line);
    return false;
}
