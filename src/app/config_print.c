/* The manual of the settings, printed from the rows that parse them. */
#include "config_priv.h"

#include "base/buf.h"

#include <ctype.h>
#include <string.h>

static char *
copy_out(struct buf *out, struct arena *mem)
{
    char *text = arena_textn(mem, buf_bytes(out), buf_size(out));

    buf_done(out);
    return text;
}

char *
config_example(struct arena *mem)
{
    struct buf out;

    buf_init(&out, 0);
    buf_text(&out,
             "# rosterd.conf: the settings of rosterd, printed by \"rosterd config example\".\n"
             "# Every setting stands here with its standard value, commented out. Files in\n"
             "# rosterd.conf.d/ whose names end in .conf are read after this one.\n");
    for (size_t s = 0; s < config_sections_count; s++) {
        const struct config_section *section = &config_sections[s];

        buf_printf(&out, "\n# %s\n[%s]\n", section->doc, section->name);
        for (size_t i = 0; i < config_keys_count; i++) {
            const struct config_key *key = &config_keys[i];

            if (strcmp(key->section, section->name) != 0)
                continue;
            buf_printf(&out, "\n# %s\n", key->doc);
            if (key->kind == CONFIG_SECRET)
                buf_printf(&out, "#%s_file = /etc/rosterd/%s\n", key->name,
                           strcmp(key->name, "url") == 0 ? "database.url" : "master.key");
            else
                buf_printf(&out, "#%s =%s%s\n", key->name, key->standard[0] != '\0' ? " " : "",
                           key->standard);
        }
    }
    return copy_out(&out, mem);
}

/* What a value looks like, in a few words. */
static const char *
values_of(const struct config_key *key, struct arena *mem)
{
    switch (key->kind) {
    case CONFIG_INT:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        return arena_printf(mem, "%s to %s", config_number(key, key->min, mem),
                            config_number(key, key->max, mem));
    case CONFIG_ENUM: {
        char *list = arena_text(mem, key->words[0]);
        for (int i = 1; key->words[i] != NULL; i++)
            list = arena_printf(mem, "%s, %s", list, key->words[i]);
        return list;
    }
    case CONFIG_BOOL:
        return "yes, no";
    case CONFIG_ADDRESS:
        return "HOST:PORT";
    case CONFIG_URL:
        return "URL";
    case CONFIG_PATH:
        return "path";
    case CONFIG_NETS:
        return "networks";
    case CONFIG_SECRET:
        return "secret";
    case CONFIG_TEXT:
        break;
    }
    return "text";
}

static void
put_variable(struct buf *out, const struct config_key *key)
{
    char name[128];
    size_t n = 0;

    for (const char *c = key->section; *c != '\0' && n < 60; c++)
        name[n++] = (char)toupper((unsigned char)*c);
    name[n++] = '_';
    for (const char *c = key->name; *c != '\0' && n < 120; c++)
        name[n++] = (char)toupper((unsigned char)*c);
    name[n] = '\0';
    buf_printf(out, "`ROSTERD_%s`", name);
}

static void
put_section(struct buf *out, const struct config_section *section, struct arena *mem)
{
    buf_printf(out, "\n## [%s]\n\n%s\n\n", section->name, section->doc);
    buf_text(out, "| key | values | standard | reload | variable | meaning |\n"
                  "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];
        bool standard = key->standard[0] != '\0';

        if (strcmp(key->section, section->name) != 0)
            continue;
        buf_printf(out, "| `%s`%s | %s | %s%s%s | %s | ", key->name,
                   key->kind == CONFIG_SECRET ? ", or in a file: `_file`" : "", values_of(key, mem),
                   standard ? "`" : "", standard ? key->standard : "–", standard ? "`" : "",
                   key->flags & KEY_RELOAD ? "yes" : "restart");
        put_variable(out, key);
        buf_printf(out, " | %s |\n", key->doc);
    }
}

char *
config_manual(struct arena *mem)
{
    struct buf out;

    buf_init(&out, 0);
    buf_text(
        &out,
        "# Configuration\n\n"
        "Printed by `rosterd config manual` from the table that reads the settings.\n\n"
        "`rosterd serve --config FILE` reads FILE, then each `FILE.d/NAME.conf` in the order of\n"
        "the names, then environment variables. The last one wins; within one file a key may be\n"
        "given once. `rosterd check-config --config FILE` lists every fault with its file and\n"
        "line, and so does a start, which is then refused with exit code 3.\n\n"
        "A file has lines `[section]`, `key = value` and comments that begin with `#` or `;`.\n"
        "There are no comments behind a value. A value in double quotes keeps its outer spaces.\n"
        "Durations are a number with `ms`, `s`, `m`, `h` or `d`; sizes one with `B`, `KiB`, `MiB`\n"
        "or `GiB`; 0 needs no unit. A key without a standard value is set back by an empty one.\n\n"
        "A secret may stand in a file of its own, named by its key with `_file`, which nobody but\n"
        "its owner may be able to read. Where neither is set, the systemd credentials\n"
        "`database-url` and `master-key` are used.\n\n"
        "`SIGHUP` (`systemctl reload rosterd`) puts the settings marked \"yes\" under \"reload\" "
        "in\n"
        "force, after all files have been checked; the others need a restart. A configuration\n"
        "with faults changes nothing.\n");
    for (size_t s = 0; s < config_sections_count; s++)
        put_section(&out, &config_sections[s], mem);
    return copy_out(&out, mem);
}
