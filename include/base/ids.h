/* Identifiers: UUIDs, permanent ids, request ids. Random ones come from the kernel. */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct uuid {
    unsigned char b[16];
};

enum { UUID_TEXT_SIZE = 37, PERMANENT_ID_SIZE = 13 };

/* Fills p with n random bytes of the kernel; ends the process if the kernel refuses. */
void ids_random(void *p, size_t n);

/* A random (version 4) UUID: as bytes; as lower-case text in mem. */
struct uuid ids_uuid_new(void);
char *ids_uuid(struct arena *mem);

/* Text of 36 characters, either case, to bytes; false when text is no UUID. */
bool ids_uuid_read(const char *text, struct uuid *out);

/* Writes 36 lower-case characters and a NUL; returns out. */
char *ids_uuid_text(const struct uuid *uuid, char out[UUID_TEXT_SIZE]);

/* A permanent id, "agt-" and 8 lower-case hex digits, in mem. May clash: the database decides. */
char *ids_permanent(struct arena *mem);
bool ids_is_permanent(const char *text);

/* A request id: "req_" and 24 hex digits; writes 29 bytes with the NUL. Cheap, not secret. */
enum { REQUEST_ID_SIZE = 29 };
char *ids_request(char out[REQUEST_ID_SIZE]);

/* What a hex digit of either case counts; -1: it is none. */
int ids_hex_digit(char c);

/* n bytes as 2n lower-case hex digits and a NUL. */
char *ids_hex(const void *bytes, size_t n, char *out);

/* Lower-case hex of exactly 2n digits to n bytes; false on anything else. */
bool ids_unhex(const char *hex, void *bytes, size_t n);

#endif
