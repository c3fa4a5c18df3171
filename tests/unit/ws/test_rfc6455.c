/* RFC 6455 as a table: what a client may send, what it may not, and the code that it then gets.
 * Each case is sent at once and byte by byte. */
#include "pair.h"

#include <assert.h>
#include <stdio.h>

enum { MESSAGE_MAX = 70000, FRAMES = 8 };

struct rule {
    const char *name;
    struct shape frames[FRAMES]; /* until one with head 0 and nothing else            */
    const char *texts;           /* what the owner gets, each ended by '|'; NULL: ""   */
    int code;                    /* of the close frame; 0: it stays open               */
    const char *pongs;           /* as texts                                          */
    size_t size;                 /* of texts, when they are too long to write          */
};

#define F(first, text)                                                                             \
    {                                                                                              \
        .head = (first), .payload = (text), .n = sizeof(text) - 1                                  \
    }
#define N(first, many)                                                                             \
    {                                                                                              \
        .head = (first), .n = (many)                                                               \
    }
#define HOW(first, many, ways)                                                                     \
    {                                                                                              \
        .head = (first), .n = (many), .how = (ways)                                                \
    }
#define CUT(first, text, whole)                                                                    \
    {                                                                                              \
        .head = (first), .payload = (text), .n = sizeof(text) - 1, .claims = (whole)               \
    }
#define AFTER F(0x81, "after")

static const struct rule rules[] = {
    /* 5.2: lengths */
    { "an empty text is a message", { F(0x81, ""), AFTER }, "|after|" },
    { "one byte is a message", { F(0x81, "a"), AFTER }, "a|after|" },
    { "125 bytes fit the short length", { N(0x81, 125), AFTER }, .size = 132 },
    { "126 bytes need the 16-bit length", { N(0x81, 126), AFTER }, .size = 133 },
    { "127 bytes need the 16-bit length", { N(0x81, 127), AFTER }, .size = 134 },
    { "128 bytes need the 16-bit length", { N(0x81, 128), AFTER }, .size = 135 },
    { "4095 bytes arrive whole", { N(0x81, 4095), AFTER }, .size = 4102 },
    { "4096 bytes arrive whole", { N(0x81, 4096), AFTER }, .size = 4103 },
    { "4097 bytes arrive whole", { N(0x81, 4097), AFTER }, .size = 4104 },
    { "65535 bytes fit the 16-bit length", { N(0x81, 65535), AFTER }, .size = 65542 },
    { "65536 bytes need the 64-bit length", { N(0x81, 65536), AFTER }, .size = 65543 },
    { "65537 bytes need the 64-bit length", { N(0x81, 65537), AFTER }, .size = 65544 },
    { "0 bytes in 16 bits is not minimal", { HOW(0x81, 0, AS_16) }, .code = 1002 },
    { "125 bytes in 16 bits is not minimal", { HOW(0x81, 125, AS_16) }, .code = 1002 },
    { "0 bytes in 64 bits is not minimal", { HOW(0x81, 0, AS_64) }, .code = 1002 },
    { "125 bytes in 64 bits is not minimal", { HOW(0x81, 125, AS_64) }, .code = 1002 },
    { "126 bytes in 64 bits is not minimal", { HOW(0x81, 126, AS_64) }, .code = 1002 },
    { "65535 bytes in 64 bits is not minimal", { HOW(0x81, 65535, AS_64) }, .code = 1002 },
    { "the top bit of a 64-bit length is zero",
      { HOW(0x81, 65536, AS_64 | TOP_BIT) },
      .code = 1002 },
    { "a continuation's length is minimal too",
      { F(0x01, "a"), HOW(0x80, 5, AS_16) },
      .code = 1002 },
    /* 5.3: masking */
    { "a mask of zeroes is a mask", { HOW(0x81, 3, ZERO_MASK), AFTER }, "xxx|after|" },
    { "each frame has its own mask",
      { HOW(0x81, 3, ZERO_MASK), F(0x81, "own"), HOW(0x81, 1, ZERO_MASK) },
      "xxx|own|x|" },
    { "a text that is not masked is refused", { HOW(0x81, 3, UNMASKED), AFTER }, .code = 1002 },
    { "an empty text that is not masked is refused",
      { HOW(0x81, 0, UNMASKED), AFTER },
      .code = 1002 },
    { "a ping that is not masked is refused", { HOW(0x89, 3, UNMASKED) }, .code = 1002 },
    { "a pong that is not masked is refused", { HOW(0x8a, 3, UNMASKED) }, .code = 1002 },
    { "a close that is not masked is refused", { HOW(0x88, 0, UNMASKED) }, .code = 1002 },
    { "a continuation that is not masked is refused",
      { F(0x01, "a"), HOW(0x80, 1, UNMASKED) },
      .code = 1002 },
    { "messages before a wrong one count",
      { F(0x81, "one"), F(0x81, "two"), HOW(0x81, 3, UNMASKED), AFTER },
      "one|two|",
      1002 },
    /* 5.4: fragments */
    { "two fragments are one message", { F(0x01, "one"), F(0x80, "two"), AFTER }, "onetwo|after|" },
    { "three fragments are one message",
      { F(0x01, "a"), F(0x00, "b"), F(0x80, "c"), AFTER },
      "abc|after|" },
    { "a first fragment may be empty", { F(0x01, ""), F(0x80, "b"), AFTER }, "b|after|" },
    { "a last fragment may be empty", { F(0x01, "a"), F(0x80, ""), AFTER }, "a|after|" },
    { "a middle fragment may be empty",
      { F(0x01, "a"), F(0x00, ""), F(0x80, "c"), AFTER },
      "ac|after|" },
    { "all fragments may be empty", { F(0x01, ""), F(0x00, ""), F(0x80, ""), AFTER }, "|after|" },
    { "a ping may come between fragments",
      { F(0x01, "a"), F(0x89, "p"), F(0x80, "b"), AFTER },
      "ab|after|",
      0,
      "p|" },
    { "two pings may come between fragments",
      { F(0x01, "a"), F(0x89, "p"), F(0x89, "q"), F(0x80, "b"), AFTER },
      "ab|after|",
      0,
      "p|q|" },
    { "pings may come between all fragments",
      { F(0x01, "a"), F(0x89, "p"), F(0x00, "b"), F(0x89, "q"), F(0x80, "c"), AFTER },
      "abc|after|",
      0,
      "p|q|" },
    { "a pong may come between fragments",
      { F(0x01, "a"), F(0x8a, "p"), F(0x80, "b"), AFTER },
      "ab|after|" },
    { "a close may come between fragments",
      { F(0x01, "a"), F(0x88, "\x03\xe8"), F(0x80, "b") },
      "",
      1000 },
    { "a message without its end is not given", { F(0x01, "a"), F(0x00, "b") }, "" },
    { "a continuation needs a beginning", { F(0x80, "a"), AFTER }, "", 1002 },
    { "an empty continuation needs a beginning", { F(0x80, ""), AFTER }, "", 1002 },
    { "a continuation that goes on needs a beginning", { F(0x00, "a"), F(0x80, "b") }, "", 1002 },
    { "a continuation after a whole message is refused",
      { F(0x81, "a"), F(0x80, "b") },
      "a|",
      1002 },
    { "a continuation after the last fragment is refused",
      { F(0x01, "a"), F(0x80, "b"), F(0x80, "c") },
      "ab|",
      1002 },
    { "a continuation after a ping needs a beginning",
      { F(0x89, "a"), F(0x80, "b") },
      "",
      1002,
      "a|" },
    { "a text inside a fragmented message is refused", { F(0x01, "a"), F(0x81, "b") }, "", 1002 },
    { "a beginning inside a fragmented message is refused",
      { F(0x01, "a"), F(0x01, "b"), F(0x80, "c") },
      "",
      1002 },
    { "a binary inside a fragmented text is refused", { F(0x01, "a"), F(0x82, "b") }, "", 1002 },
    { "a text inside an empty fragmented message is refused",
      { F(0x01, ""), F(0x81, "b") },
      "",
      1002 },
    { "fragments after a message are one of their own",
      { F(0x81, "a"), F(0x01, "b"), F(0x80, "c"), AFTER },
      "a|bc|after|" },
    /* 5.5: control frames */
    { "a ping is answered with its payload",
      { F(0x89, "payload"), AFTER },
      "after|",
      0,
      "payload|" },
    { "an empty ping is answered empty", { F(0x89, ""), AFTER }, "after|", 0, "|" },
    { "a ping's payload may be any bytes", { F(0x89, "\xff\xfe\x01") }, "", 0, "\xff\xfe\x01|" },
    { "a ping of 125 bytes is answered",
      { N(0x89, 125), AFTER },
      "after|",
      0,
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|" },
    { "pings are answered in their order",
      { F(0x89, "1"), F(0x89, "2"), F(0x89, "3"), F(0x89, "4"), F(0x89, "5") },
      "",
      0,
      "1|2|3|4|5|" },
    { "a pong that nobody asked for is let pass", { F(0x8a, "p"), AFTER }, "after|" },
    { "an empty pong is let pass", { F(0x8a, ""), AFTER }, "after|" },
    { "a pong is not answered", { F(0x8a, "p"), F(0x89, "q"), F(0x8a, "r") }, "", 0, "q|" },
    { "a ping of 126 bytes is refused", { N(0x89, 126) }, "", 1002 },
    { "a pong of 126 bytes is refused", { N(0x8a, 126) }, "", 1002 },
    { "a close of 126 bytes is refused", { N(0x88, 126) }, "", 1002 },
    { "a ping of 65536 bytes is refused", { N(0x89, 65536) }, "", 1002 },
    { "a short ping with a long length is refused", { HOW(0x89, 5, AS_16) }, "", 1002 },
    { "a fragmented ping is refused", { F(0x09, "a"), F(0x80, "b") }, "", 1002 },
    { "a fragmented pong is refused", { F(0x0a, "a"), F(0x80, "b") }, "", 1002 },
    { "a fragmented close is refused", { F(0x08, "\x03"), F(0x80, "\xe8") }, "", 1002 },
    { "an empty fragmented ping is refused", { F(0x09, "") }, "", 1002 },
    { "a fragmented ping in a fragmented message is refused",
      { F(0x01, "a"), F(0x09, "b"), F(0x80, "c") },
      "",
      1002 },
    /* 5.5.1: closing */
    { "a close without a code is answered without one", { F(0x88, "") }, "", 1005 },
    { "nothing is read behind a close", { F(0x88, "\x03\xe8"), AFTER }, "", 1000 },
    { "a ping behind a close is not answered", { F(0x88, "\x03\xe8"), F(0x89, "p") }, "", 1000 },
    { "a second close is not answered", { F(0x88, "\x03\xe8"), F(0x88, "\x03\xe9") }, "", 1000 },
    { "a close of one byte is refused", { F(0x88, "\x03") }, "", 1002 },
    { "a close may have a reason",
      { F(0x88, "\x03\xe8"
                "bye") },
      "",
      1000 },
    { "a reason may have 123 bytes",
      { F(0x88, "\x03\xe8"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") },
      "",
      1000 },
    { "a reason may be in another script",
      { F(0x88, "\x03\xe8\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80") },
      "",
      1000 },
    { "a reason that is not UTF-8 is refused", { F(0x88, "\x03\xe8\xff") }, "", 1007 },
    { "a reason that is cut off is refused", { F(0x88, "\x03\xe8\xe1\xbd") }, "", 1007 },
    { "a reason with a surrogate is refused", { F(0x88, "\x03\xe8\xed\xa0\x80") }, "", 1007 },
    { "a wrong code goes before a wrong reason", { F(0x88, "\x03\xec\xff") }, "", 1002 },
    { "messages before a close count",
      { F(0x81, "one"), F(0x89, "p"), F(0x88, "\x03\xe8") },
      "one|",
      1000,
      "p|" },
    /* 5.6, 8.1: text and binary */
    { "a binary message is not spoken", { F(0x82, "b"), AFTER }, "", 1003 },
    { "an empty binary message is not spoken", { F(0x82, ""), AFTER }, "", 1003 },
    { "a fragmented binary message is not spoken", { F(0x02, "b"), F(0x80, "c") }, "", 1003 },
    { "UTF-8 may be cut by fragments anywhere",
      { F(0x01, "\xce"), F(0x00, "\xba\xe1"), F(0x00, "\xbd"), F(0x80, "\xb9"), AFTER },
      "\xce\xba\xe1\xbd\xb9|after|" },
    { "UTF-8 may be cut by a ping",
      { F(0x01, "\xf0\x9f"), F(0x89, "\xff"), F(0x80, "\x98\x80") },
      "\xf0\x9f\x98\x80|",
      0,
      "\xff|" },
    { "UTF-8 may be cut by an empty fragment",
      { F(0x01, "\xf0\x9f"), F(0x00, ""), F(0x80, "\x98\x80") },
      "\xf0\x9f\x98\x80|" },
    { "UTF-8 cut by the end of a message is refused", { F(0x81, "a\xce"), AFTER }, "", 1007 },
    { "UTF-8 cut by the end of fragments is refused",
      { F(0x01, "a\xe1\xbd"), F(0x80, "") },
      "",
      1007 },
    { "UTF-8 does not go on in the next message", { F(0x81, "\xce"), F(0x81, "\xba") }, "", 1007 },
    { "wrong UTF-8 is refused before the frame has ended",
      { CUT(0x81, "ok\xff", 1000) },
      "",
      1007 },
    { "a wrong second byte is refused before the frame has ended",
      { CUT(0x81, "ok\xe0\x80", 1000) },
      "",
      1007 },
    { "a surrogate is refused before the frame has ended",
      { CUT(0x81, "ok\xed\xa0", 1000) },
      "",
      1007 },
    { "wrong UTF-8 is refused before the message has ended", { F(0x01, "ok\xff") }, "", 1007 },
    { "wrong UTF-8 in a later fragment is refused at once",
      { F(0x01, "\xce"), F(0x00, "\xce") },
      "",
      1007 },
    { "half a character that may go on is waited for", { F(0x01, "ok\xf0\x9f\x98") }, "" },
    { "wrong UTF-8 far inside is found",
      { CUT(0x81,
            "01234567012345670123456701234567\x80"
            "1234567",
            100) },
      "",
      1007 },
    { "messages before wrong UTF-8 count", { F(0x81, "one"), F(0x81, "\xff") }, "one|", 1007 },
    /* 7.4.1, 10.4: bounds */
    { "a message may be as long as the bound",
      { N(0x81, MESSAGE_MAX), AFTER },
      .size = MESSAGE_MAX + 7 },
    { "a message longer than the bound is refused", { N(0x81, MESSAGE_MAX + 1), AFTER }, "", 1009 },
    { "a frame longer than the bound is refused at its beginning",
      { CUT(0x81, "x", MESSAGE_MAX + 1) },
      "",
      1009 },
    { "a frame of 2^62 bytes is refused at its beginning",
      { CUT(0x81, "x", (size_t)1 << 62) },
      "",
      1009 },
    { "a frame of 2^63 - 1 bytes is refused at its beginning",
      { CUT(0x81, "x", ((size_t)1 << 63) - 1) },
      "",
      1009 },
    { "fragments together may be as long as the bound",
      { N(0x01, MESSAGE_MAX - 5), N(0x80, 5), AFTER },
      .size = MESSAGE_MAX + 7 },
    { "fragments together longer than the bound are refused",
      { N(0x01, MESSAGE_MAX - 5), CUT(0x80, "x", 6) },
      "",
      1009 },
    { "a fragment longer than the rest of the bound is refused",
      { N(0x01, 10), CUT(0x00, "x", MESSAGE_MAX - 9) },
      "",
      1009 },
    { "the bound counts each message by itself",
      { N(0x81, MESSAGE_MAX), N(0x81, MESSAGE_MAX) },
      .size = 2 * MESSAGE_MAX + 2 },
    { "a ping does not count for the bound",
      { N(0x01, MESSAGE_MAX), F(0x89, "p"), N(0x80, 0) },
      .size = MESSAGE_MAX + 1,
      .pongs = "p|" },
};

struct bytes {
    const char *v;
    size_t n;
    const char *what;
};

#define B(text, name)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1, name                                                               \
    }

/* RFC 3629: the first and the last of each row of its table, and what the web is full of. */
static const struct bytes sound[] = {
    B("\x00", "U+0000"),
    B("\x7f", "U+007F"),
    B("\xc2\x80", "U+0080"),
    B("\xdf\xbf", "U+07FF"),
    B("\xe0\xa0\x80", "U+0800"),
    B("\xe0\xbf\xbf", "U+0FFF"),
    B("\xec\xbf\xbf", "U+CFFF"),
    B("\xed\x80\x80", "U+D000"),
    B("\xed\x9f\xbf", "U+D7FF"),
    B("\xee\x80\x80", "U+E000"),
    B("\xef\xbb\xbf", "a byte order mark"),
    B("\xef\xbf\xbd", "U+FFFD"),
    B("\xef\xbf\xbe", "U+FFFE"),
    B("\xef\xbf\xbf", "U+FFFF"),
    B("\xf0\x90\x80\x80", "U+10000"),
    B("\xf0\xbf\xbf\xbf", "U+3FFFF"),
    B("\xf3\xbf\xbf\xbf", "U+FFFFF"),
    B("\xf4\x80\x80\x80", "U+100000"),
    B("\xf4\x8f\xbf\xbf", "U+10FFFF"),
    B("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", "Greek"),
    B("\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "two smileys"),
};

static const struct bytes broken[] = {
    B("\x80", "a continuation alone"),
    B("\xbf", "the last continuation alone"),
    B("\xc0\x80", "a NUL in two bytes"),
    B("\xc0\xaf", "a slash in two bytes"),
    B("\xc1\xbf", "U+007F in two bytes"),
    B("\xe0\x80\xaf", "a slash in three bytes"),
    B("\xe0\x9f\xbf", "U+07FF in three bytes"),
    B("\xf0\x80\x80\xaf", "a slash in four bytes"),
    B("\xf0\x8f\xbf\xbf", "U+FFFF in four bytes"),
    B("\xed\xa0\x80", "the first surrogate"),
    B("\xed\xad\xbf", "a high surrogate"),
    B("\xed\xbf\xbf", "the last surrogate"),
    B("\xed\xa0\xbd\xed\xb8\x80", "a pair of surrogates"),
    B("\xf4\x90\x80\x80", "U+110000"),
    B("\xf5\x80\x80\x80", "F5"),
    B("\xf7\xbf\xbf\xbf", "F7"),
    B("\xf8\x88\x80\x80\x80", "five bytes"),
    B("\xfc\x84\x80\x80\x80\x80", "six bytes"),
    B("\xfe", "FE"),
    B("\xff", "FF"),
    B("\xc2\x41", "two bytes cut by ASCII"),
    B("\xe1\xbd\x41", "three bytes cut by ASCII"),
    B("\xf0\x9f\x98\x41", "four bytes cut by ASCII"),
    B("\xe1\xc2\x80", "three bytes cut by two"),
    B("\xc2\x80\x80", "one continuation too many"),
};

static const int good_codes[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
                                  1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999 };
static const int bad_codes[] = { 0,    1,    999,  1004, 1005, 1006,  1015,
                                 1016, 1100, 2000, 2999, 5000, 32768, 65535 };
static const int reserved_opcodes[] = { 3, 4, 5, 6, 7, 11, 12, 13, 14, 15 };
static const int bit_heads[] = { 0x01, 0x02, 0x08, 0x09, 0x0a };

enum { CASES_MAX = 400 };

static struct rule cases[CASES_MAX];
static struct CMUnitTest tests[CASES_MAX];
static size_t ncases;

/* ---- one case ---- */

static void
write_frames(struct pair *pair, const struct rule *rule, bool at_once)
{
    struct buf bytes = { 0 };

    for (size_t i = 0; i < FRAMES; i++) {
        const struct shape *f = &rule->frames[i];

        if (f->head != 0 || f->n > 0 || f->payload != NULL)
            frame_put(&bytes, f);
    }
    size_t step = at_once ? 0 : buf_size(&bytes) < 2000 ? 1 : 997;
    pair_write(pair, buf_bytes(&bytes), buf_size(&bytes), step);
    buf_done(&bytes);
}

static void
assert_pongs(struct pair *pair, const char *pongs)
{
    while (pongs != NULL && *pongs != '\0') {
        size_t n = strcspn(pongs, "|");
        struct seen seen = pair_seen(pair);

        assert_int_equal(seen.head, 0x8a);
        assert_int_equal(seen.n, n);
        assert_memory_equal(seen.payload, pongs, n);
        pongs += n + 1;
    }
}

static void
run_one(const struct rule *rule, bool at_once)
{
    const char *texts = rule->texts == NULL ? "" : rule->texts;
    struct pair pair;

    pair_open(&pair);
    pair.limits.message_max = MESSAGE_MAX;
    write_frames(&pair, rule, at_once);
    pair_settle(&pair);
    if (rule->size > 0) {
        assert_int_equal(buf_size(&pair.texts), rule->size);
    } else if (rule->frames[0].n != 1 || rule->frames[0].payload[0] != '\0') {
        assert_string_equal(buf_cstr(&pair.texts), texts);
    } else {
        assert_int_equal(pair.ntexts, 1);
    }
    pair_fetch(&pair);
    assert_pongs(&pair, rule->pongs);
    if (rule->code == 0) {
        assert_int_equal(buf_size(&pair.got), 0);
        assert_int_equal(pair.closed, 0);
    } else {
        assert_int_equal(pair_close_code(&pair), rule->code);
        assert_int_equal(buf_size(&pair.got), 0);
        assert_true(pair.eof || errno == ECONNRESET);
        close(pair.client);
        pair.client = -1;
        pair_wait_closed(&pair);
        assert_int_equal(pair.code, rule->code);
    }
    pair_close(&pair);
}

static void
run_case(void **state)
{
    run_one(*state, true);
    run_one(*state, false);
}

/* ---- making them ---- */

static struct rule *
add(const char *format, int number, const char *what)
{
    struct rule *rule = &cases[ncases++];
    char name[160];

    assert(ncases < CASES_MAX);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(name, sizeof name, format, number, what);
#pragma GCC diagnostic pop
    rule->name = must(strdup(name));
    return rule;
}

static void
add_rows(void)
{
    for (size_t i = 0; i < COUNT(rules); i++)
        cases[ncases++] = rules[i];
}

/* 5.2: "Reserved for further non-control frames", "for further control frames". */
static void
add_opcodes(void)
{
    for (size_t i = 0; i < COUNT(reserved_opcodes); i++) {
        int op = reserved_opcodes[i];
        struct rule *rule = add("opcode %d is reserved%s", op, "");

        rule->frames[0] = (struct shape)F(0x81, "one");
        rule->frames[1] = (struct shape){ .head = 0x80 | op, .payload = "x", .n = 1 };
        rule->frames[2] = (struct shape)AFTER;
        rule->texts = "one|";
        rule->code = 1002;
        rule = add("opcode %d is reserved%s", op, " in a fragmented message, and when it is empty");
        rule->frames[0] = (struct shape)F(0x01, "one");
        rule->frames[1] = (struct shape){ .head = 0x80 | op };
        rule->code = 1002;
    }
}

/* 5.2: "MUST be 0 unless an extension is negotiated". */
static void
add_bits(void)
{
    static const char *const names[] = { "text", "binary", "close", "ping", "pong" };

    for (size_t i = 0; i < COUNT(bit_heads); i++)
        for (int bits = 1; bits < 8; bits++) {
            struct rule *rule = add("reserved bits %d of a %s are refused", bits, names[i]);

            rule->frames[0] = (struct shape){ .head = 0x80 | bits << 4 | bit_heads[i] };
            rule->code = 1002;
        }
    for (int bits = 1; bits < 8; bits++) {
        struct rule *rule = add("reserved bits %d of a %s are refused", bits, "continuation");

        rule->frames[0] = (struct shape)F(0x01, "a");
        rule->frames[1] = (struct shape){ .head = 0x80 | bits << 4, .payload = "b", .n = 1 };
        rule->code = 1002;
    }
}

/* 7.4. */
static void
add_codes(const int *codes, size_t n, bool good)
{
    for (size_t i = 0; i < n; i++) {
        struct rule *rule =
            add(good ? "close code %d is echoed%s" : "close code %d is refused%s", codes[i], "");
        char *payload = must(malloc(2));

        payload[0] = (char)(codes[i] >> 8);
        payload[1] = (char)codes[i];
        rule->frames[0] = (struct shape){ .head = 0x88, .payload = payload, .n = 2 };
        rule->code = good ? codes[i] : 1002;
    }
}

/* 8.1, whole, and with a fragment for each byte. */
static void
add_texts(const struct bytes *bytes, size_t n, bool good)
{
    for (size_t i = 0; i < n; i++) {
        char *expected = must(calloc(1, bytes[i].n + 2));
        struct rule *rule = add(good ? "%.0d%s is text" : "%.0d%s is not text", 0, bytes[i].what);

        memcpy(expected, bytes[i].v, bytes[i].n);
        expected[bytes[i].n] = '|';
        rule->frames[0] = (struct shape){ .head = 0x81, .payload = bytes[i].v, .n = bytes[i].n };
        rule->texts = good ? expected : "";
        rule->code = good ? 0 : WS_BAD_UTF8;
        if (bytes[i].n > FRAMES || bytes[i].n < 2) {
            if (!good)
                free(expected);
            continue;
        }
        struct rule *cut = add(good ? "%.0d%s is text, byte by byte in fragments"
                                    : "%.0d%s is not text, byte by byte in fragments",
                               0, bytes[i].what);
        for (size_t k = 0; k < bytes[i].n; k++)
            cut->frames[k] = (struct shape){
                .head = (k == 0 ? 0x01 : 0x00) | (k + 1 == bytes[i].n ? 0x80 : 0),
                .payload = bytes[i].v + k,
                .n = 1,
            };
        cut->texts = rule->texts;
        cut->code = rule->code;
        if (!good)
            free(expected);
    }
}

int
main(void)
{
    add_rows();
    add_opcodes();
    add_bits();
    add_codes(good_codes, COUNT(good_codes), true);
    add_codes(bad_codes, COUNT(bad_codes), false);
    add_texts(sound, COUNT(sound), true);
    add_texts(broken, COUNT(broken), false);
    for (size_t i = 0; i < ncases; i++)
        tests[i] = (struct CMUnitTest){ cases[i].name, run_case, NULL, NULL, &cases[i] };
    struct CMUnitTest *table = tests;
    return _cmocka_run_group_tests("rfc6455", table, ncases, NULL, NULL);
}
