/* Each special range is closed from its first to its last address, and its neighbours are open. */
#include "out/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static const struct guard strict;

static struct sockaddr_storage
address_of(const char *text)
{
    struct sockaddr_storage storage = { 0 };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(443) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&storage, &in, sizeof in);
        return storage;
    }
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    memcpy(&storage, &in6, sizeof in6);
    return storage;
}

static bool
allows(const struct guard *guard, const char *text)
{
    struct sockaddr_storage address = address_of(text);

    return guard_allows(guard, (const struct sockaddr *)&address);
}

static struct guard
guard_of(const char *list)
{
    struct guard guard;
    struct err err = { 0 };

    assert_true(guard_read(&guard, list, false, &err));
    return guard;
}

/* NULL: there is no neighbour, or it is in another closed range. */
static const struct {
    const char *before, *first, *last, *after, *what;
} ranges[] = {
    { NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0", "this network" },
    { "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "private" },
    { "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0",
      "shared (carrier-grade NAT)" },
    { "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", "loopback" },
    { "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", "link-local" },
    { "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", "private" },
    { "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", "protocol assignments" },
    { "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", "documentation" },
    { "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", "6to4 relay" },
    { "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", "private" },
    { "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", "benchmarking" },
    { "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", "documentation" },
    { "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", "documentation" },
    { "223.255.255.255", "224.0.0.0", "239.255.255.255", NULL, "multicast" },
    { NULL, "240.0.0.0", "255.255.255.254", NULL, "reserved" },
    { NULL, "255.255.255.255", "255.255.255.255", NULL, "broadcast" },
    { NULL, "::1", "::1", NULL, "loopback" },
    { NULL, "::", "::", NULL, "this network" },
    { NULL, "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", NULL, "local NAT64" },
    { NULL, "100::", "100::ffff:ffff:ffff:ffff", NULL, "discard-only" },
    { NULL, "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", NULL, "reserved" },
    { NULL, "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "Teredo" },
    { NULL, "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", NULL, "benchmarking" },
    { NULL, "2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
      "2001:200::", "protocol assignments" },
    { "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
      "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "documentation" },
    { "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
      "3fff:1000::", "documentation" },
    { NULL, "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "segment routing" },
    { NULL, "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "unique local" },
    { NULL, "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "link-local" },
    { NULL, "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "site-local" },
    { NULL, "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "multicast" },
    { NULL, "::1:0:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::", "reserved" },
    { "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "reserved" },
    { NULL, "6000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "reserved" },
};

static void
ranges_are_closed_and_their_neighbours_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct sockaddr_storage first = address_of(ranges[i].first);
        struct sockaddr_storage last = address_of(ranges[i].last);

        assert_string_equal(guard_why_not(&strict, (const struct sockaddr *)&first),
                            ranges[i].what);
        assert_string_equal(guard_why_not(&strict, (const struct sockaddr *)&last), ranges[i].what);
        assert_true(ranges[i].before == NULL || allows(&strict, ranges[i].before));
        assert_true(ranges[i].after == NULL || allows(&strict, ranges[i].after));
    }
}

static void
public_addresses_are_open(void **state)
{
    static const char *const open[] = { "1.1.1.1",      "8.8.8.8",         "93.184.216.34",
                                        "192.31.196.1", "2606:4700::1111", "2620:4f:8000::1",
                                        "2a00::1" };

    (void)state;
    for (size_t i = 0; i < COUNT(open); i++) {
        struct sockaddr_storage address = address_of(open[i]);

        assert_null(guard_why_not(&strict, (const struct sockaddr *)&address));
        assert_true(guard_allows(&strict, (const struct sockaddr *)&address));
    }
}

/* The same IPv4 address, carried in each way that IPv6 knows. */
static const struct {
    const char *v4;
    bool open;
    const char *carried[4]; /* mapped, compatible, NAT64, 6to4 */
} carried[] = {
    { "127.0.0.1",
      false,
      { "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::" } },
    { "10.1.2.3",
      false,
      { "::ffff:10.1.2.3", "::10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1" } },
    { "169.254.169.254",
      false,
      { "::ffff:a9fe:a9fe", "::a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::" } },
    { "0.0.0.0", false, { "::ffff:0:0", "::", "64:ff9b::", "2002::" } },
    { "8.8.8.8", true, { "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1" } },
};

static void
ipv4_inside_ipv6_is_judged_as_ipv4(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(carried); i++) {
        assert_int_equal(allows(&strict, carried[i].v4), carried[i].open);
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(allows(&strict, carried[i].carried[k]), carried[i].open);
    }
}

static void
a_listed_net_is_open_however_it_is_carried(void **state)
{
    struct guard guard = guard_of("10.0.0.0/8");

    (void)state;
    assert_true(allows(&guard, "10.1.2.3"));
    assert_true(allows(&guard, "10.255.255.255"));
    for (size_t k = 0; k < 4; k++)
        assert_true(allows(&guard, carried[1].carried[k]));
    assert_true(allows(&guard, "11.0.0.0"));
    assert_false(allows(&guard, "127.0.0.1"));
    assert_false(allows(&guard, "::1"));
    assert_false(allows(&guard, "192.168.0.1"));
}

static void
a_list_may_cut_at_any_bit(void **state)
{
    struct guard guard = guard_of(" 192.168.4.0/22,10.0.0.1 ,\t127.0.0.0/8, ::1/128,fd00:1::/33,\n"
                                  "::ffff:172.16.0.0/108 ");

    (void)state;
    assert_int_equal(guard.nnets, 6);
    assert_true(allows(&guard, "192.168.4.0"));
    assert_true(allows(&guard, "192.168.7.255"));
    assert_false(allows(&guard, "192.168.3.255"));
    assert_false(allows(&guard, "192.168.8.0"));
    assert_true(allows(&guard, "10.0.0.1"));
    assert_false(allows(&guard, "10.0.0.0"));
    assert_false(allows(&guard, "10.0.0.2"));
    assert_true(allows(&guard, "127.255.0.1"));
    assert_true(allows(&guard, "::1"));
    assert_false(allows(&guard, "::2"));
    assert_true(allows(&guard, "fd00:1:7fff::1"));
    assert_false(allows(&guard, "fd00:1:8000::1"));
    assert_true(allows(&guard, "172.31.255.255"));
    assert_false(allows(&guard, "169.254.0.1"));
}

static void
all_of_a_family_can_be_listed(void **state)
{
    struct guard v4 = guard_of("0.0.0.0/0"), v6 = guard_of("::/0"), none = guard_of("  ");

    (void)state;
    assert_true(allows(&v4, "127.0.0.1"));
    assert_true(allows(&v4, "255.255.255.255"));
    assert_false(allows(&v4, "fe80::1"));
    assert_true(allows(&v6, "fe80::1"));
    assert_true(allows(&v6, "127.0.0.1"));
    assert_int_equal(none.nnets, 0);
    assert_false(allows(&none, "127.0.0.1"));
}

static void
listed_is_not_the_same_as_allowed(void **state)
{
    struct guard guard = guard_of("127.0.0.0/8");
    struct sockaddr_storage loopback = address_of("127.0.0.1"), open = address_of("8.8.8.8");

    (void)state;
    assert_true(guard_lists(&guard, (const struct sockaddr *)&loopback));
    assert_false(guard_lists(&guard, (const struct sockaddr *)&open));
    assert_true(guard_allows(&guard, (const struct sockaddr *)&open));
    assert_false(guard_lists(&strict, (const struct sockaddr *)&loopback));
}

static void
other_families_are_closed_whatever_is_listed(void **state)
{
    struct guard guard = guard_of("::/0, 0.0.0.0/0");
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sockaddr_storage none = { .ss_family = AF_UNSPEC };

    (void)state;
    assert_false(guard_allows(&guard, (const struct sockaddr *)&local));
    assert_false(guard_allows(&guard, (const struct sockaddr *)&none));
    assert_false(guard_lists(&guard, (const struct sockaddr *)&local));
}

static void
a_bad_item_is_named(void **state)
{
    static const struct {
        const char *list, *say;
    } cases[] = {
        { "10.0.0.0/33", "Item 1 (10.0.0.0/33) has no valid prefix length." },
        { "::1/129", "Item 1 (::1/129) has no valid prefix length." },
        { "10.0.0.0/8, 10.0.0.0/", "Item 2 (10.0.0.0/) has no valid prefix length." },
        { "10.0.0.0/-1", "Item 1 (10.0.0.0/-1) has no valid prefix length." },
        { "10.0.0.0/ 8", "Item 1 (10.0.0.0/ 8) has no valid prefix length." },
        { "10.0.0.0/0008", "Item 1 (10.0.0.0/0008) has no valid prefix length." },
        { "10.0.0.0/8/8", "Item 1 (10.0.0.0/8/8) has no valid prefix length." },
        { "10.0.0.1/8", "Item 1 (10.0.0.1/8) has bits set behind its prefix length." },
        { "fd00::1/64", "Item 1 (fd00::1/64) has bits set behind its prefix length." },
        { "10.128.0.0/8", "Item 1 (10.128.0.0/8) has bits set behind its prefix length." },
        { "127.1", "Item 1 (127.1) is no IP address or net." },
        { "localhost", "Item 1 (localhost) is no IP address or net." },
        { "[::1]", "Item 1 ([::1]) is no IP address or net." },
        { "fe80::1%lo", "Item 1 (fe80::1%lo) is no IP address or net." },
        { "10.0.0.0/8,", "Item 2 is empty." },
        { ",10.0.0.0/8", "Item 1 is empty." },
        { "10.0.0.0/8, ,::1", "Item 2 is empty." },
        { "10.0.0.0/8 ::1", "Item 1 (10.0.0.0/8 ::1) has no valid prefix length." },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct guard guard;
        struct err err = { 0 };

        assert_false(guard_read(&guard, cases[i].list, false, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(err.reason, cases[i].say);
    }
}

static void
sixty_four_nets_fit_and_no_more(void **state)
{
    char list[1024] = "";
    struct guard guard;
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < GUARD_NETS_MAX; i++)
        strcat(list, i == 0 ? "10.0.0.1" : ",10.0.0.1");
    assert_true(guard_read(&guard, list, true, &err));
    assert_int_equal(guard.nnets, GUARD_NETS_MAX);
    assert_true(guard.allow_http);
    strcat(list, ",10.0.0.1");
    assert_false(guard_read(&guard, list, true, &err));
    assert_string_equal(err.reason, "Item 65 is one too many.");
}

static void
an_item_of_any_length_is_refused_in_one_sentence(void **state)
{
    char list[5000];
    struct guard guard;
    struct err err = { 0 };

    (void)state;
    memset(list, '1', sizeof list);
    list[sizeof list - 1] = '\0';
    assert_false(guard_read(&guard, list, false, &err));
    assert_true(strlen(err.reason) < sizeof err.reason - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_closed_and_their_neighbours_open),
        cmocka_unit_test(public_addresses_are_open),
        cmocka_unit_test(ipv4_inside_ipv6_is_judged_as_ipv4),
        cmocka_unit_test(a_listed_net_is_open_however_it_is_carried),
        cmocka_unit_test(a_list_may_cut_at_any_bit),
        cmocka_unit_test(all_of_a_family_can_be_listed),
        cmocka_unit_test(listed_is_not_the_same_as_allowed),
        cmocka_unit_test(other_families_are_closed_whatever_is_listed),
        cmocka_unit_test(a_bad_item_is_named),
        cmocka_unit_test(sixty_four_nets_fit_and_no_more),
        cmocka_unit_test(an_item_of_any_length_is_refused_in_one_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
