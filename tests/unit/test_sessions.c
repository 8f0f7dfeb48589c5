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

/* The last step is the test's, the one before it validation's, where enough is left; the held-out copy has all of them. */
static void test_last_item(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    p.o.format.rows = PS_ROWS_LISTS;
    prepare_input(&p, write_text("log", "a b c d e\na b c\na b\nf\n"), PS_ANY_BEHAVIOUR);
    p.o.sessions.test = PS_TEST_LAST_ITEM;
    p.o.sessions.valid = 0.1;
    prepare_now(&p);
    const struct ps_sessions *s = &p.d.sessions;
    assert_int_equal(s->train, 3);
    assert_int_equal(s->count, 5);
    assert_session(&p.d, 0, "a b c");
    assert_session(&p.d, 1, "a b");
    assert_session(&p.d, 2, "a b");
    assert_session(&p.d, 3, "a b c d e");
    assert_session(&p.d, 4, "a b c");
    assert_int_equal(s->first[0], 3);
    assert_int_equal(s->first[1], 2);
    assert_int_equal(p.d.valid_count, 1);
    assert_int_equal(p.d.test_count, 2);
    assert_case(&p.d, 0, "1/3", "a b c", "d");
    assert_case(&p.d, 1, "1/4", "a b c d", "e");
    assert_case(&p.d, 2, "2/2", "a b", "c");
    ps_dataset_close(&p.d);

    sessions_begin(&p); /* to tune on: nothing of the test is there */
    p.o.format.rows = PS_ROWS_LISTS;
    p.o.overwrite = true;
    prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
    p.o.sessions.test = PS_TEST_LAST_ITEM;
    p.o.sessions.valid = 0.1;
    p.o.sessions.forget_test = true;
    prepare_now(&p);
    assert_int_equal(p.d.sessions.count, 4);
    assert_session(&p.d, 0, "a b c");
    assert_session(&p.d, 3, "a b c d");
    assert_int_equal(p.d.test_count, 0);
    assert_case(&p.d, 0, "1/3", "a b c", "d");
    ps_dataset_close(&p.d);
}

/* Events from a time on are held out, and those before them are their context. */
static void test_from(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    prepare_input(&p, write_text("log", "session,item,time\n"
                                        "s,a,0\ns,b,10\ns,c,90\ns,d,95\nt,a,85\nt,b,92\nu,a,80\nu,c,100\nv,d,1\nv,a,2\nw,b,99\nw,a,99.5\n"),
                  PS_ANY_BEHAVIOUR);
    p.o.sessions.test = PS_TEST_FROM;
    p.o.sessions.from_fraction = true;
    p.o.sessions.from = 0.1;
    p.o.sessions.valid = 0.5;
    prepare_now(&p);
    const struct ps_sessions *s = &p.d.sessions;
    assert_int_equal(s->train, 1);
    assert_session(&p.d, 0, "a b");       /* s began before v, which is validation's */
    assert_session(&p.d, 1, "d a");       /* v */
    assert_session(&p.d, 2, "a b c d");   /* s again */
    assert_int_equal(s->first[0], 0);
    assert_int_equal(s->first[1], 2);
    assert_int_equal(p.d.valid_count, 1);
    assert_case(&p.d, 0, "v/1", "d", "a");
    assert_case(&p.d, 1, "s/3", "a b c", "d");
    assert_case(&p.d, 2, "s/2", "a b", "c");
    assert_case(&p.d, 3, "u/1", "a", "c"); /* u began before t; both have too little before for training */
    assert_case(&p.d, 4, "t/1", "a", "b");
    assert_case(&p.d, 5, "w/1", "b", "a"); /* milliseconds count */
    assert_int_equal(p.d.test_count, 5);
    ps_dataset_close(&p.d);

    sessions_begin(&p); /* a time instead of a part: as in the first case */
    p.o.overwrite = true;
    prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
    p.o.sessions.test = PS_TEST_FROM;
    p.o.sessions.from = 90;
    prepare_now(&p);
    assert_int_equal(p.d.sessions.train, 2);
    assert_int_equal(p.d.test_count, 5);
    ps_dataset_close(&p.d);

    p.o.since = 10000; /* milliseconds: as if the log began there */
    p.o.out = in_folder("out");
    p.o.sessions.from = 94;
    prepare_now(&p);
    assert_int_equal(p.stats.early, 3);
    assert_int_equal(p.d.sessions.train, 2);
    assert_session(&p.d, 0, "b c");
    assert_session(&p.d, 1, "a b");
    ps_dataset_close(&p.d);
}

/* What was shown is no step: it is kept, but no target, and no step before one. Feedback stays with its event. */
static void test_shown(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    prepare_input(&p, write_text("log", "session,item,pos,click,like,share\n"
                                        "s,d,3,1,0,1\ns,a,0,0,0,0\ns,b,1,1,1,0\ns,c,2,0.0,0,0\ns,e,3,1,1,1\nt,a,0,0,0,0\nt,b,1,1,0,0\n"),
                  PS_ANY_BEHAVIOUR);
    p.o.format.column[PS_COLUMN_POSITION] = "pos";
    p.o.format.column[PS_COLUMN_STEP] = "click";
    p.o.format.column[PS_COLUMN_FEEDBACK] = "like";
    p.o.format.column[PS_COLUMN_FEEDBACK + 1] = "share";
    p.o.sessions.feedbacks = 2;
    strcpy(p.o.sessions.feedback[0], "like");
    strcpy(p.o.sessions.feedback[1], "share");
    p.o.sessions.test = PS_TEST_GIVEN;
    p.o.test_path = in_folder("log");
    prepare_now(&p);
    const struct ps_sessions *s = &p.d.sessions;
    static const uint8_t operation[] = {PS_SHOWN, 0, PS_SHOWN, 0, 0}, feedback[] = {0, 1, 0, 2, 3};
    assert_int_equal(s->train, 1); /* t has one step */
    assert_session(&p.d, 0, "a b c d e");
    assert_memory_equal(s->operation, operation, sizeof operation);
    assert_memory_equal(s->feedback, feedback, sizeof feedback);
    assert_string_equal(s->feedback_name[1], "share");
    assert_int_equal(s->targets[1], 2);
    assert_int_equal(s->longest, 3);
    assert_int_equal(p.d.train[0].count[id_of(&p.d, PS_ITEMS, "a")], 0);
    assert_int_equal(p.d.test_count, 2); /* not b: nothing but what was shown is before it */
    assert_case(&p.d, 0, "s/4", "a b c d", "e");
    assert_case(&p.d, 1, "s/3", "a b c", "d");
    ps_dataset_close(&p.d);

    sessions_begin(&p); /* only steps count for the last ones */
    p.o.overwrite = true;
    p.o.format.column[PS_COLUMN_POSITION] = "pos";
    p.o.format.column[PS_COLUMN_STEP] = "click";
    prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
    p.o.sessions.last = 2;
    prepare_now(&p);
    assert_session(&p.d, 0, "d e");
    assert_null(p.d.sessions.feedback);
    ps_dataset_close(&p.d);
}

/* A user's sessions end with a pause; INFINITY makes one of all events. Names tell whose they are. */
static void test_gap(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    p.o.format.rows = PS_ROWS_USERS;
    prepare_input(&p, write_text("log", "user,item,session,time\n"
                                        "u,a,x,0\nv,a,x,5\nu,b,x,30\nu,c,x,61\nu,d,y,91\nv,c,y,6\nu,e,z,500\n"),
                  PS_ANY_BEHAVIOUR);
    p.o.test_path = write_text("test", "user,item,session,time\nu,a,q,700\nw,a,q,1\nu,c,q,702\nw,b,q,2\nw,c,q,33\nw,d,q,34\n");
    p.o.sessions.test = PS_TEST_GIVEN;
    p.o.sessions.gap = 30;
    prepare_now(&p);
    const struct ps_sessions *s = &p.d.sessions;
    assert_int_equal(s->train, 3);
    assert_session(&p.d, 0, "a b");
    assert_session(&p.d, 1, "a c"); /* v's, which began before the second one of u */
    assert_session(&p.d, 2, "c d");
    assert_int_equal(s->visitor[0], id_of(&p.d, PS_VISITORS, "u"));
    assert_int_equal(s->visitor[1], id_of(&p.d, PS_VISITORS, "v"));
    assert_int_equal(s->visitor[2], id_of(&p.d, PS_VISITORS, "u"));
    assert_int_equal(p.stats.sessions.short_sessions, 1);
    assert_int_equal(p.d.test_count, 3); /* in the order of the file: u's, then two of w */
    assert_case(&p.d, 0, "u#1/1", "a", "c");
    assert_case(&p.d, 1, "w#1/1", "a", "b");
    assert_case(&p.d, 2, "w#2/1", "c", "d");
    assert_int_equal(s->visitor[5], id_of(&p.d, PS_VISITORS, "w"));
    ps_dataset_close(&p.d);

    sessions_begin(&p);
    p.o.overwrite = true;
    p.o.format.rows = PS_ROWS_USERS;
    prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
    p.o.sessions.gap = INFINITY;
    prepare_now(&p);
    assert_int_equal(p.d.sessions.train, 2);
    assert_session(&p.d, 0, "a b c d e");
    ps_dataset_close(&p.d);
}

/* Items of few steps are not there, whose file it may be; sessions that become too short are not either. */
static void test_rare_items(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    p.o.format.rows = PS_ROWS_LISTS;
    prepare_input(&p, write_text("log", "a rare b\nonce b\nb a\nold a\n"), PS_ANY_BEHAVIOUR);
    p.o.test_path = write_text("test", "a new b\nold b new\n");
    p.o.sessions.test = PS_TEST_GIVEN;
    p.o.sessions.min_item_count = 2;
    prepare_now(&p);
    assert_int_equal(p.d.items, 4); /* a, b, old, new */
    assert_int_equal(p.d.sessions.train, 3);
    assert_session(&p.d, 0, "a b");
    assert_session(&p.d, 2, "old a");
    assert_session(&p.d, 3, "a new b");
    assert_int_equal(p.stats.sessions.rare_items, 2);
    assert_int_equal(p.stats.sessions.rare_events, 2);
    assert_int_equal(p.stats.sessions.short_sessions, 1);
    assert_int_equal(p.stats.sessions.cold_test, 2);
    ps_dataset_close(&p.d);
}

/* The dictionary's items and visitors keep their ids; a rare item's name stays where it is. */
static void test_dictionary(void **state)
{
    struct preparation first, p;
    sessions_begin(&first);
    first.o.out = in_folder("first");
    prepare_input(&first, write_text("monday", "session,item,user\n1,a,u\n1,b,u\n2,c,v\n2,a,v\n"), PS_ANY_BEHAVIOUR);
    prepare_now(&first);
    sessions_begin(&p);
    p.o.dictionary = in_folder("first");
    p.o.sessions.min_item_count = 2;
    prepare_input(&p, write_text("tuesday", "session,item,user\n1,x,w\n1,b,w\n2,x,u\n2,b,u\n2,c,u\n"), PS_ANY_BEHAVIOUR);
    prepare_now(&p);
    assert_int_equal(p.d.items, 4);
    for (uint64_t i = 0; i < 3; i++) {
        size_t length;
        const char *name = ps_dataset_name(&first.d, PS_ITEMS, i, &length);
        uint64_t id = 9;
        assert_int_equal(ps_dataset_find(&p.d, PS_ITEMS, name, length, &id), 1);
        assert_int_equal(id, i);
    }
    assert_int_equal(id_of(&p.d, PS_VISITORS, "u"), id_of(&first.d, PS_VISITORS, "u"));
    assert_int_equal(id_of(&p.d, PS_VISITORS, "w"), 2);
    assert_session(&p.d, 1, "x b");
    ps_dataset_close(&first.d);
    ps_dataset_close(&p.d);
}

/* The same files whatever the memory, and with it the number of buckets. */
static void test_same_for_any_memory(void **state)
{
    struct preparation p;
    uint64_t print[2];
    size_t used = 0, room = 64 << 20;
    char *text = ps_malloc(room);
    used += (size_t)sprintf(text, "session\titem\ttime\tuser\n");
    for (int e = 0; e < 1200000; e++) /* 19 MB of records: one bucket, or three */
        used += (size_t)sprintf(text + used, "s%d\ti%d\t%d\tu%d\n", e * 7 % 40000, e % 1001, e / 10, e * 7 % 400);
    write_bytes("log", text, used);
    free(text);
    for (int k = 0; k < 2; k++) {
        sessions_begin(&p);
        p.o.overwrite = true;
        p.o.memory = k ? 1 << 20 : 256 << 20;
        prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
        p.o.sessions.test = PS_TEST_FROM;
        p.o.sessions.from_fraction = true;
        p.o.sessions.from = p.o.sessions.valid = 0.1;
        p.o.sessions.last = 50;
        prepare_now(&p);
        print[k] = p.d.fingerprint;
        assert_true(p.d.blocks > 100);
        assert_true(p.d.test_count > 1000);
        ps_dataset_close(&p.d);
    }
    assert_int_equal(print[0], print[1]);
}

static void refused(struct preparation *p, const char *log, const char *part)
{
    p->o.out = in_folder("out");
    p->o.inputs = 0;
    prepare_input(p, write_text("log", log), PS_ANY_BEHAVIOUR);
    memset(&err, 0, sizeof err);
    assert_int_equal(ps_prepare(&p->o, &p->stats, &err), -PS_EXIT_DATA);
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
}

static void test_refusals(void **state)
{
    struct preparation p;
    sessions_begin(&p);
    p.o.max_bad = 0;
    refused(&p, "session,item\ns,a\nt,b\n", "no session of the input has 2 steps to train on");
    refused(&p, "user,item\ns,a\n", "no column for the session");
    refused(&p, "session,item\ns,a\n,b\n", "log:3: no session");
    refused(&p, "session,item,user\ns,a,u\ns,b,\n", "log:3: no user");
    refused(&p, "session,item,time\ns,a,20000000000\n", "beyond the year 2514");
    refused(&p, "session,item,type\ns,a,0\ns,a,1\ns,a,2\ns,a,3\ns,a,4\ns,a,5\ns,a,6\ns,a,7\ns,a,8\n",
            "more than 8 operations, '0' and '1' among them; name those that count with --behaviours");
    p.o.format.column[PS_COLUMN_STEP] = "click";
    refused(&p, "session,item,click\ns,a,1\ns,b,yes\n", "log:3: 'yes' is no number, as the step must be");
    p.o.format.column[PS_COLUMN_STEP] = NULL;
    p.o.format.column[PS_COLUMN_POSITION] = "pos";
    refused(&p, "session,item,pos\ns,a,131072\n", "log:2: '131072' is no position from 0 to 131071");
    refused(&p, "session,item,pos\ns,a,-1\n", "log:2: '-1' is no position");
    p.o.format.column[PS_COLUMN_POSITION] = NULL;
    p.o.sessions.test = PS_TEST_FROM;
    refused(&p, "session,item\ns,a\n", "log has no column for the time, which --test-from, --session-gap and --since need");
    assert_int_equal(count_names(), 1); /* the log: nothing is left of all these */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_given),
        FOLDER_TEST(test_valid_part),
        FOLDER_TEST(test_last),
        FOLDER_TEST(test_last_item),
        FOLDER_TEST(test_from),
        FOLDER_TEST(test_shown),
        FOLDER_TEST(test_gap),
        FOLDER_TEST(test_rare_items),
        FOLDER_TEST(test_dictionary),
        FOLDER_TEST(test_same_for_any_memory),
        FOLDER_TEST(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
