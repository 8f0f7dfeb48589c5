/* test_share.c - memory that processes share: tickets, offers that are filled once, owners that go away. */
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/share.h"

static void a_peer_sees_what_the_owner_writes_and_the_other_way_round(void **state)
{
    struct ps_share *share = ps_share_new(1 << 16);
    struct ps_shares *shares = ps_shares_new();
    struct ps_view *view;
    assert_non_null(share);
    float *mine = (float *)ps_share_data(share) + 100;
    struct ps_ticket ticket = ps_share_ticket(share, mine, 40);
    float *theirs = ps_shares_find(shares, &ticket, &view);
    assert_non_null(theirs);
    assert_ptr_not_equal(mine, theirs);
    mine[3] = 1.5f;
    theirs[4] = 2.5f;
    assert_true(theirs[3] == 1.5f && mine[4] == 2.5f);
    ps_view_release(view);
    ps_shares_free(shares);
    ps_share_free(share);
}

static void wrong_tickets_lead_nowhere(void **state)
{
    struct ps_share *share = ps_share_new(1 << 12);
    struct ps_shares *shares = ps_shares_new();
    struct ps_view *view;
    struct ps_ticket good = ps_share_ticket(share, ps_share_data(share), 1 << 12), bad;
    assert_non_null(ps_shares_find(shares, &good, &view));
    ps_view_release(view);
#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        bad = good;                                                                                                    \
        change;                                                                                                        \
        assert_null(ps_shares_find(shares, &bad, &view));                                                           \
        assert_null(view);                                                                                          \
    } while (0)
    REFUSED(bad.bytes++);
    REFUSED(bad.offset += 4);
    REFUSED(bad.offset = 8);                    /* in the header */
    REFUSED(bad.offset += 1; bad.bytes = 4);    /* between floats */
    REFUSED(bad.offset = UINT64_MAX - 3);
    REFUSED(bad.bytes = UINT64_MAX - 3);
    REFUSED(bad.cookie++);                      /* another share under the same number */
    REFUSED(bad.cookie++; bad.fd = 0);          /* no share at all */
    REFUSED(bad.cookie++; bad.pid = 0x7fffffff); /* nobody */
    ps_shares_free(shares);
    ps_share_free(share);
}

static void an_offer_is_filled_once_and_only_for_its_request(void **state)
{
    struct ps_share *share = ps_share_new(64);
    struct ps_shares *shares = ps_shares_new();
    struct ps_view *view;
    struct ps_ticket ticket = ps_share_ticket(share, ps_share_data(share), 64);
    assert_non_null(ps_shares_find(shares, &ticket, &view));
    assert_int_equal(ps_view_claim(view, 2, 7), PS_CLAIM_VOID); /* nothing is offered */
    ps_share_offer(share, 2, 7);
    assert_int_equal(ps_view_claim(view, 1, 7), PS_CLAIM_VOID); /* another shard's */
    assert_int_equal(ps_view_claim(view, 2, 6), PS_CLAIM_VOID); /* a late copy */
    assert_int_equal(ps_view_claim(view, 2, 7), PS_CLAIM_FILL);
    assert_int_equal(ps_view_claim(view, 2, 7), PS_CLAIM_VOID); /* somebody is at it */
    assert_false(ps_share_filled(share, 2, 7));
    assert_false(ps_share_withdraw(share));
    ps_view_filled(view, 2, 7);
    assert_true(ps_share_filled(share, 2, 7));
    assert_int_equal(ps_view_claim(view, 2, 7), PS_CLAIM_DONE); /* its answer was lost */
    assert_true(ps_share_withdraw(share));
    assert_int_equal(ps_view_claim(view, 2, 7), PS_CLAIM_VOID);
    ps_share_offer(share, 2, 8);
    assert_true(ps_share_withdraw(share)); /* nobody has begun */
    assert_int_equal(ps_view_claim(view, 2, 8), PS_CLAIM_VOID);
    ps_view_release(view);
    ps_shares_free(shares);
    ps_share_free(share);
}

/* The owner is another process, which is killed: what is mapped stays good, and is let go of when the next owner comes. */
static void an_owner_that_dies_takes_nothing_with_it(void **state)
{
    struct ps_ticket ticket;
    int pipes[2], done[2];
    assert_int_equal(pipe(pipes) | pipe(done), 0);
    pid_t child = fork();
    if (!child) {
        struct ps_share *share = ps_share_new(4096);
        memset(ps_share_data(share), 42, 4096);
        ticket = ps_share_ticket(share, ps_share_data(share), 4096);
        if (write(pipes[1], &ticket, sizeof ticket) != (ssize_t)sizeof ticket)
            _exit(1);
        close(done[1]);
        char byte;
        while (read(done[0], &byte, 1) > 0)
            ;
        _exit(0);
    }
    struct ps_shares *shares = ps_shares_new();
    struct ps_view *view, *again;
    assert_int_equal(read(pipes[0], &ticket, sizeof ticket), sizeof ticket);
    unsigned char *data = ps_shares_find(shares, &ticket, &view);
    assert_non_null(data);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(data[4095], 42);
    assert_non_null(ps_shares_find(shares, &ticket, &again)); /* held: it is still there */
    ps_view_release(again);
    ps_view_release(view);
    struct ps_share *next = ps_share_new(64);
    struct ps_ticket other = ps_share_ticket(next, ps_share_data(next), 64);
    assert_non_null(ps_shares_find(shares, &other, &view));
    assert_null(ps_shares_find(shares, &ticket, &again)); /* nobody held it: let go of */
    ps_view_release(view);
    ps_shares_free(shares);
    ps_share_free(next);
    close(pipes[0]), close(pipes[1]), close(done[0]), close(done[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_sees_what_the_owner_writes_and_the_other_way_round),
        cmocka_unit_test(wrong_tickets_lead_nowhere),
        cmocka_unit_test(an_offer_is_filled_once_and_only_for_its_request),
        cmocka_unit_test(an_owner_that_dies_takes_nothing_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
