/* Out of memory ends the process: what a client can make us allocate is bounded before. */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#include <stddef.h>

/* Returns p, or ends the process with one line on stderr when p is NULL. */
void *must(void *p) __attribute__((returns_nonnull));

/* Every function that fills a struct err is marked so: its result may not be dropped. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* Number of elements of an array. */
#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
