/* Counters and gauges of the process; the rows are in metrics.def. Any thread may count. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

enum metric {
#define COUNTER(name, text, help) METRIC_##name,
#define GAUGE(name, text, help)   METRIC_##name,
#define LABELLED(name, text, help, label, second)
#include "base/metrics.def"
#undef COUNTER
#undef GAUGE
#undef LABELLED
    METRIC_COUNT
};

enum labelled_metric {
#define COUNTER(name, text, help)
#define GAUGE(name, text, help)
#define LABELLED(name, text, help, label, second) LABELLED_##name,
#include "base/metrics.def"
#undef COUNTER
#undef GAUGE
#undef LABELLED
    LABELLED_COUNT
};

/* Adds to, sets or reads one value; relaxed order. */
void metrics_add(enum metric metric, long long n);
void metrics_set(enum metric metric, long long value);
long long metrics_get(enum metric metric);

/* Adds one to the series of a label value: a literal (compared by address), and a second number
 * when the row has a second label. At most 1,024 series in all; later ones are not counted. */
void metrics_count(enum labelled_metric metric, const char *value, int second);

/* Prometheus text format 0.0.4. */
void metrics_print(struct buf *out);

#endif
