/* Files that the binary carries (migrations, pages), as tables made by the build. */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

struct embedded {
    const char *name;        /* NULL ends a table       */
    const char *bytes, *end; /* a NUL stands at end     */
};

extern const struct embedded embedded_migrations[]; /* in order of their numbers */
extern const struct embedded embedded_docs[];       /* what the reference page needs */

#endif
