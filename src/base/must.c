/* Ends the process when memory is gone: nothing above could do better. */
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

void *
must(void *p)
{
    if (p == NULL) {
        fputs("rosterd: out of memory\n", stderr);
        abort();
    }
    return p;
}
