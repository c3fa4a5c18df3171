/* Values on their way to PostgreSQL and back: arguments, numbers, arrays, rows. */
#ifndef DB_VALUES_PRIV_H
#define DB_VALUES_PRIV_H

#include "db/db.h"

#include <libpq-fe.h>

/* Arguments as libpq wants them. */
struct db_params {
    int n;
    const char **values;
    int *lengths;
    int *formats; /* 1: binary */
};

/* In mem; texts and bytes of the arguments are used in place. */
struct db_params db_args_bind(struct db_args args, struct arena *mem);

/* n rows of arguments as one: each place is a text[] of what the rows have there. In mem. */
struct db_args db_args_columns(const struct db_each *rows, size_t n, struct arena *mem);

/* Writes the lowest bytes of value, the highest of them first; returns what follows them. */
char *db_args_number(char *to, uint64_t value, int bytes);

/* The literal of a text[] in mem. */
char *db_args_array(const struct texts *texts, struct arena *mem);

/* Row number row as a struct of the shape, in mem. */
void *db_rows_read(const PGresult *result, int row, const struct db_shape *shape,
                   struct arena *mem);

/* Reads the literal of a text[] of one dimension; false when it is none. */
bool db_rows_array(const char *literal, struct texts *out, struct arena *mem);

#endif
