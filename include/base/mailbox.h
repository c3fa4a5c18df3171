/* A bounded queue between threads. Letters are embedded in what is sent: posting allocates
 * nothing. Any thread may put; one or many may take. */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct letter {
    struct letter *next;
};

struct mailbox;

/* limit: the most letters it holds; 0 means that the senders are bounded elsewhere. */
struct mailbox *mailbox_new(size_t limit);
void mailbox_free(struct mailbox *box);

/* Appends; false when the box is full or closed, and the letter is still the caller's. */
bool mailbox_put(struct mailbox *box, struct letter *letter);

/* The oldest letter, waiting until the monotonic time until_ms (see clock_ms) for one; NULL at
 * that time, or when the box is closed and empty. */
struct letter *mailbox_take(struct mailbox *box, int64_t until_ms);

/* As mailbox_take, but all letters, oldest first, chained by next. */
struct letter *mailbox_take_all(struct mailbox *box, int64_t until_ms);

/* No more letters may be put; takers get what is there and then NULL at once. */
void mailbox_close(struct mailbox *box);
bool mailbox_is_closed(struct mailbox *box);

/* How many letters it holds now. */
size_t mailbox_count(struct mailbox *box);

/* An eventfd that becomes readable when a letter is put, for a taker that waits in epoll; owned
 * by the box. Read it (8 bytes) before taking. Made at the first call: call before threads run. */
int mailbox_bell(struct mailbox *box);

#endif
