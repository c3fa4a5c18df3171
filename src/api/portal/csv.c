/* Cells of text/csv: quoting, and the guard against formulas. */
#include "api/portal/csv.h"

#include <string.h>

static void
end_cell(struct buf *out, bool last)
{
    buf_text(out, last ? "\r\n" : ",");
}

void
portal_csv_text(struct buf *out, const char *text, bool last)
{
    bool formula = text != NULL && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    bool quoted = text != NULL && (formula || strpbrk(text, ",\"\r\n") != NULL);

    if (quoted)
        buf_text(out, formula ? "\"'" : "\"");
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '"')
            buf_put(out, "\"", 1);
        buf_put(out, text, 1);
    }
    if (quoted)
        buf_text(out, "\"");
    end_cell(out, last);
}

void
portal_csv_number(struct buf *out, int64_t number, bool last)
{
    buf_printf(out, "%lld", (long long)number);
    end_cell(out, last);
}
