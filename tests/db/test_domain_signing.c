/* The life of signing keys, with the clock turned; several nodes on one database. */
#include "domain/signing.h"

#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLAIMS "{\"sub\":\"x\"}"
enum { PUBLISH = 660, LIFE = 3600 + 60 };

/* What these tests need to be told of at once. */
static const struct signing_rules eager = { PUBLISH * 1000, 0, 0 };

struct node {
    struct core core;
    struct unit u;
};

/* Another process on the same database and connection. */
static struct node *
node_new(struct domain_fixture *fx, const struct signing_rules *rules)
{
    struct node *node = arena_alloc(fx->dbf->mem, sizeof *node);

    node->core.keys = fx->keys;
    node->core.signing = signing_new(rules);
    node->u = (struct unit){ .core = &node->core, .db = fx->dbf->db, .mem = fx->dbf->mem };
    return node;
}

static void
node_free(struct node *node)
{
    signing_free(node->core.signing);
}

static void
forget_all(struct domain_fixture *fx)
{
    domain_fixture_run(fx, "DELETE FROM signing_keys");
}

static char *
sign(struct node *node, enum jwt_alg alg)
{
    struct err err = { 0 };
    char *token = signing_sign(&node->u, alg, "at+jwt", CLAIMS, &err);

    assert_ok(token != NULL, &err);
    return token;
}

static bool
is_verified(struct node *node, const char *token)
{
    struct err err = { 0 };
    const char *claims = signing_verify(&node->u, token, "at+jwt", &err);

    assert_int_equal(err.code, claims == NULL ? ERR_UNAUTHORIZED : ERR_NONE);
    if (claims != NULL)
        assert_string_equal(claims, CLAIMS);
    else
        print_message("refused: %s\n", err.note);
    return claims != NULL;
}

static const char *
jwks_of(struct node *node)
{
    struct err err = { 0 };
    const char *set = signing_jwks(&node->u, &err);

    assert_ok(set != NULL, &err);
    return set;
}

static const char *
rotate(struct node *node, enum jwt_alg alg)
{
    const char *kid = NULL;
    struct err err = { 0 };

    assert_ok(signing_rotate(&node->u, alg, &kid, &err), &err);
    return kid;
}

/* Which key a fresh token is signed with: the header says so, in its last member. */
static bool
signs_with(struct node *node, enum jwt_alg alg, const char *kid)
{
    const char *token = sign(node, alg);
    struct err err = { 0 };
    struct list *keys = signing_list(&node->u, &err);

    assert_ok(keys != NULL && is_verified(node, token), &err);
    for (size_t i = 0; i < keys->n; i++) {
        const struct signing_key *key = keys->v[i];

        if (key->alg == (int)alg && key->state == SIGNING_SIGNS)
            return strcmp(key->kid, kid) == 0;
    }
    return false;
}

static int
state_of(struct node *node, const char *kid)
{
    struct err err = { 0 };
    struct list *keys = signing_list(&node->u, &err);

    assert_ok(keys != NULL, &err);
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp(((struct signing_key *)keys->v[i])->kid, kid) == 0)
            return ((struct signing_key *)keys->v[i])->state;
    return -1;
}

static void
the_first_use_makes_a_key_that_signs_at_once(void **state)
{
    struct domain_fixture *fx = *state;
    struct node *node = node_new(fx, &eager);

    forget_all(fx);
    const char *set = jwks_of(node);
    assert_non_null(strstr(set, "\"alg\":\"RS256\""));
    assert_null(strstr(set, "\"d\""));
    assert_true(is_verified(node, sign(node, JWT_RS256)));
    assert_true(is_verified(node, sign(node, JWT_ES256)));
    assert_non_null(strstr(jwks_of(node), "\"crv\":\"P-256\""));
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM signing_keys"), 2);
    node_free(node);
}

static void
a_new_key_is_published_then_signs_and_the_old_one_retires_with_its_last_token(void **state)
{
    struct domain_fixture *fx = *state;
    struct node *node = node_new(fx, &eager), *other = node_new(fx, &eager);

    forget_all(fx);
    const char *old = rotate(node, JWT_RS256), *early = sign(node, JWT_RS256);
    assert_true(signs_with(node, JWT_RS256, old));
    const char *fresh = rotate(node, JWT_RS256);
    assert_int_equal(state_of(node, fresh), SIGNING_PUBLISHED);
    assert_non_null(strstr(jwks_of(other), fresh));

    domain_fixture_clock(fx, PUBLISH - 2);
    assert_true(signs_with(other, JWT_RS256, old));
    const char *last = sign(other, JWT_RS256);

    domain_fixture_clock(fx, PUBLISH + 2);
    assert_true(signs_with(other, JWT_RS256, fresh));
    assert_int_equal(state_of(node, old), SIGNING_RETIRING);
    assert_true(is_verified(node, early) && is_verified(other, last));

    domain_fixture_clock(fx, PUBLISH + LIFE - 2);
    assert_true(is_verified(node, last));
    assert_non_null(strstr(jwks_of(node), old));

    domain_fixture_clock(fx, PUBLISH + LIFE + 2);
    assert_false(is_verified(node, last));
    assert_null(strstr(jwks_of(node), old));
    assert_int_equal(state_of(node, old), SIGNING_RETIRED);
    assert_true(signs_with(node, JWT_RS256, fresh));
    node_free(node);
    node_free(other);
}

static void
rotations_in_a_row_each_sign_in_turn_and_every_token_stays_good(void **state)
{
    enum { ROUNDS = 4 };
    struct domain_fixture *fx = *state;
    struct node *node = node_new(fx, &eager);
    const char *tokens[ROUNDS], *kids[ROUNDS];

    forget_all(fx);
    sign(node, JWT_ES256);
    for (int i = 0; i < ROUNDS; i++) {
        domain_fixture_clock(fx, i * 60L);
        kids[i] = rotate(node, JWT_ES256);
    }
    for (int i = 0; i < ROUNDS; i++) {
        domain_fixture_clock(fx, PUBLISH + i * 60L + 2);
        assert_true(signs_with(node, JWT_ES256, kids[i]));
        tokens[i] = sign(node, JWT_ES256);
        for (int k = 0; k <= i; k++)
            assert_true(is_verified(node, tokens[k]));
    }
    node_free(node);
}

static void
replacing_one_algorithm_leaves_the_other_alone(void **state)
{
    struct domain_fixture *fx = *state;
    struct node *node = node_new(fx, &eager);

    forget_all(fx);
    const char *rs = rotate(node, JWT_RS256);
    rotate(node, JWT_ES256);
    rotate(node, JWT_ES256);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM signing_keys"
                                           " WHERE retires_at IS NOT NULL"),
                     1);
    assert_true(signs_with(node, JWT_RS256, rs));
    node_free(node);
}

static void
an_unknown_kid_makes_a_node_look_again_but_not_for_every_token(void **state)
{
    static const struct signing_rules lazy = { 0, 3600000, 300 };
    struct domain_fixture *fx = *state;
    struct node *here = node_new(fx, &eager), *there = node_new(fx, &lazy);

    forget_all(fx);
    assert_true(is_verified(there, sign(here, JWT_ES256)));
    here->core.signing = (signing_free(here->core.signing), signing_new(&lazy));
    rotate(here, JWT_ES256);
    assert_true(is_verified(there, sign(here, JWT_ES256)));
    rotate(here, JWT_ES256);
    const char *third = sign(here, JWT_ES256);
    assert_false(is_verified(there, third));
    nanosleep(&(struct timespec){ .tv_nsec = 310000000 }, NULL);
    assert_true(is_verified(there, third));
    node_free(here);
    node_free(there);
}

static void
a_key_sealed_with_a_lost_master_key_verifies_and_does_not_sign(void **state)
{
    struct domain_fixture *fx = *state;
    struct node *node = node_new(fx, &eager);
    struct err err = { 0 };

    forget_all(fx);
    const char *token = sign(node, JWT_ES256), *line = keyring_line(fx->dbf->mem);
    struct keyring *others = keyring_new(line, 65, &err);
    node->core.keys = others;
    assert_true(is_verified(node, token));
    assert_null(signing_sign(&node->u, JWT_ES256, "at+jwt", CLAIMS, &err));
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    keyring_free(others);
    node_free(node);
}

static void
a_key_row_that_was_moved_or_altered_is_not_believed(void **state)
{
    struct domain_fixture *fx = *state;
    struct node *node = node_new(fx, &eager);

    forget_all(fx);
    const char *token = sign(node, JWT_ES256);
    domain_fixture_run(fx, "UPDATE signing_keys SET kid = reverse(kid)");
    assert_false(is_verified(node, token));
    forget_all(fx);
    token = sign(node, JWT_ES256);
    domain_fixture_run(fx, "UPDATE signing_keys SET alg = 0");
    assert_false(is_verified(node, token));
    node_free(node);
}

static void
a_first_key_of_a_change_that_was_dropped_signs_nothing(void **state)
{
    struct domain_fixture *fx = *state;
    struct node *node = node_new(fx, &signing_rules_defaults);
    struct err err = { 0 };

    forget_all(fx);
    struct db_tx *tx = db_begin(node->u.db, &err);
    const char *token = sign(node, JWT_ES256);
    db_drop(tx);
    assert_false(is_verified(node, token));
    assert_true(is_verified(node, sign(node, JWT_ES256)));
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM signing_keys"), 1);
    node_free(node);
}

/* Even if it was read again meanwhile, as the table of this process that it then would be. */
static void
what_a_dropped_change_saw_of_its_own_is_not_remembered(void **state)
{
    static const struct signing_rules slow = { 0, 300, 3600000 };
    static const struct timespec pause = { .tv_nsec = 310000000 };
    struct domain_fixture *fx = *state;
    struct node *node = node_new(fx, &slow);
    struct err err = { 0 };

    forget_all(fx);
    const char *before = sign(node, JWT_RS256);
    struct db_tx *tx = db_begin(node->u.db, &err);
    const char *token = sign(node, JWT_ES256);
    nanosleep(&pause, NULL);
    assert_true(is_verified(node, token));
    assert_non_null(strstr(jwks_of(node), "\"crv\""));
    db_drop(tx);
    assert_false(is_verified(node, token));
    assert_true(is_verified(node, before));
    assert_null(strstr(jwks_of(node), "\"crv\""));
    node_free(node);
}

enum { THREADS = 6 };

struct racer {
    struct domain_fixture *fx;
    struct signing *signing;
    pthread_barrier_t *start;
    char *token;
};

static void *
sign_first(void *arg)
{
    struct racer *racer = arg;
    struct core core = { .keys = racer->fx->keys, .signing = racer->signing };
    struct arena *mem = arena_new();
    struct db *db = db_fixture_another(20000);
    struct unit u = { .core = &core, .db = db, .mem = mem };
    struct err err = { 0 };

    pthread_barrier_wait(racer->start);
    char *token = signing_sign(&u, JWT_RS256, "at+jwt", CLAIMS, &err);
    racer->token = token == NULL ? NULL : strdup(token);
    db_close(db);
    arena_free(mem);
    return NULL;
}

/* Half of them are threads of one node, the others nodes of their own. */
static void
of_nodes_that_begin_at_once_one_makes_the_key(void **state)
{
    struct domain_fixture *fx = *state;
    struct signing *shared = signing_new(&signing_rules_defaults);
    struct node *node = node_new(fx, &eager);
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;

    forget_all(fx);
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){ fx, i % 2 == 0 ? shared : signing_new(&signing_rules_defaults),
                                    &start, NULL };
        assert_int_equal(pthread_create(&threads[i], NULL, sign_first, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_non_null(racers[i].token);
        assert_true(is_verified(node, racers[i].token));
        free(racers[i].token);
        if (i % 2 != 0)
            signing_free(racers[i].signing);
    }
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM signing_keys"), 1);
    pthread_barrier_destroy(&start);
    signing_free(shared);
    node_free(node);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(the_first_use_makes_a_key_that_signs_at_once),
        domain_test(a_new_key_is_published_then_signs_and_the_old_one_retires_with_its_last_token),
        domain_test(rotations_in_a_row_each_sign_in_turn_and_every_token_stays_good),
        domain_test(replacing_one_algorithm_leaves_the_other_alone),
        domain_test(an_unknown_kid_makes_a_node_look_again_but_not_for_every_token),
        domain_test(a_key_sealed_with_a_lost_master_key_verifies_and_does_not_sign),
        domain_test(a_key_row_that_was_moved_or_altered_is_not_believed),
        domain_test(a_first_key_of_a_change_that_was_dropped_signs_nothing),
        domain_test(what_a_dropped_change_saw_of_its_own_is_not_remembered),
        domain_test(of_nodes_that_begin_at_once_one_makes_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
