/* test_sessions.c - logs of sessions become datasets of sessions: what is kept, held out, and in which order. */
#include "prepare_fixture.h"

#include <math.h>

/* Sessions with a column that names them; a step is a line; no validation. */
static void sessions_begin(struct preparation *p)
{
    prepare_begin(p);
    p->o.rules = (struct ps_split_rules){0};
    p->o.format.rows = PS_ROWS_SESSIONS;
    p->o.sessions = (struct ps_session_rules){.enabled = true, .min_length = 2, .min_item_count = 1};
}

/* Whether events [begin, end) have these items, names with blanks between them. */
static void assert_items(const struct ps_dataset *d, uint64_t begin, uint64_t end, const char *items)
{
    char text[512] = "";
    for (uint64_t e = begin; e < end; e++) {
        size_t length, used = strlen(text);
        const char *name = ps_dataset_name(d, PS_ITEMS, d->sessions.item[e], &length);
        snprintf(text + used, sizeof text - used, "%s%.*s", e > begin ? " " : "", (int)length, name);
    }
    assert_string_equal(text, items);
}

static void assert_session(const struct ps_dataset *d, uint64_t session, const char *items)
{
    assert_in_range(session, 0, d->sessions.count - 1);
    assert_items(d, d->sessions.begin[session], d->sessions.begin[session + 1], items);
}

/* Case `user` is named so, and its target and the items before it are these. */
static void assert_case(const struct ps_dataset *d, uint64_t user, const char *name, const char *before, const char *target)
{
    const struct ps_sessions *s = &d->sessions;
    assert_in_range(user, 0, d->users - 1);
    assert_int_equal(id_of(d, PS_USERS, name), user);
    uint64_t at = s->begin[s->cases[user].session] + s->cases[user].position;
    assert_items(d, s->begin[s->cases[user].session], at, before);
    assert_items(d, at, at + 1, target);
    struct ps_pair pair = user < d->valid_count ? d->valid[user] : d->test[user - d->valid_count];
    assert_int_equal(pair.user, user);
    assert_int_equal(pair.item, s->item[at]);
}

static void test_given(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    prepare_input(&p, write_text("log", "session,item,time,type,user\n"
                                        "s2,a,50,click,u\ns1,b,20,click,v\ns2,c,40,order,u\ns1,a,10,click,v\ns3,a,5,click,u\n"),
                  PS_ANY_BEHAVIOUR);
    p.o.sessions.test = PS_TEST_GIVEN;
    p.o.test_path = write_text("test", "session,item,time,type,user\n"
                                       "t,a,1,click,w\nt,new,2,click,w\ns1,a,9,click,u\nt,b,3,order,w\ns1,b,9,click,u\n");
    prepare_now(&p);
    const struct ps_sessions *s = &p.d.sessions;
    assert_int_equal(s->train, 2);
    assert_int_equal(s->count, 4);
    assert_int_equal(s->longest, 3);
    assert_session(&p.d, 0, "a b"); /* s1, by time, and it began before s2 */
    assert_session(&p.d, 1, "c a");
    assert_session(&p.d, 2, "a new b");
    assert_session(&p.d, 3, "a b");
    assert_int_equal(p.stats.sessions.short_sessions, 1); /* s3 */
    assert_int_equal(s->time[0], 10);
    assert_int_equal(s->operations, 2);
    assert_string_equal(s->operation_name[0], "click");
    assert_int_equal(s->operation[2], 1); /* order */
    assert_int_equal(s->targets[1], 1);
    assert_int_equal(s->targets[2], 2);
    assert_int_equal(s->visitors, 3);
    assert_int_equal(s->visitor[0], id_of(&p.d, PS_VISITORS, "v"));
    assert_int_equal(s->visitor[3], id_of(&p.d, PS_VISITORS, "u"));
    assert_null(s->feedback);
    assert_int_equal(p.d.users, 3);
    assert_int_equal(p.d.valid_count, 0);
    assert_case(&p.d, 0, "t/2", "a new", "b");
    assert_case(&p.d, 1, "t/1", "a", "new");
    assert_case(&p.d, 2, "s1/1", "a", "b");
    assert_int_equal(p.stats.sessions.cold_items, 1);
    assert_int_equal(p.stats.sessions.cold_test, 1);
    assert_int_equal(p.d.train[0].count[id_of(&p.d, PS_ITEMS, "a")], 2);
    assert_int_equal(p.d.train[0].count[id_of(&p.d, PS_ITEMS, "new")], 0);
    for (uint32_t u = 0; u < p.d.users; u++) /* users have no history */
        for (uint32_t i = 0; i < p.d.items; i++)
            assert_false(ps_dataset_has(&p.d, 0, u, i));
    assert_int_equal(p.d.union_offset[p.d.users], 0);
    ps_dataset_close(&p.d);
}

/* The last part of the sessions by their start; names that training and test share stay apart. */
static void test_valid_part(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    p.o.format.rows = PS_ROWS_LISTS;
    prepare_input(&p, write_text("log", "a b\nc d\na c d\n\nd b\tb\n"), PS_ANY_BEHAVIOUR);
    p.o.sessions.test = PS_TEST_GIVEN;
    p.o.test_path = write_text("test", "x\n y z \nx a\nx b\na b c\n");
    p.o.sessions.valid = 0.3;
    prepare_now(&p);
    assert_int_equal(p.d.sessions.train, 3);
    assert_session(&p.d, 0, "a b");
    assert_session(&p.d, 2, "a c d");
    assert_null(p.d.sessions.time);
    assert_null(p.d.sessions.visitor);
    assert_int_equal(p.d.sessions.operations, 1);
    assert_int_equal(p.d.valid_count, 2);
    assert_case(&p.d, 0, "5/2", "d b", "b");
    assert_case(&p.d, 1, "5/1", "d", "b");
    assert_case(&p.d, 2, "2/1", "y", "z");
    assert_case(&p.d, 5, "5/2~", "a b", "c");
    assert_int_equal(p.d.test_count, 5);
    ps_dataset_close(&p.d);
}

/* What the file holds of a session before its last steps does not count. */
static void test_last(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    p.o.format.rows = PS_ROWS_LISTS;
    prepare_input(&p, write_text("log", "a b c d\ne f\n"), PS_ANY_BEHAVIOUR);
    p.o.sessions.last = 3;
    prepare_now(&p);
    assert_session(&p.d, 0, "b c d");
    assert_session(&p.d, 1, "e f");
    assert_int_equal(p.stats.sessions.trimmed, 1);
    assert_int_equal(p.d.sessions.targets[2], 3);
    assert_int_equal(p.d.users, 0);
    ps_dataset_close(&p.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_given),
        FOLDER_TEST(test_valid_part),
        FOLDER_TEST(test_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
