/* Metrics count, and print in the form that Prometheus reads. */
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

static void *
count_many(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        metrics_count(LABELLED_PROXY_REQUESTS, arg, 0);
        metrics_add(METRIC_PROBES, 1);
    }
    return NULL;
}

static void
counts_from_many_threads_without_losing_any(void **state)
{
    static char outcome[] = "ok";
    pthread_t threads[4];
    struct buf out;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, outcome), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    buf_init(&out, 0);
    metrics_print(&out);
    assert_non_null(strstr(buf_cstr(&out), "rosterd_proxy_requests_total{outcome=\"ok\"} 40000\n"));
    assert_non_null(strstr(buf_cstr(&out), "\nrosterd_probes_total 40000\n"));
    buf_done(&out);
}

static void
prints_help_type_and_both_labels(void **state)
{
    struct buf out;

    (void)state;
    metrics_count(LABELLED_HTTP_REQUESTS, "getAgent", 404);
    metrics_set(METRIC_READY, 1);
    buf_init(&out, 0);
    metrics_print(&out);
    assert_non_null(strstr(buf_cstr(&out), "# TYPE rosterd_ready gauge\nrosterd_ready 1\n"));
    assert_non_null(strstr(buf_cstr(&out), "# HELP rosterd_http_requests_total "));
    assert_non_null(strstr(buf_cstr(&out), "rosterd_http_requests_total{operation=\"getAgent\","
                                           "status=\"404\"} 1\n"));
    buf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_from_many_threads_without_losing_any),
        cmocka_unit_test(prints_help_type_and_both_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
