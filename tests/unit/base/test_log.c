/* Log lines: one each, fields escaped, floods held back and counted. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *file;
static int real_stderr;

static int
capture(void **state)
{
    (void)state;
    file = tmpfile();
    real_stderr = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    return file == NULL;
}

static int
release(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    fclose(file);
    return 0;
}

static char *
lines(void)
{
    static char text[65536];

    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    return text;
}

static void
escapes_what_could_break_a_line(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_LOGFMT);
    log_event(LOG_INFO, "test", LOG_T("a", "plain"), LOG_T("b", "two words\n\"x\" level=error"),
              LOG_N("c", -5), LOG_T("d", (const char *)NULL));
    assert_non_null(strstr(lines(), "info  test a=plain b=\"two words\\u000a\\\"x\\\" "
                                    "level=error\" c=-5 d=\"\"\n"));
}

static void
writes_json_and_journal_lines(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    log_event(LOG_WARN, "one", LOG_T("a", "x"), LOG_N("n", 3));
    assert_non_null(strstr(lines(), "\"level\":\"warn\",\"event\":\"one\",\"a\":\"x\",\"n\":3}\n"));
    log_setup(LOG_INFO, LOG_JOURNAL);
    log_event(LOG_ERROR, "two", LOG_N("n", 4));
    assert_non_null(strstr(lines(), "<3>two n=4\n"));
}

static void
leaves_out_what_is_below_the_level(void **state)
{
    (void)state;
    log_setup(LOG_WARN, LOG_LOGFMT);
    assert_false(log_wants(LOG_INFO));
    log_event(LOG_INFO, "silent", LOG_N("n", 1));
    assert_null(strstr(lines(), "silent"));
}

static void
holds_back_a_flood_of_one_event(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_LOGFMT);
    for (int i = 0; i < 1000; i++)
        log_event(LOG_WARN, "flood", LOG_N("i", i));
    size_t written = 0;
    for (const char *p = lines(); (p = strstr(p, "warn  flood")) != NULL; p++)
        written++;
    assert_in_range(written, 20, 60);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(escapes_what_could_break_a_line, capture, release),
        cmocka_unit_test_setup_teardown(writes_json_and_journal_lines, capture, release),
        cmocka_unit_test_setup_teardown(leaves_out_what_is_below_the_level, capture, release),
        cmocka_unit_test_setup_teardown(holds_back_a_flood_of_one_event, capture, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
