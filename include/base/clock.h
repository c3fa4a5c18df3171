/* Time. Comparisons that several nodes share use the database's clock, not this one. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970 UTC. */
int64_t clock_wall_ms(void);

/* Milliseconds, and microseconds, of a clock that never jumps: for deadlines and durations. */
int64_t clock_ms(void);
int64_t clock_us(void);

enum { CLOCK_TEXT_SIZE = 32 };

/* Writes wall milliseconds as RFC 3339 UTC with milliseconds, "2026-11-22T01:02:03.004Z";
 * returns out. Needs CLOCK_TEXT_SIZE bytes. */
char *clock_text(int64_t wall_ms, char *out);

/* Reads RFC 3339 (any offset, any fraction); returns false when text is no valid date-time. */
_Bool clock_read(const char *text, int64_t *wall_ms);

#endif
