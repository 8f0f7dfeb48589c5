/* feed.c - messages in order to another server; see feed.h. */
#include "server/feed.h"

#include <stdlib.h>

static const double RESEND_AFTER = 0.5;  /* seconds without a confirmation */
static const double RESEND_REFUSED = 0.05, RETRY_UNSENT = 0.02;

void ps_feed_init(struct ps_feed *f, uint64_t made, ps_feed_send *send)
{
    *f = (struct ps_feed){.made = made, .confirmed = made, .send = send};
}

void ps_feed_fini(struct ps_feed *f)
{
    f->confirmed = f->made;
    for (struct ps_feed_entry *e; (e = ps_feed_settled(f));)
        ps_feed_drop(f, e);
    for (struct ps_feed_entry *e = f->free, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    f->free = NULL;
}

static void send_entries(struct ps_feed *f, void *ctx, double now)
{
    while (f->unsent) {
        struct ps_feed_entry *e = f->unsent;
        struct ps_data data = e->data;
        data.request = e->number;
        struct ps_message message;
        ps_message_init(&message);
        ps_message_add(&message);
        for (int i = 0; i < e->frames.count; i++)
            ps_frame_share(ps_message_add(&message), &e->frames.frame[i]);
        if (!f->send(ctx, &data, &message)) {
            ps_message_fini(&message);
            f->send_at = now + RETRY_UNSENT;
            return;
        }
        f->unsent = e->next;
        f->send_at = now + RESEND_AFTER;
    }
}

struct ps_feed_entry *ps_feed_make(struct ps_feed *f)
{
    struct ps_feed_entry *e = f->free;
    if (e)
        f->free = e->next;
    else
        e = ps_malloc(sizeof *e);
    e->next = NULL;
    e->number = ++f->made;
    e->data = (struct ps_data){0};
    e->waits = false;
    ps_message_init(&e->frames);
    return e;
}

void ps_feed_add(struct ps_feed *f, struct ps_feed_entry *e, void *ctx)
{
    double now = ps_now();
    if (f->last) {
        f->last->next = e;
    } else {
        f->first = e;
        f->heard = now;
    }
    f->last = e;
    if (f->unsent)
        return; /* what is before it has to go first */
    f->unsent = e;
    send_entries(f, ctx, now);
}

void ps_feed_confirm(struct ps_feed *f, uint64_t number, double now)
{
    if (number <= f->confirmed || number > f->made)
        return;
    f->confirmed = number;
    f->send_at = now + RESEND_AFTER;
    f->heard = now;
}

void ps_feed_refused(struct ps_feed *f, bool gap, double now)
{
    if (now - f->resent > RESEND_REFUSED) /* once more, but not for each entry that was under way behind it */
        f->send_at = PS_MIN(f->send_at, gap ? now : now + RESEND_REFUSED);
}

struct ps_feed_entry *ps_feed_settled(struct ps_feed *f)
{
    struct ps_feed_entry *e = f->first;
    if (!e || e->number > f->confirmed)
        return NULL;
    f->first = e->next;
    if (!f->first)
        f->last = NULL;
    if (f->unsent == e)
        f->unsent = e->next;
    return e;
}

void ps_feed_drop(struct ps_feed *f, struct ps_feed_entry *e)
{
    ps_message_fini(&e->frames);
    e->next = f->free;
    f->free = e;
}

double ps_feed_progress(struct ps_feed *f, void *ctx, double now)
{
    if (f->first && now >= f->send_at) {
        f->unsent = f->first;
        f->resent = now;
        send_entries(f, ctx, now);
    }
    return f->first ? f->send_at : 0;
}

uint64_t ps_feed_waiting(const struct ps_feed *f)
{
    return f->made - f->confirmed;
}
