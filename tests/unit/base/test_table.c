/* The hash table by UUID. */
#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 1000 };

static void
what_was_put_is_found_until_it_is_taken(void **state)
{
    struct table table = { 0 };
    struct table_node *nodes = calloc(MANY, sizeof *nodes);

    (void)state;
    assert_non_null(nodes);
    assert_null(table_any(&table));
    for (int i = 0; i < MANY; i++) {
        nodes[i].key = ids_uuid_new();
        assert_null(table_find(&table, &nodes[i].key));
        table_put(&table, &nodes[i]);
    }
    assert_int_equal(table.count, MANY);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(table_find(&table, &nodes[i].key), &nodes[i]);
    for (int i = 0; i < MANY; i += 2)
        assert_true(table_take(&table, &nodes[i]));
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(table_find(&table, &nodes[i].key), i % 2 == 0 ? NULL : &nodes[i]);
    assert_false(table_take(&table, &nodes[0]));
    while (table.count > 0)
        assert_true(table_take(&table, table_any(&table)));
    assert_null(table_any(&table));
    table_done(&table);
    free(nodes);
}

static void
of_two_with_one_key_the_later_is_found_and_exactly_one_is_taken(void **state)
{
    struct table table = { 0 };
    struct table_node first = { .key = ids_uuid_new() }, second = first;

    (void)state;
    table_put(&table, &first);
    table_put(&table, &second);
    assert_ptr_equal(table_find(&table, &first.key), &second);
    assert_true(table_take(&table, &first));
    assert_ptr_equal(table_find(&table, &first.key), &second);
    assert_true(table_take(&table, &second));
    assert_null(table_find(&table, &first.key));
    table_done(&table);
}

static void
of_several_with_one_key_the_last_is_found_however_the_table_grows(void **state)
{
    struct table table = { 0 };
    struct table_node twins[3], *others = calloc(MANY, sizeof *others);

    (void)state;
    assert_non_null(others);
    twins[0].key = ids_uuid_new();
    for (int i = 0; i < 3; i++) {
        twins[i].key = twins[0].key;
        table_put(&table, &twins[i]);
    }
    for (int i = 0; i < MANY; i++) {
        others[i].key = ids_uuid_new();
        table_put(&table, &others[i]);
        assert_ptr_equal(table_find(&table, &twins[0].key), &twins[2]);
        assert_ptr_equal(table_next(&twins[2]), &twins[1]);
        assert_ptr_equal(table_next(&twins[1]), &twins[0]);
    }
    table_done(&table);
    free(others);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_until_it_is_taken),
        cmocka_unit_test(of_two_with_one_key_the_later_is_found_and_exactly_one_is_taken),
        cmocka_unit_test(of_several_with_one_key_the_last_is_found_however_the_table_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
