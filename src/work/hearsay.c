/* What was heard elsewhere of instances and of the rights of callers: sockets that it may concern
 * ask the writer whether they have still their place. */
#include "work/sockets_priv.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

struct hearsay {
    struct loop_mail mail;
    struct loop *loop;
    enum hint_kind kind;
    struct uuid id;
    bool all;
};

static struct agent_socket *
of_caller(struct table_node *node)
{
    return node == NULL
               ? NULL
               : (struct agent_socket *)((char *)node - offsetof(struct agent_socket, by_caller));
}

static void
look_at_instance(const struct hearsay *h)
{
    struct hub_entry *entry = hub_own(loop_service(h->loop)->mesh.hub, &h->id, h->loop, 0);

    if (entry != NULL)
        socket_look_again(
            (struct agent_socket *)((char *)entry - offsetof(struct agent_socket, entry)));
}

static void
look_at_callers(const struct hearsay *h)
{
    const struct table *table = &loop_sockets(h->loop)->by_caller;

    for (struct agent_socket *s = of_caller(table_find(table, &h->id)); s != NULL;
         s = of_caller(table_next(&s->by_caller)))
        if (s->state == SOCKET_READY)
            socket_look_again(s);
}

/* Of one organization, or of all. */
static void
look_at_all(const struct hearsay *h)
{
    for (struct agent_socket *s = loop_sockets(h->loop)->first; s != NULL; s = s->next)
        if (s->state == SOCKET_READY && (h->all || memcmp(&s->org, &h->id, sizeof h->id) == 0))
            socket_look_again(s);
}

static void
read_hearsay(struct loop_mail *mail)
{
    struct hearsay *h = (struct hearsay *)((char *)mail - offsetof(struct hearsay, mail));

    if (h->all || h->kind == HINT_ORG)
        look_at_all(h);
    else if (h->kind == HINT_INSTANCE)
        look_at_instance(h);
    else
        look_at_callers(h);
    free(h);
}

static void
pass_on(struct loop *loop, enum hint_kind kind, const struct uuid *id)
{
    struct hearsay *h = must(calloc(1, sizeof *h));

    h->mail.read = read_hearsay;
    h->loop = loop;
    h->kind = kind;
    h->all = id == NULL;
    if (id != NULL)
        h->id = *id;
    loop_send(loop, &h->mail);
}

void
sockets_hear(void *arg, enum hint_kind kind, const struct uuid *id)
{
    struct service *service = arg;
    size_t open;

    if (atomic_load(&service->draining) || atomic_load(&service->mesh.sockets) == 0 ||
        kind == HINT_CONNECTION || kind == HINT_TOKEN)
        return;
    if (id != NULL && kind == HINT_INSTANCE) {
        struct loop *loop = hub_find(service->mesh.hub, id, &open);

        if (loop != NULL)
            pass_on(loop, kind, id);
        return;
    }
    for (int i = 0; i < service->nloops; i++)
        pass_on(service->loops[i], kind, id);
}
