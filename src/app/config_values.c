/* The text of a setting to its value, by kind; rules over several settings. */
#include "config_priv.h"

#include "crypto/seal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct unit_row {
    enum config_kind kind;
    const char *name;
    int64_t factor;
} units[] = {
    /* The largest first: config_number takes the first that divides. */
    { CONFIG_DURATION, "d", 86400000 },
    { CONFIG_DURATION, "h", 3600000 },
    { CONFIG_DURATION, "m", 60000 },
    { CONFIG_DURATION, "s", 1000 },
    { CONFIG_DURATION, "ms", 1 },
    { CONFIG_SIZE, "GiB", 1 << 30 },
    { CONFIG_SIZE, "MiB", 1 << 20 },
    { CONFIG_SIZE, "KiB", 1 << 10 },
    { CONFIG_SIZE, "B", 1 },
};

const char *
config_wants(const struct config_key *key)
{
    switch (key->kind) {
    case CONFIG_TEXT:
        return "text";
    case CONFIG_ADDRESS:
        return "HOST:PORT such as 127.0.0.1:8080 or [::1]:8080";
    case CONFIG_URL:
        return "an address such as https://roster.example";
    case CONFIG_PATH:
        return "the path of a readable file";
    case CONFIG_NETS:
        return "networks such as 10.0.0.0/8, ::1/128";
    case CONFIG_INT:
        return "a whole number";
    case CONFIG_DURATION:
        return "a duration such as 30s or 2m";
    case CONFIG_SIZE:
        return "a size such as 64KiB or 1MiB";
    case CONFIG_BOOL:
        return "yes or no";
    case CONFIG_ENUM:
        return "one of the words";
    case CONFIG_SECRET:
        return "a secret";
    }
    return "";
}

char *
config_number(const struct config_key *key, int64_t number, struct arena *mem)
{
    for (size_t i = 0; number != 0 && i < COUNT(units); i++)
        if (units[i].kind == key->kind && number % units[i].factor == 0)
            return arena_printf(mem, "%lld%s", (long long)(number / units[i].factor),
                                units[i].name);
    return arena_printf(mem, "%lld", (long long)number);
}

/* Digits and, for durations and sizes, a unit; a bare 0 needs none. */
static bool
read_number(const struct config_key *key, const char *text, int64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    int64_t factor = 0;

    if (digits == 0 || digits > 18)
        return false;
    int64_t number = strtoll(text, NULL, 10);
    const char *unit = text + digits + strspn(text + digits, " ");
    if (*unit == '\0' && (key->kind == CONFIG_INT || number == 0))
        factor = 1;
    for (size_t i = 0; i < COUNT(units); i++)
        if (units[i].kind == key->kind && strcmp(units[i].name, unit) == 0)
            factor = units[i].factor;
    return factor > 0 && !__builtin_mul_overflow(number, factor, out);
}

static bool
read_bool(const char *text, bool *out)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool
read_enum(const struct config_key *key, const char *text, int *out)
{
    for (int i = 0; key->words[i] != NULL; i++) {
        if (strcmp(text, key->words[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool
is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 5 && text[digits] == '\0' && strtol(text, NULL, 10) <= 65535;
}

/* A host name, an IPv4 address or an IPv6 one in brackets; changes the text. */
static bool
is_host(char *host)
{
    unsigned char bytes[16];
    size_t n = strlen(host);

    if (host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, bytes) == 1;
    }
    if (strspn(host, "0123456789.") == n)
        return inet_pton(AF_INET, host, bytes) == 1;
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == n;
}

static bool
is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[256];

    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof host)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    return is_port(colon + 1) && is_host(host);
}

static bool
is_net(char *text)
{
    unsigned char bytes[16];
    char *slash = strchr(text, '/');
    int family = strchr(text, ':') == NULL ? AF_INET : AF_INET6,
        most = family == AF_INET ? 32 : 128;

    if (slash != NULL) {
        size_t digits = strspn(slash + 1, "0123456789");
        if (digits == 0 || digits > 3 || slash[1 + digits] != '\0' ||
            strtol(slash + 1, NULL, 10) > most)
            return false;
        *slash = '\0';
    }
    return inet_pton(family, text, bytes) == 1;
}

static bool
are_nets(const char *text, struct arena *mem)
{
    char *list = arena_text(mem, text), *rest = NULL;
    size_t n = 0;

    for (char *net = strtok_r(list, ", \t", &rest); net != NULL;
         net = strtok_r(NULL, ", \t", &rest))
        if (++n > 64 || !is_net(net))
            return false;
    return true;
}

/* http:// or https://, a host, perhaps a port; nothing behind, not even a slash. */
static bool
is_url(const char *text)
{
    size_t scheme = strncmp(text, "https://", 8) == 0  ? 8
                    : strncmp(text, "http://", 7) == 0 ? 7
                                                       : 0;
    char host[256];

    if (scheme == 0 || text[scheme] == '\0' || strlen(text + scheme) >= sizeof host)
        return false;
    if (is_address(text + scheme))
        return true;
    snprintf(host, sizeof host, "%s", text + scheme);
    return is_host(host);
}

/* False: the text is not of the kind. */
static bool
put_text(struct config_reading *r, const struct config_key *key, const char *text, char *at)
{
    bool right = true;

    if (key->kind == CONFIG_ADDRESS)
        right = is_address(text);
    else if (key->kind == CONFIG_URL)
        right = is_url(text);
    else if (key->kind == CONFIG_NETS)
        right = are_nets(text, r->mem);
    else if (key->kind == CONFIG_PATH)
        right = config_slurp(text, 16 << 20, r->mem).v != NULL;
    if (right)
        *(const char **)(void *)at = arena_text(r->mem, text);
    return right;
}

static bool
put_number(struct config_reading *r, const struct config_key *key, const char *text, char *at,
           const char *where)
{
    int64_t number;

    if (!read_number(key, text, &number))
        return false;
    if (number < key->min || number > key->max)
        config_fault(r, where, "%s.%s = \"%.64s\": must be between %s and %s", key->section,
                     key->name, text, config_number(key, key->min, r->mem),
                     config_number(key, key->max, r->mem));
    else
        *(int64_t *)(void *)at = number;
    return true;
}

static void
free_secret(void *secret)
{
    secret_free(secret);
}

static void
put_secret(struct config_reading *r, const struct config_key *key, const char *text,
           const char *where)
{
    struct secret **at = (struct secret **)(void *)((char *)r->config + key->offset);
    size_t n = strlen(text);

    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        n--;
    if (n < (size_t)key->min)
        config_fault(r, where, "%s.%s is empty", key->section, key->name);
    else if (n > (size_t)key->max)
        config_fault(r, where, "%s.%s is longer than %lld bytes", key->section, key->name,
                     (long long)key->max);
    else
        *at = arena_own(r->mem, secret_new(text, n), free_secret);
}

static bool
is_credential(const char *path)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    size_t n = dir == NULL ? 0 : strlen(dir);

    return n > 0 && strncmp(path, dir, n) == 0 && path[n] == '/' && strstr(path, "/../") == NULL;
}

static void
put_secret_file(struct config_reading *r, const struct config_key *key, const char *path,
                const char *where)
{
    if (r->source->no_secrets)
        return;
    struct config_bytes file = config_slurp(path, CONFIG_SECRET_MAX, r->mem);
    if (file.v == NULL)
        config_fault(r, where, "%s.%s_file: %s cannot be read: %s", key->section, key->name, path,
                     file.why);
    else if (file.mode & 077 && !is_credential(path))
        config_fault(r, where, "%s.%s_file: %s can be read by others (mode %04o); make it 0600",
                     key->section, key->name, path, file.mode);
    else if (memchr(file.v, '\0', file.n) != NULL)
        config_fault(r, where, "%s.%s_file: %s holds a NUL byte", key->section, key->name, path);
    else
        put_secret(r, key, file.v, where);
    if (file.v != NULL)
        explicit_bzero(file.v, file.n);
}

static char *
words_of(const struct config_key *key, struct arena *mem)
{
    char *list = arena_text(mem, key->words[0]);

    for (int i = 1; key->words[i] != NULL; i++)
        list = arena_printf(mem, "%s, %s", list, key->words[i]);
    return list;
}

void
config_put(struct config_reading *r, const struct config_key *key, bool by_file, const char *text,
           const char *where)
{
    char *at = (char *)r->config + key->offset;
    bool right = true;

    r->given[key - config_keys] = true;
    /* An empty text is "not set", as in a drop-in that takes a value back. */
    if (text[0] == '\0' && key->standard[0] == '\0' && key->kind != CONFIG_SECRET) {
        *(const char **)(void *)at = key->kind == CONFIG_NETS ? "" : NULL;
        return;
    }
    switch (key->kind) {
    case CONFIG_TEXT:
    case CONFIG_ADDRESS:
    case CONFIG_URL:
    case CONFIG_PATH:
    case CONFIG_NETS:
        right = put_text(r, key, text, at);
        break;
    case CONFIG_INT:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        right = put_number(r, key, text, at, where);
        break;
    case CONFIG_BOOL:
        right = read_bool(text, (bool *)at);
        break;
    case CONFIG_ENUM:
        right = read_enum(key, text, (int *)(void *)at);
        break;
    case CONFIG_SECRET:
        if (by_file)
            put_secret_file(r, key, text, where);
        else
            put_secret(r, key, text, where);
        break;
    }
    if (!right)
        config_fault(r, where, "%s.%s = \"%.64s\": expected %s", key->section, key->name, text,
                     key->kind == CONFIG_ENUM ? words_of(key, r->mem) : config_wants(key));
}

/* The credential of a key: database.url is database-url, crypto.master_key is master-key. */
static void
put_credential(struct config_reading *r, const struct config_key *key)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");

    if (dir == NULL || dir[0] == '\0')
        return;
    const char *name = strcmp(key->name, "url") == 0 ? "database-url" : "master-key";
    const char *path = arena_printf(r->mem, "%s/%s", dir, name);

    /* One that is not there was not meant; one that cannot be read was. */
    if (access(path, F_OK) != 0)
        return;
    r->given[key - config_keys] = true;
    put_secret_file(r, key, path, arena_printf(r->mem, "credential %s", name));
}

static void
check_secrets(struct config_reading *r)
{
    const char *file = r->source->file == NULL ? "configuration" : r->source->file;

    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];

        if (!(key->flags & KEY_REQUIRED) || r->given[i] || r->source->no_secrets)
            continue;
        put_credential(r, key);
        if (!r->given[i] && !r->unread)
            config_fault(r, file, "%s.%s is not set; set it, %s_file, or give a credential",
                         key->section, key->name, key->name);
    }
}

/* Enough to tell a wrong file from a connection string; libpq judges the rest when it connects. */
static void
check_database_url(struct config_reading *r, const char *file)
{
    const struct secret *url = r->config->database.url;
    const char *text = url == NULL ? "" : secret_bytes(url);

    if (url == NULL || strncmp(text, "postgresql://", 13) == 0 ||
        strncmp(text, "postgres://", 11) == 0)
        return;
    size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz_ ");
    if (name == 0 || text[name] != '=')
        config_fault(r, file, "database.url: neither a postgresql:// address nor key=value pairs");
}

static void
check_master_key(struct config_reading *r, const char *file)
{
    const struct secret *key = r->config->crypto.master_key;
    struct err err = { 0 };

    if (key == NULL)
        return;
    struct keyring *ring = keyring_new(secret_bytes(key), secret_size(key), &err);
    if (ring == NULL)
        config_fault(r, file, "crypto.master_key: %s", err.reason);
    keyring_free(ring);
}

void
config_check(struct config_reading *r)
{
    const char *file = r->source->file == NULL ? "configuration" : r->source->file;
    const struct config *c = r->config;

    check_secrets(r);
    check_database_url(r, file);
    check_master_key(r, file);
    if (c->presence.offline <= c->presence.window)
        config_fault(r, file, "presence.offline must be more than presence.window");
    if (c->health.per_host > c->health.concurrency)
        config_fault(r, file, "health.per_host must not be more than health.concurrency");
    if (c->proxy.per_origin > c->proxy.connections)
        config_fault(r, file, "proxy.per_origin must not be more than proxy.connections");
}
