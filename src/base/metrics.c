/* A row per metric; labelled series live in a fixed open-addressed table that only grows. */
#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

enum { SERIES = 1024 };

struct row {
    const char *name, *help, *type, *label, *second;
};

static const struct row rows[] = {
#define COUNTER(name, text, help) { text, help, "counter", NULL, NULL },
#define GAUGE(name, text, help)   { text, help, "gauge", NULL, NULL },
#define LABELLED(name, text, help, label, second)
#include "base/metrics.def"
#undef COUNTER
#undef GAUGE
#undef LABELLED
};

static const struct row labelled_rows[] = {
#define COUNTER(name, text, help)
#define GAUGE(name, text, help)
#define LABELLED(name, text, help, label, second) { text, help, "counter", label, second },
#include "base/metrics.def"
#undef COUNTER
#undef GAUGE
#undef LABELLED
};

struct series {
    const char *_Atomic value; /* NULL: free; set last */
    int metric, second;
    atomic_llong count;
};

static atomic_llong values[METRIC_COUNT];
static struct series table[SERIES];
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

void
metrics_add(enum metric metric, long long n)
{
    atomic_fetch_add_explicit(&values[metric], n, memory_order_relaxed);
}

void
metrics_set(enum metric metric, long long value)
{
    atomic_store_explicit(&values[metric], value, memory_order_relaxed);
}

long long
metrics_get(enum metric metric)
{
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

/* The series, or the free place where it would be; NULL when the table is full. */
static struct series *
find(int metric, const char *value, int second)
{
    size_t at = ((uintptr_t)value >> 3) * 31 + (size_t)second * 7 + (size_t)metric;

    for (size_t i = 0; i < SERIES; i++) {
        struct series *s = &table[(at + i) % SERIES];
        const char *there = atomic_load_explicit(&s->value, memory_order_acquire);

        if (there == NULL || (there == value && s->second == second && s->metric == metric))
            return s;
    }
    return NULL;
}

void
metrics_count(enum labelled_metric metric, const char *value, int second)
{
    struct series *s = find((int)metric, value, second);

    if (s != NULL && atomic_load_explicit(&s->value, memory_order_acquire) == NULL) {
        pthread_mutex_lock(&adding);
        s = find((int)metric, value, second);
        if (s != NULL && atomic_load_explicit(&s->value, memory_order_acquire) == NULL) {
            s->metric = (int)metric;
            s->second = second;
            atomic_store_explicit(&s->value, value, memory_order_release);
        }
        pthread_mutex_unlock(&adding);
    }
    if (s != NULL)
        atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
}

static void
print_head(struct buf *out, const struct row *row)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, row->type);
}

static void
print_series(struct buf *out, int metric)
{
    const struct row *row = &labelled_rows[metric];

    print_head(out, row);
    for (size_t i = 0; i < SERIES; i++) {
        const char *value = atomic_load_explicit(&table[i].value, memory_order_acquire);

        if (value == NULL || table[i].metric != metric)
            continue;
        buf_printf(out, "%s{%s=\"%s\"", row->name, row->label, value);
        if (row->second != NULL)
            buf_printf(out, ",%s=\"%d\"", row->second, table[i].second);
        buf_printf(out, "} %lld\n",
                   (long long)atomic_load_explicit(&table[i].count, memory_order_relaxed));
    }
}

void
metrics_print(struct buf *out)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        print_head(out, &rows[i]);
        buf_printf(out, "%s %lld\n", rows[i].name, metrics_get((enum metric)i));
    }
    for (int i = 0; i < LABELLED_COUNT; i++)
        print_series(out, i);
    buf_printf(out,
               "# HELP rosterd_build_info Version of this binary.\n"
               "# TYPE rosterd_build_info gauge\nrosterd_build_info{version=\"%s\"} 1\n",
               ROSTERD_VERSION);
}
