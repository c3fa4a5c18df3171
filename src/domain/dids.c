/* DID documents. */
#include "domain/dids.h"

#include "base/buf.h"
#include "domain/market.h"
#include "domain/signing.h"

#include <assert.h>
#include <string.h>

char *
dids_name(const struct core *core, const char *id, struct arena *mem)
{
    const char *host = core->issuer == NULL ? NULL : strstr(core->issuer, "://");
    struct buf did;

    if (host == NULL)
        return NULL;
    buf_init(&did, 0);
    buf_text(&did, "did:web:");
    /* A port is escaped; segments of a path are set off by colons. */
    for (host += 3; *host != '\0'; host++) {
        if (*host == ':')
            buf_text(&did, "%3A");
        else
            buf_put(&did, *host == '/' ? ":" : host, 1);
    }
    if (id != NULL)
        buf_printf(&did, ":agents:%s", id);
    char *text = arena_textn(mem, buf_bytes(&did), buf_size(&did));
    buf_done(&did);
    return text;
}

static struct texts
new_texts(struct unit *u, size_t n)
{
    return (struct texts){ arena_alloc(u->mem, (n + 1) * sizeof(const char *)), n };
}

/* The keys of this service, as methods of the subject: it alone can use them. */
static bool
put_keys(struct unit *u, struct did_document *doc, struct err *err)
{
    const struct list *keys = signing_published(u, err);

    if (keys == NULL)
        return false;
    doc->methods = (struct list){ arena_alloc(u->mem, (keys->n + 1) * sizeof(void *)), keys->n };
    doc->authentication = new_texts(u, keys->n);
    for (size_t i = 0; i < keys->n; i++) {
        const struct signing_public *key = keys->v[i];
        struct did_method *method = ARENA_NEW(u->mem, struct did_method);

        *method = (struct did_method){
            .id = arena_printf(u->mem, "%s#key-%lld", doc->id, (long long)key->number),
            .type = "JsonWebKey2020",
            .controller = doc->controller,
            .jwk = key->jwk,
        };
        doc->methods.v[i] = method;
        doc->authentication.v[i] = method->id;
    }
    doc->asserts = doc->authentication;
    return true;
}

static void
put_service(struct unit *u, struct did_document *doc, const char *word, const char *type,
            const char *endpoint)
{
    struct did_service *service = ARENA_NEW(u->mem, struct did_service);

    *service = (struct did_service){ arena_printf(u->mem, "%s#%s", doc->id, word), type, endpoint };
    doc->services.v[doc->services.n++] = service;
}

/* id NULL: of this service. */
static bool
draw(struct unit *u, const char *id, struct did_document *doc, struct err *err)
{
    enum { SERVICES_MAX = 2 };
    const char *issuer = u->core->issuer;

    assert(issuer != NULL);
    *doc = (struct did_document){
        .id = dids_name(u->core, id, u->mem),
        .controller = dids_name(u->core, NULL, u->mem),
        .context = new_texts(u, 2),
        .services = { .v = arena_alloc(u->mem, SERVICES_MAX * sizeof(void *)) },
    };
    doc->context.v[0] = "https://www.w3.org/ns/did/v1";
    doc->context.v[1] = "https://w3id.org/security/suites/jws-2020/v1";
    put_service(u, doc, "identity-provider", "AgentIdentityProvider", issuer);
    if (id != NULL)
        put_service(u, doc, "card", "AgentCard",
                    arena_printf(u->mem, "%s/agents/%s/did/card", issuer, id));
    return put_keys(u, doc, err);
}

struct did_document *
dids_service(struct unit *u, struct err *err)
{
    struct did_document *doc = ARENA_NEW(u->mem, struct did_document);

    return draw(u, NULL, doc, err) ? doc : NULL;
}

struct card_detail *
dids_agent(struct unit *u, const char *id, struct err *err)
{
    struct card_detail *detail = ARENA_NEW(u->mem, struct card_detail);
    const struct card *card = market_get(u, id, err);

    if (card == NULL)
        return NULL;
    detail->card = *card;
    return draw(u, card->id, &detail->document, err) ? detail : NULL;
}

struct did_card *
dids_card(struct unit *u, const char *id, struct err *err)
{
    const struct card *card = market_get(u, id, err);
    struct did_card *drawn = ARENA_NEW(u->mem, struct did_card);

    if (card == NULL)
        return NULL;
    assert(u->core->issuer != NULL);
    *drawn = (struct did_card){ *card, u->core->issuer };
    return drawn;
}
