/* URLs of others: what is read, how it is split, and everything that must not get through. */
#include "out/url.h"

#include "out/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static const struct guard strict;
static struct guard homely; /* loopback and 10/8 are listed, http is allowed */

static int
set_up(void **state)
{
    struct err err = { 0 };

    (void)state;
    return guard_read(&homely, "127.0.0.0/8, ::1, 10.0.0.0/8", true, &err) ? 0 : -1;
}

static const struct {
    const char *text, *host;
    int port;
    const char *authority, *target, *path;
} good[] = {
    { "https://a.example", "a.example", 443, "a.example", "/", "/" },
    { "https://a.example/", "a.example", 443, "a.example", "/", "/" },
    { "HTTPS://A.Example:443/Hook", "a.example", 443, "a.example", "/Hook", "/Hook" },
    { "https://a.example:8443/x?y=1&z=%20", "a.example", 8443, "a.example:8443", "/x?y=1&z=%20",
      "/x" },
    { "https://a.example?q=1", "a.example", 443, "a.example", "/?q=1", "/" },
    { "https://a.example:/x", "a.example", 443, "a.example", "/x", "/x" },
    { "https://a.example:0443/x", "a.example", 443, "a.example", "/x", "/x" },
    { "https://a.example:80/", "a.example", 80, "a.example:80", "/", "/" },
    { "https://8.8.8.8/x", "8.8.8.8", 443, "8.8.8.8", "/x", "/x" },
    { "https://134744072/x", "8.8.8.8", 443, "8.8.8.8", "/x", "/x" },
    { "https://0x08.8.2056/", "8.8.8.8", 443, "8.8.8.8", "/", "/" },
    { "https://0127.0.0.1/", "87.0.0.1", 443, "87.0.0.1", "/", "/" },
    { "https://[2606:4700::1111]:8443/x", "2606:4700::1111", 8443, "[2606:4700::1111]:8443", "/x",
      "/x" },
    { "https://[2606:4700:0:0:0:0:0:1111]/", "2606:4700::1111", 443, "[2606:4700::1111]", "/",
      "/" },
    { "https://[2A00::ABCD]/", "2a00::abcd", 443, "[2a00::abcd]", "/", "/" },
    { "https://[::ffff:8.8.8.8]/", "::ffff:8.8.8.8", 443, "[::ffff:8.8.8.8]", "/", "/" },
    { "https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "/",
      "/" },
    { "https://my_agent/", "my_agent", 443, "my_agent", "/", "/" },
    { "https://4chan.example4/", "4chan.example4", 443, "4chan.example4", "/", "/" },
    { "https://localhost.example/", "localhost.example", 443, "localhost.example", "/", "/" },
    { "https://notlocal/", "notlocal", 443, "notlocal", "/", "/" },
    { "https://a.example/a//b/", "a.example", 443, "a.example", "/a//b/", "/a//b/" },
    { "https://a.example/.../a..b/.well-known/..x", "a.example", 443, "a.example",
      "/.../a..b/.well-known/..x", "/.../a..b/.well-known/..x" },
    { "https://a.example/%41%2F%c3%a9", "a.example", 443, "a.example", "/%41%2F%c3%a9",
      "/%41%2F%c3%a9" },
    { "https://a.example/x?next=/../..&u=a@b:c", "a.example", 443, "a.example",
      "/x?next=/../..&u=a@b:c", "/x" },
    { "https://a.example/@b:80/", "a.example", 443, "a.example", "/@b:80/", "/@b:80/" },
    { "https://a.example?@b/", "a.example", 443, "a.example", "/?@b/", "/" },
};

static void
good_urls_are_split_into_their_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };
        struct out_url *url = out_url_read(&strict, good[i].text, "endpoint_url", mem, &err);

        assert_string_equal(err.reason, "");
        assert_non_null(url);
        assert_string_equal(url->text, good[i].text);
        assert_true(url->https);
        assert_string_equal(url->host, good[i].host);
        assert_int_equal(url->port, good[i].port);
        assert_string_equal(url->authority, good[i].authority);
        assert_string_equal(url->target, good[i].target);
        assert_string_equal(url->path, good[i].path);
        arena_free(mem);
    }
}

#define SCHEME  "must be an https address"
#define PUBLIC  "must be at a public address"
#define HOST    "must have a host name or an IP address as its host"
#define NO_HOST "must name a host"
#define USER    "must not contain a user name or password"
#define CHARS   "has a character that a URL may not contain"
#define ENCODED "must not have percent-encoding or a zone in the host"
#define RANGE   "must have a port between 1 and 65535"
#define PORT    "must not be at a port that belongs to another protocol"
#define DOTS    "must not have \".\" or \"..\" as a segment of its path"
#define SELF    "must not be at this host itself"
#define INSIDE  "must not be at a name of a private network"
#define PERCENT "has a % that is not followed by two hex digits"

/* Refused by a guard that lists nothing. */
static const struct {
    const char *text, *say;
} bad[] = {
    /* schemes and shapes */
    { "", SCHEME },
    { "a.example", SCHEME },
    { "//a.example/", SCHEME },
    { "http://a.example/", SCHEME },
    { "https:a.example", SCHEME },
    { "https:/a.example/", SCHEME },
    { "https:///a.example/", NO_HOST },
    { "https://", NO_HOST },
    { "https://?x", NO_HOST },
    { "ftp://a.example/", SCHEME },
    { "file:///etc/passwd", SCHEME },
    { "gopher://a.example/", SCHEME },
    { "dict://a.example/", SCHEME },
    { "smb://a.example/", SCHEME },
    { "ldap://a.example/", SCHEME },
    { "ws://a.example/", SCHEME },
    { "wss://a.example/", SCHEME },
    { "httpss://a.example/", SCHEME },
    { " https://a.example/", CHARS },
    { "https://a.example/ ", CHARS },
    { "https://a.example/a b", CHARS },
    { "https://a.example/\r\nX-Injected: 1", CHARS },
    { "https://a.example/\t", CHARS },
    { "https://a.example/\x7f", CHARS },
    { "https://a.example/\xc3\xa9", CHARS },
    { "https://a.example/{id}", CHARS },
    { "https://a.example/<x>", CHARS },
    { "https://a.example\\@127.0.0.1/", CHARS },
    { "https:\\\\a.example\\", CHARS },
    { "https://a.example/#x", "must have no fragment" },
    { "https://a.example#", "must have no fragment" },
    { "https://a.example/%", PERCENT },
    { "https://a.example/%4", PERCENT },
    { "https://a.example/?%zz", PERCENT },
    /* user names, hosts that are two things at once */
    { "https://user@a.example/", USER },
    { "https://user:pw@a.example/", USER },
    { "https://@a.example/", USER },
    { "https://a@127.0.0.1/", USER },
    { "https://8.8.8.8:443@127.0.0.1/", USER },
    { "https://a.example:443:80/", RANGE },
    { "https://a.example:x/", RANGE },
    { "https://a.example:-1/", RANGE },
    { "https://a.example:65536/", RANGE },
    { "https://a.example:99999999999/", RANGE },
    { "https://a.example:0/", RANGE },
    { "https://:443/", HOST },
    /* loopback in all its spellings */
    { "https://127.0.0.1/", PUBLIC },
    { "https://127.1/", PUBLIC },
    { "https://127.0.1/", PUBLIC },
    { "https://2130706433/", PUBLIC },
    { "https://0x7f000001/", PUBLIC },
    { "https://0X7F.1/", PUBLIC },
    { "https://0x7f.0.0.1/", PUBLIC },
    { "https://017700000001/", PUBLIC },
    { "https://0177.0.0.1/", PUBLIC },
    { "https://0/", PUBLIC },
    { "https://0.0.0.0/", PUBLIC },
    { "https://127.255.255.255/", PUBLIC },
    { "https://[::1]/", PUBLIC },
    { "https://[0:0:0:0:0:0:0:1]/", PUBLIC },
    { "https://[::]/", PUBLIC },
    { "https://[::ffff:127.0.0.1]/", PUBLIC },
    { "https://[::ffff:7f00:1]/", PUBLIC },
    { "https://[::127.0.0.1]/", PUBLIC },
    { "https://[64:ff9b::7f00:1]/", PUBLIC },
    { "https://[64:ff9b:1::7f00:1]/", PUBLIC },
    { "https://[2002:7f00:1::]/", PUBLIC },
    { "https://[2001:0:1::1]/", PUBLIC },
    { "https://[::1%25lo]/", ENCODED },
    { "https://[fe80::1%25eth0]/", ENCODED },
    { "https://[fe80::1%eth0]/", PERCENT },
    { "https://%31%32%37.0.0.1/", ENCODED },
    { "https://localhost%2eexample/", ENCODED },
    { "https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.\xe2\x93\xaa.\xe2\x93\xaa.\xe2\x91\xa0/",
      CHARS },
    { "https://127\xe3\x80\x82"
      "0\xe3\x80\x82"
      "0\xe3\x80\x82"
      "1/",
      CHARS },
    { "https://localhost/", SELF },
    { "https://LOCALHOST:8443/", SELF },
    { "https://a.localhost/", SELF },
    { "https://printer.local/", INSIDE },
    { "https://metadata.google.internal/", INSIDE },
    { "https://internal/", INSIDE },
    /* literals of the other ranges */
    { "https://10.0.0.1/", PUBLIC },
    { "https://100.64.0.1/", PUBLIC },
    { "https://169.254.169.254/latest/meta-data/", PUBLIC },
    { "https://172.31.255.255/", PUBLIC },
    { "https://192.0.0.8/", PUBLIC },
    { "https://192.168.1.1/", PUBLIC },
    { "https://198.19.255.255/", PUBLIC },
    { "https://224.0.0.1/", PUBLIC },
    { "https://240.0.0.1/", PUBLIC },
    { "https://255.255.255.255/", PUBLIC },
    { "https://4294967295/", PUBLIC },
    { "https://[fc00::1]/", PUBLIC },
    { "https://[fe80::1]/", PUBLIC },
    { "https://[ff02::1]/", PUBLIC },
    { "https://[2001:db8::1]/", PUBLIC },
    /* hosts that are neither a name nor an address */
    { "https://256.1.1.1/", HOST },
    { "https://1.2.3.4.5/", HOST },
    { "https://127.0.0.1./", HOST },
    { "https://127.0.0.0x/", HOST },
    { "https://a.0x7f/", HOST },
    { "https://4294967296/", HOST },
    { "https://0x100000000/", HOST },
    { "https://localhost./", HOST },
    { "https://a.example./", HOST },
    { "https://a..example/", HOST },
    { "https://.example/", HOST },
    { "https://-a.example/", HOST },
    { "https://a-.example/", HOST },
    { "https://a,b.example/", HOST },
    { "https://a;b/", HOST },
    { "https://a*b/", HOST },
    { "https://a&b.example/", HOST },
    { "https://[1.2.3.4]/", HOST },
    { "https://[::1/", HOST },
    { "https://::1/", RANGE },
    { "https://[]/", HOST },
    { "https://[::1]x/", RANGE },
    { "https://[v1.a]/", HOST },
    { "https://a.example[/", HOST },
    /* ports of other protocols */
    { "https://a.example:22/", PORT },
    { "https://a.example:25/", PORT },
    { "https://a.example:53/", PORT },
    { "https://a.example:5432/", PORT },
    { "https://a.example:6379/", PORT },
    { "https://a.example:11211/", PORT },
    { "https://8.8.8.8:3306/", PORT },
    /* paths that climb */
    { "https://a.example/..", DOTS },
    { "https://a.example/.", DOTS },
    { "https://a.example/a/../b", DOTS },
    { "https://a.example/a/./b", DOTS },
    { "https://a.example/a/%2e%2E/b", DOTS },
    { "https://a.example/a/.%2e/b", DOTS },
    { "https://a.example/%2e", DOTS },
    { "https://a.example/a%2f..%2Fb", DOTS },
    { "https://a.example/a%5c..%5cb", DOTS },
    { "https://a.example/a%00b", "must not have control characters in its path" },
    { "https://a.example/a%0d%0ab", "must not have control characters in its path" },
};

static void
bad_urls_are_refused_with_the_field_and_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };
        char want[192];

        assert_null(out_url_read(&strict, bad[i].text, "webhook_url", mem, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(err.field, "webhook_url");
        snprintf(want, sizeof want, "webhook_url: %s.", bad[i].say);
        if (strcmp(err.reason, want) != 0)
            fail_msg("%s: %s", bad[i].text, err.reason);
        arena_free(mem);
    }
}

static void
a_refusal_never_repeats_the_url(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };
        const char *rest = strstr(bad[i].text, "://");

        if (rest != NULL && strlen(rest) > 6) {
            assert_null(out_url_read(&strict, bad[i].text, "url", mem, &err));
            assert_null(strstr(err.reason, rest + 3));
            assert_string_equal(err.note, "");
        }
        arena_free(mem);
    }
}

static void
a_listed_net_opens_its_literals_and_their_ports(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
    } cases[] = {
        { "http://127.0.0.1:8080/x", true },
        { "http://127.1:8080/x", true },
        { "http://a.example/", true },
        { "https://127.0.0.1:5432/", true },
        { "http://10.1.2.3:9200/", true },
        { "http://[::1]:6379/", true },
        { "http://localhost:8080/", true },
        { "http://agent.localhost/", true },
        { "http://agent.corp.internal/", true },
        { "http://printer.local/", true },
        { "http://localhost:5432/", false }, /* a name is no literal */
        { "http://11.0.0.1:5432/", false },
        { "http://192.168.0.1/", false },
        { "http://[::2]/", false },
        { "ws://127.0.0.1/", false },
        { "http:/127.0.0.1/", false },
        { "http:///127.0.0.1/", false },
        { "http://user@127.0.0.1/", false },
        { "http://127.0.0.1/../x", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };

        assert_int_equal(out_url_read(&homely, cases[i].text, "url", mem, &err) != NULL,
                         cases[i].is_good);
        arena_free(mem);
    }
}

static void
http_has_port_80_and_says_so(void **state)
{
    struct arena *mem = arena_new();
    struct err err = { 0 };
    struct out_url *url = out_url_read(&homely, "Http://[::1]", "url", mem, &err);
    struct out_url *other = out_url_read(&homely, "http://a.example:443/", "url", mem, &err);

    (void)state;
    assert_non_null(url);
    assert_false(url->https);
    assert_int_equal(url->port, 80);
    assert_string_equal(url->authority, "[::1]");
    assert_string_equal(url->target, "/");
    assert_non_null(other);
    assert_string_equal(other->authority, "a.example:443");
    assert_null(out_url_read(&homely, "ftp://a.example", "url", mem, &err));
    assert_string_equal(err.reason, "url: must be an https or http address.");
    arena_free(mem);
}

static void
names_of_this_host_need_loopback_in_the_list(void **state)
{
    struct guard guard;
    struct arena *mem = arena_new();
    struct err err = { 0 };

    (void)state;
    assert_true(guard_read(&guard, "192.168.0.0/16", false, &err));
    assert_non_null(out_url_read(&guard, "https://nas.local/", "url", mem, &err));
    assert_null(out_url_read(&guard, "https://localhost/", "url", mem, &err));
    assert_string_equal(err.reason, "url: must not be at this host itself.");
    arena_free(mem);
}

static void
length_is_bounded(void **state)
{
    struct arena *mem = arena_new();
    struct err err = { 0 };
    char text[OUT_URL_MAX + 2] = "https://a.example/";
    char label[300] = "https://";

    (void)state;
    memset(text + strlen(text), 'x', OUT_URL_MAX - strlen(text));
    assert_non_null(out_url_read(&strict, text, "url", mem, &err));
    text[OUT_URL_MAX] = 'x';
    assert_null(out_url_read(&strict, text, "url", mem, &err));
    assert_string_equal(err.reason, "url: must be at most 2048 characters long.");

    memset(label + 8, 'a', 63);
    err = (struct err){ 0 };
    assert_non_null(out_url_read(&strict, label, "url", mem, &err));
    label[8 + 63] = 'a';
    assert_null(out_url_read(&strict, label, "url", mem, &err));
    err = (struct err){ 0 };
    for (size_t i = 8; i < 8 + 254; i++)
        label[i] = i % 2 == 0 ? 'a' : '.';
    label[8 + 253] = '\0';
    assert_non_null(out_url_read(&strict, label, "url", mem, &err));
    memcpy(label + 8 + 253, ".a", 3);
    assert_null(out_url_read(&strict, label, "url", mem, &err));
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_are_split_into_their_parts),
        cmocka_unit_test(bad_urls_are_refused_with_the_field_and_a_sentence),
        cmocka_unit_test(a_refusal_never_repeats_the_url),
        cmocka_unit_test(a_listed_net_opens_its_literals_and_their_ports),
        cmocka_unit_test(http_has_port_80_and_says_so),
        cmocka_unit_test(names_of_this_host_need_loopback_in_the_list),
        cmocka_unit_test(length_is_bounded),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
