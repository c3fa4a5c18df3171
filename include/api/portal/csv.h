/* Tables as text/csv (RFC 4180), safe to open in a spreadsheet. */
#ifndef API_PORTAL_CSV_H
#define API_PORTAL_CSV_H

#include "base/buf.h"

#include <stdint.h>

/* One cell; last: ends the line. NULL is an empty cell. A text that a spreadsheet would take for a
 * formula gets an apostrophe in front. */
void portal_csv_text(struct buf *out, const char *text, bool last);
void portal_csv_number(struct buf *out, int64_t number, bool last);

#endif
