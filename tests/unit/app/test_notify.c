/* What systemd is told arrives on its socket as it was meant. */
#include "app/notify.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char path[64];

/* Listens at path (a leading @: abstract) and points NOTIFY_SOCKET there. */
static int
listen_at(const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    strcpy(at.sun_path, name);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void
expect(int fd, const char *text)
{
    char got[256] = "";
    ssize_t n = recv(fd, got, sizeof got - 1, 0);

    assert_int_equal(n, (ssize_t)strlen(text));
    assert_string_equal(got, text);
}

static int
set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/rosterd-notify-%d", (int)getpid());
    unlink(path);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void
sends_to_a_socket_with_a_path(void **state)
{
    int fd = listen_at(path);

    (void)state;
    assert_true(notify_send("READY=1\nSTATUS=ready"));
    expect(fd, "READY=1\nSTATUS=ready");
    assert_true(notify_status("%d agents", 12));
    expect(fd, "STATUS=12 agents");
    close(fd);
}

static void
sends_to_an_abstract_socket(void **state)
{
    char name[64];

    (void)state;
    snprintf(name, sizeof name, "@rosterd-notify-%d", (int)getpid());
    int fd = listen_at(name);
    assert_true(notify_send("STOPPING=1"));
    expect(fd, "STOPPING=1");
    close(fd);
}

static void
without_a_usable_socket_nothing_is_sent(void **state)
{
    static const char *const names[] = { "", "x", "relative/path", "/tmp/nobody-listens-here" };
    char longer[200];

    (void)state;
    assert_false(notify_send("READY=1"));
    for (size_t i = 0; i < 4; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        assert_false(notify_send("READY=1"));
    }
    memset(longer, 'x', sizeof longer);
    longer[0] = '/';
    longer[199] = '\0';
    setenv("NOTIFY_SOCKET", longer, 1);
    assert_false(notify_send("READY=1"));
}

static void
a_reload_carries_its_moment(void **state)
{
    char got[128] = "";
    int fd = listen_at(path);
    int64_t before = clock_us();

    (void)state;
    assert_true(notify_reloading());
    assert_true(recv(fd, got, sizeof got - 1, 0) > 0);
    assert_memory_equal(got, "RELOADING=1\nMONOTONIC_USEC=", 27);
    assert_in_range(strtoll(got + 27, NULL, 10), before, clock_us());
    close(fd);
}

static void
the_watchdog_wants_a_third_of_its_time(void **state)
{
    char pid[16];

    (void)state;
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_watchdog_ms(), 10000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 10000);
    setenv("WATCHDOG_USEC", "nonsense", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
}

static void
only_progress_feeds_the_watchdog(void **state)
{
    struct notify_pulse pulse = { 0 };
    char got[16];
    int fd = listen_at(path);

    (void)state;
    assert_true(notify_alive(&pulse, 5));
    expect(fd, "WATCHDOG=1");
    assert_false(notify_alive(&pulse, 5));
    assert_int_equal(recv(fd, got, sizeof got, 0), -1);
    assert_true(notify_alive(&pulse, 6));
    expect(fd, "WATCHDOG=1");
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_to_a_socket_with_a_path),           TEST(sends_to_an_abstract_socket),
        TEST(without_a_usable_socket_nothing_is_sent), TEST(a_reload_carries_its_moment),
        TEST(the_watchdog_wants_a_third_of_its_time),  TEST(only_progress_feeds_the_watchdog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
