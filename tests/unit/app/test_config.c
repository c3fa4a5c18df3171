/* Settings are read from files, environment and credentials; every fault is named with its place.
 */
#include "app/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SOUND "[database]\nurl = postgresql:///roster\n[crypto]\nmaster_key = " KEY "\n"
#define URL   "[database]\nurl = postgresql:///roster\n"

static char dir[64], file[96];

static char *
in_dir(struct arena *mem, const char *name)
{
    return arena_printf(mem, "%s/%s", dir, name);
}

static void
put_file(const char *path, const char *bytes, size_t n, mode_t mode)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void
put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text), 0600);
}

static int
set_up(void **state)
{
    struct arena *mem = arena_new();

    *state = mem;
    strcpy(dir, "/tmp/rosterd-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/rosterd.conf", dir);
    assert_int_equal(mkdir(in_dir(mem, "rosterd.conf.d"), 0700), 0);
    return 0;
}

static int
tear_down(void **state)
{
    static const char *const names[] = {
        "rosterd.conf",
        "rosterd.conf.d/10-a.conf",
        "rosterd.conf.d/20-b.conf",
        "rosterd.conf.d/ignored",
        "secret",
        "database-url",
        "master-key",
        "rosterd.conf.d",
        "",
    };
    struct arena *mem = *state;

    for (size_t i = 0; i < COUNT(names); i++)
        remove(in_dir(mem, names[i]));
    unsetenv("CREDENTIALS_DIRECTORY");
    arena_free(mem);
    return 0;
}

static struct config *
load(struct arena *mem, struct list *faults)
{
    return config_load(&(struct config_source){ .file = file }, mem, faults);
}

static const struct config_fault *
fault_at(const struct list *faults, size_t i)
{
    assert_true(i < faults->n);
    return faults->v[i];
}

/* Prints what was said instead, so that a failing case can be told. */
static void
expect_fault(const struct list *faults, const char *line, const char *text)
{
    char where[128];

    snprintf(where, sizeof where, "%s%s", file, line);
    for (size_t i = 0; i < faults->n; i++) {
        const struct config_fault *f = faults->v[i];
        if (strcmp(f->where, where) == 0 && strcmp(f->text, text) == 0)
            return;
    }
    for (size_t i = 0; i < faults->n; i++)
        print_message("%s: %s\n", fault_at(faults, i)->where, fault_at(faults, i)->text);
    fail_msg("nobody said \"%s: %s\"", where, text);
}

static const struct broken {
    const char *bytes;
    size_t n; /* 0: up to the NUL */
    const char *line, *text;
} broken[] = {
    /* Words that are not known. */
    { SOUND "[presence]\nwindwo = 5m\n", 0, ":6",
      "unknown key \"presence.windwo\"; did you mean \"presence.window\"?" },
    { SOUND "[proxy]\nheader_timeout = 5s\n", 0, ":6",
      "unknown key \"proxy.header_timeout\"; did you mean \"server.header_timeout\"?" },
    { SOUND "[proxy]\nbananas = 5\n", 0, ":6", "unknown key \"proxy.bananas\"" },
    { SOUND "[prox]\nkeep = 5s\n", 0, ":5", "unknown section \"prox\"; did you mean \"proxy\"?" },
    { SOUND "[bananas]\nkeep = 5s\n", 0, ":5", "unknown section \"bananas\"" },
    { SOUND "[server]\nlisten_file = /x\n", 0, ":6", "unknown key \"server.listen_file\"" },
    /* Given twice. */
    { SOUND "[log]\nlevel = warn\n\nlevel = info\n", 0, ":8",
      "duplicate key \"log.level\", first set at FILE:6" },
    { SOUND "[log]\nlevel = warn\n[cache]\n[log]\nlevel = info\n", 0, ":9",
      "duplicate key \"log.level\", first set at FILE:6" },
    { SOUND "[database]\nurl_file = /x\n", 0, ":6",
      "duplicate key \"database.url_file\", first set at FILE:2" },
    /* The form of the file. */
    { SOUND "[log\nlevel = warn\n", 0, ":5", "a section is written [name], alone on its line" },
    { SOUND "[log] # words\n", 0, ":5", "a section is written [name], alone on its line" },
    { SOUND "[]\n", 0, ":5", "unknown section \"\"" },
    { "level = warn\n" SOUND, 0, ":1", "a key before the first [section]" },
    { SOUND "postgresql://u:pw@h/db\n", 0, ":5",
      "expected \"key = value\", a [section] or a # comment" },
    { SOUND "[server]\n= 5\n", 0, ":6", "unknown key \"server.\"" },
    { "\xef\xbb\xbf" SOUND, 0, ":1", "begins with a byte order mark; save it as plain UTF-8" },
    { "[log]\nlev\0el = warn\n", 19, ":2", "a NUL byte" },
    { SOUND "[log]\rlevel = warn\n", 0, ":5", "a carriage return inside the line" },
    { SOUND "[log]\nlevel = wa\x1brn\n", 0, ":6", "a control character" },
    { SOUND "[server]\nlisten = \"127.0.0.1:80\n", 0, ":6",
      "server.listen: the quotes around the value do not pair" },
    { SOUND "[server]\nlisten = \"127.0.0.1:80\" # here\n", 0, ":6",
      "server.listen: the quotes around the value do not pair" },
    /* Durations. */
    { SOUND "[proxy]\nkeep = thirty\n", 0, ":6",
      "proxy.keep = \"thirty\": expected a duration such as 30s or 2m" },
    { SOUND "[proxy]\nkeep = 30\n", 0, ":6",
      "proxy.keep = \"30\": expected a duration such as 30s or 2m" },
    { SOUND "[proxy]\nkeep = -3s\n", 0, ":6",
      "proxy.keep = \"-3s\": expected a duration such as 30s or 2m" },
    { SOUND "[proxy]\nkeep = 30KiB\n", 0, ":6",
      "proxy.keep = \"30KiB\": expected a duration such as 30s or 2m" },
    { SOUND "[proxy]\nkeep = 1.5s\n", 0, ":6",
      "proxy.keep = \"1.5s\": expected a duration such as 30s or 2m" },
    { SOUND "[proxy]\nkeep = 30s # half a minute\n", 0, ":6",
      "proxy.keep = \"30s # half a minute\": expected a duration such as 30s or 2m" },
    { SOUND "[proxy]\nkeep = 999999999999999999d\n", 0, ":6",
      "proxy.keep = \"999999999999999999d\": expected a duration such as 30s or 2m" },
    { SOUND "[proxy]\nkeep = 2d\n", 0, ":6", "proxy.keep = \"2d\": must be between 0 and 1h" },
    { SOUND "[database]\ntimeout = 0\n", 0, ":6",
      "database.timeout = \"0\": must be between 100ms and 10m" },
    { SOUND "[proxy]\nkeep =\n", 0, ":6",
      "proxy.keep = \"\": expected a duration such as 30s or 2m" },
    /* Sizes and numbers. */
    { SOUND "[proxy]\nhead_max = 5KB\n", 0, ":6",
      "proxy.head_max = \"5KB\": expected a size such as 64KiB or 1MiB" },
    { SOUND "[proxy]\nhead_max = 2MiB\n", 0, ":6",
      "proxy.head_max = \"2MiB\": must be between 1KiB and 1MiB" },
    { SOUND "[database]\nworkers = 0\n", 0, ":6",
      "database.workers = \"0\": must be between 1 and 64" },
    { SOUND "[database]\nworkers = 65\n", 0, ":6",
      "database.workers = \"65\": must be between 1 and 64" },
    { SOUND "[database]\nworkers = 8s\n", 0, ":6",
      "database.workers = \"8s\": expected a whole number" },
    { SOUND "[database]\nworkers = 0x8\n", 0, ":6",
      "database.workers = \"0x8\": expected a whole number" },
    { SOUND "[database]\nworkers = 99999999999999999999\n", 0, ":6",
      "database.workers = \"99999999999999999999\": expected a whole number" },
    /* Words, addresses, networks, files. */
    { SOUND "[limits]\nenabled = maybe\n", 0, ":6",
      "limits.enabled = \"maybe\": expected yes or no" },
    { SOUND "[log]\nlevel = loud\n", 0, ":6",
      "log.level = \"loud\": expected error, warn, info, debug" },
    { SOUND "[server]\nlisten = 8080\n", 0, ":6",
      "server.listen = \"8080\": expected HOST:PORT such as 127.0.0.1:8080 or [::1]:8080" },
    { SOUND "[server]\nlisten = 127.0.0.1:65536\n", 0, ":6",
      "server.listen = \"127.0.0.1:65536\": expected HOST:PORT such as 127.0.0.1:8080 or "
      "[::1]:8080" },
    { SOUND "[server]\nlisten = 127.0.0.256:80\n", 0, ":6",
      "server.listen = \"127.0.0.256:80\": expected HOST:PORT such as 127.0.0.1:8080 or "
      "[::1]:8080" },
    { SOUND "[server]\nlisten = ::1:80\n", 0, ":6",
      "server.listen = \"::1:80\": expected HOST:PORT such as 127.0.0.1:8080 or [::1]:8080" },
    { SOUND "[server]\npublic_url = ftp://x\n", 0, ":6",
      "server.public_url = \"ftp://x\": expected an address such as https://roster.example" },
    { SOUND "[outbound]\nallow = 10.0.0.0/33\n", 0, ":6",
      "outbound.allow = \"10.0.0.0/33\": expected networks such as 10.0.0.0/8, ::1/128" },
    { SOUND "[outbound]\nallow = 10.0.0.0/8, home\n", 0, ":6",
      "outbound.allow = \"10.0.0.0/8, home\": expected networks such as 10.0.0.0/8, ::1/128" },
    { SOUND "[proxy]\nca_file = /nowhere/ca.pem\n", 0, ":6",
      "proxy.ca_file = \"/nowhere/ca.pem\": expected the path of a readable file" },
    { SOUND "[proxy]\nca_file = /tmp\n", 0, ":6",
      "proxy.ca_file = \"/tmp\": expected the path of a readable file" },
    /* Secrets. */
    { "[crypto]\nmaster_key = " KEY "\n", 0, "",
      "database.url is not set; set it, url_file, or give a credential" },
    { URL, 0, "", "crypto.master_key is not set; set it, master_key_file, or give a credential" },
    { URL "[crypto]\nmaster_key = \n", 0, ":4", "crypto.master_key is empty" },
    { URL "[crypto]\nmaster_key_file = /nowhere/key\n", 0, ":4",
      "crypto.master_key_file: /nowhere/key cannot be read: No such file or directory" },
    { URL "[crypto]\nmaster_key_file = /tmp\n", 0, ":4",
      "crypto.master_key_file: /tmp cannot be read: it is a directory" },
    { "[database]\nurl = db.example\n[crypto]\nmaster_key = " KEY "\n", 0, "",
      "database.url: neither a postgresql:// address nor key=value pairs" },
    /* Settings that do not go together. */
    { SOUND "[presence]\nwindow = 2h\noffline = 1h\n", 0, "",
      "presence.offline must be more than presence.window" },
    { SOUND "[health]\nconcurrency = 2\n", 0, "",
      "health.per_host must not be more than health.concurrency" },
    { SOUND "[proxy]\nconnections = 2\n", 0, "",
      "proxy.per_origin must not be more than proxy.connections" },
};

static void
names_the_line_and_the_fault_of_each_broken_file(void **state)
{
    struct arena *mem = *state;

    for (size_t i = 0; i < COUNT(broken); i++) {
        const struct broken *b = &broken[i];
        const char *at = strstr(b->text, "FILE");
        struct list faults;
        const char *text =
            at == NULL ? b->text
                       : arena_printf(mem, "%.*s%s%s", (int)(at - b->text), b->text, file, at + 4);

        put_file(file, b->bytes, b->n == 0 ? strlen(b->bytes) : b->n, 0600);
        assert_null(load(mem, &faults));
        expect_fault(&faults, b->line, text);
    }
}

static void
reads_a_sound_file_and_keeps_the_standard_of_the_rest(void **state)
{
    struct arena *mem = *state;
    struct list faults;

    put_text(file, "# all of it\r\n\r\n[server]\r\nlisten = [::1]:9000\r\n; more\r\n"
                   "public_url = \"https://roster.example\"\r\n[proxy]\r\n\tmax_body = 3 MiB\r\n"
                   "total_timeout=1500ms\r\n[log]\r\nlevel = debug\r\naccess = off\r\n" SOUND
                   "[outbound]\nallow = 10.0.0.0/8 ,::1/128");
    struct config *c = load(mem, &faults);
    assert_int_equal(faults.n, 0);
    assert_non_null(c);
    assert_string_equal(c->server.listen, "[::1]:9000");
    assert_string_equal(c->server.public_url, "https://roster.example");
    assert_int_equal(c->proxy.max_body, 3 << 20);
    assert_int_equal(c->proxy.total_timeout, 1500);
    assert_int_equal(c->proxy.idle_timeout, 300000);
    assert_int_equal(c->presence.offline, 43200000);
    assert_int_equal(c->retention.calls, 90LL * 86400000);
    assert_int_equal(c->log.level, 3);
    assert_false(c->log.access);
    assert_true(c->limits.enabled);
    assert_null(c->proxy.ca_file);
    assert_string_equal(secret_bytes(c->database.url), "postgresql:///roster");
    assert_string_equal(secret_bytes(c->crypto.master_key), KEY);
}

static void
a_missing_file_and_a_directory_are_faults(void **state)
{
    struct list faults;

    assert_null(load(*state, &faults));
    expect_fault(&faults, "", "cannot be read: No such file or directory");
    assert_int_equal(faults.n, 1);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_null(load(*state, &faults));
    expect_fault(&faults, "", "cannot be read: it is a directory");
}

static void
a_line_of_more_than_8_kib_is_refused(void **state)
{
    struct arena *mem = *state;
    char *text = arena_alloc(mem, 9000);
    struct list faults;

    memset(text, '#', 8193);
    put_text(file, text);
    assert_null(load(mem, &faults));
    expect_fault(&faults, ":1", "the line is longer than 8192 bytes");
    text[8192] = '\0';
    put_text(file, arena_printf(mem, "%s\r\n%s", text, SOUND));
    assert_non_null(load(mem, &faults));
}

static void
drop_ins_override_in_the_order_of_their_names(void **state)
{
    struct arena *mem = *state;
    struct list faults;

    put_text(file, SOUND "[database]\nworkers = 2\nqueue = 20\n");
    put_text(in_dir(mem, "rosterd.conf.d/20-b.conf"), "[database]\nworkers = 4\n");
    put_text(in_dir(mem, "rosterd.conf.d/10-a.conf"), "[database]\nworkers = 3\nqueue = 30\n");
    put_text(in_dir(mem, "rosterd.conf.d/ignored"), "[database]\nworkers = 9\n");
    struct config *c = load(mem, &faults);
    assert_non_null(c);
    assert_int_equal(c->database.workers, 4);
    assert_int_equal(c->database.queue, 30);

    put_text(in_dir(mem, "rosterd.conf.d/20-b.conf"), "[database]\nworkerz = 4\n[log]\nx\n");
    assert_null(load(mem, &faults));
    assert_int_equal(faults.n, 2);
    expect_fault(&faults, ".d/20-b.conf:2",
                 "unknown key \"database.workerz\"; did you mean \"database.workers\"?");
}

static void
lists_every_fault_of_a_file_in_order(void **state)
{
    struct list faults;

    put_text(file, SOUND "[log]\nlevel = loud\nlevle = info\n[server]\nlisten = x\n");
    assert_null(load(*state, &faults));
    assert_int_equal(faults.n, 3);
    assert_non_null(strstr(fault_at(&faults, 0)->where, ":6"));
    assert_non_null(strstr(fault_at(&faults, 1)->where, ":7"));
    assert_non_null(strstr(fault_at(&faults, 2)->where, ":9"));
}

static void
the_environment_wins_over_files_and_the_command_line_over_both(void **state)
{
    const struct param line[] = { { "database.workers", "7" } };
    const struct params overrides = { line, 1 };
    struct list faults;

    put_text(file, SOUND "[database]\nworkers = 2\nqueue = 20\n");
    setenv("ROSTERD_DATABASE_WORKERS", "5", 1);
    setenv("ROSTERD_LIMITS_ENABLED", "no", 1);
    setenv("ROSTERD_TEST_ANYTHING", "x", 1);
    setenv("ROSTERD_HOME", "/not/ours", 1);
    struct config *c = load(*state, &faults);
    assert_non_null(c);
    assert_int_equal(c->database.workers, 5);
    assert_false(c->limits.enabled);
    c = config_load(&(struct config_source){ .file = file, .overrides = &overrides }, *state,
                    &faults);
    assert_non_null(c);
    assert_int_equal(c->database.workers, 7);
    assert_int_equal(c->database.queue, 20);

    setenv("ROSTERD_DATABASE_WORKERS", "none", 1);
    setenv("ROSTERD_PROXY_MAX_BODDY", "1", 1);
    assert_null(load(*state, &faults));
    assert_int_equal(faults.n, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(
            strcmp(fault_at(&faults, i)->where, "environment ROSTERD_DATABASE_WORKERS") == 0 ||
            strcmp(fault_at(&faults, i)->text,
                   "unknown key \"proxy.max_boddy\"; did you mean \"proxy.max_body\"?") == 0);
    unsetenv("ROSTERD_DATABASE_WORKERS");
    unsetenv("ROSTERD_PROXY_MAX_BODDY");
    unsetenv("ROSTERD_LIMITS_ENABLED");
    unsetenv("ROSTERD_TEST_ANYTHING");
    unsetenv("ROSTERD_HOME");
}

static void
a_secret_in_the_environment_twice_is_a_fault(void **state)
{
    struct list faults;

    put_text(file, SOUND);
    setenv("ROSTERD_DATABASE_URL", "dbname=x", 1);
    setenv("ROSTERD_DATABASE_URL_FILE", "/x", 1);
    assert_null(load(*state, &faults));
    assert_non_null(strstr(fault_at(&faults, 0)->text, "keep one"));
    unsetenv("ROSTERD_DATABASE_URL");
    unsetenv("ROSTERD_DATABASE_URL_FILE");
}

static void
reads_a_secret_from_a_file_that_only_its_owner_can_read(void **state)
{
    struct arena *mem = *state;
    const char *secret = in_dir(mem, "secret");
    struct list faults;

    put_text(secret, KEY "\n");
    put_text(file, arena_printf(mem, "%s[crypto]\nmaster_key_file = %s\n", URL, secret));
    struct config *c = load(mem, &faults);
    assert_non_null(c);
    assert_string_equal(secret_bytes(c->crypto.master_key), KEY);

    chmod(secret, 0644);
    assert_null(load(mem, &faults));
    expect_fault(&faults, ":4",
                 arena_printf(mem,
                              "crypto.master_key_file: %s can be read by others (mode 0644); "
                              "make it 0600",
                              secret));
}

static void
a_key_in_a_file_that_others_can_read_is_refused(void **state)
{
    struct list faults;

    put_file(file, SOUND, strlen(SOUND), 0644);
    assert_null(load(*state, &faults));
    expect_fault(&faults, ":4",
                 "crypto.master_key: a key may not stand in a file that others can read (mode "
                 "0644); use master_key_file");
}

static void
takes_credentials_where_nothing_is_set(void **state)
{
    struct arena *mem = *state;
    struct list faults;

    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    put_file(in_dir(mem, "database-url"), "dbname=roster\n", 14, 0444);
    put_file(in_dir(mem, "master-key"), "# one\n" KEY "\n", strlen(KEY) + 7, 0444);
    put_text(file, "[log]\nlevel = warn\n");
    struct config *c = load(mem, &faults);
    assert_non_null(c);
    assert_string_equal(secret_bytes(c->database.url), "dbname=roster");

    put_text(file, "[database]\nurl = dbname=other\n");
    c = load(mem, &faults);
    assert_non_null(c);
    assert_string_equal(secret_bytes(c->database.url), "dbname=other");

    remove(in_dir(mem, "master-key"));
    assert_null(load(mem, &faults));
    assert_int_equal(faults.n, 1);
}

static void
no_fault_shows_a_secret(void **state)
{
    static const char *const texts[] = {
        "[database]\nurl = S3CR3T\n[crypto]\nmaster_key = S3CR3T\n",
        "[database]\nurl = \"S3CR3T\n[crypto]\nmaster_key = S3CR3T zz\n",
        "[database]\nurll = S3CR3T\nurl\nS3CR3T\n[crypto]\nmasterkey = S3CR3T\n",
        "[database]\nurl = a\nurl = S3CR3T\n",
        "[database]\nurl = S3CR3T\x01\n",
    };

    for (size_t i = 0; i < COUNT(texts); i++) {
        struct list faults;

        put_text(file, texts[i]);
        assert_null(load(*state, &faults));
        for (size_t k = 0; k < faults.n; k++)
            assert_null(strstr(fault_at(&faults, k)->text, "S3CR3T"));
    }
}

static void
a_reload_takes_what_it_may_and_names_the_rest(void **state)
{
    struct list faults;
    struct texts held;

    put_text(file, SOUND);
    struct config *now = load(*state, &faults);
    put_text(file,
             "[database]\nurl = dbname=x\nworkers = 3\n[crypto]\nmaster_key = " KEY
             "\n[log]\nlevel = warn\n[limits]\nenabled = no\n[presence]\nwindow = 1m\n[server]\n"
             "listen = 127.0.0.1:9\n");
    struct config *fresh = load(*state, &faults);
    assert_non_null(now);
    assert_non_null(fresh);
    config_reload(now, fresh, *state, &held);
    assert_int_equal(now->log.level, 1);
    assert_false(now->limits.enabled);
    assert_int_equal(now->presence.window, 60000);
    assert_int_equal(now->database.workers, 8);
    assert_string_equal(now->server.listen, "127.0.0.1:8080");
    assert_int_equal(held.n, 3);
    assert_string_equal(held.v[0], "server.listen");
    assert_string_equal(held.v[1], "database.url");
    assert_string_equal(held.v[2], "database.workers");
}

/* The file of the repository, found beside this one. */
static char *
repository_file(struct arena *mem, const char *name)
{
    static const char here[] = __FILE__;
    size_t root = strlen(here) - strlen("tests/unit/app/test_config.c");
    FILE *f = fopen(arena_printf(mem, "%.*s%s", (int)root, here, name), "r");
    char *text = arena_alloc(mem, 1 << 17);

    assert_non_null(f);
    assert_in_range(fread(text, 1, (1 << 17) - 1, f), 1, (1 << 17) - 2);
    fclose(f);
    return text;
}

static void
the_example_and_the_manual_are_as_printed(void **state)
{
    assert_string_equal(repository_file(*state, "conf/rosterd.conf.example"),
                        config_example(*state));
    assert_string_equal(repository_file(*state, "docs/configuration.md"), config_manual(*state));
}

static void
the_example_with_every_line_in_force_is_the_standard(void **state)
{
    struct arena *mem = *state;
    char *text = config_example(mem);
    struct list faults;

    for (char *c = text; *c != '\0'; c++)
        if ((c == text || c[-1] == '\n') && c[0] == '#' && c[1] != ' ' && c[1] != '\n' &&
            strncmp(c, "#url_file", 9) != 0 && strncmp(c, "#master_key_file", 16) != 0)
            *c = ' ';
    put_text(file, text);
    setenv("ROSTERD_DATABASE_URL", "dbname=x", 1);
    setenv("ROSTERD_CRYPTO_MASTER_KEY", KEY, 1);
    struct config *all = load(mem, &faults);
    for (size_t i = 0; i < faults.n; i++)
        print_message("%s: %s\n", fault_at(&faults, i)->where, fault_at(&faults, i)->text);
    assert_non_null(all);
    put_text(file, "");
    struct config *none = load(mem, &faults);
    struct texts held;
    assert_non_null(none);
    config_reload(none, all, mem, &held);
    assert_int_equal(held.n, 0);
    unsetenv("ROSTERD_DATABASE_URL");
    unsetenv("ROSTERD_CRYPTO_MASTER_KEY");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_the_line_and_the_fault_of_each_broken_file),
        TEST(reads_a_sound_file_and_keeps_the_standard_of_the_rest),
        TEST(a_missing_file_and_a_directory_are_faults),
        TEST(a_line_of_more_than_8_kib_is_refused),
        TEST(drop_ins_override_in_the_order_of_their_names),
        TEST(lists_every_fault_of_a_file_in_order),
        TEST(the_environment_wins_over_files_and_the_command_line_over_both),
        TEST(a_secret_in_the_environment_twice_is_a_fault),
        TEST(reads_a_secret_from_a_file_that_only_its_owner_can_read),
        TEST(a_key_in_a_file_that_others_can_read_is_refused),
        TEST(takes_credentials_where_nothing_is_set),
        TEST(no_fault_shows_a_secret),
        TEST(a_reload_takes_what_it_may_and_names_the_rest),
        TEST(the_example_and_the_manual_are_as_printed),
        TEST(the_example_with_every_line_in_force_is_the_standard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
