/* feed.h - numbered messages to one other server, in order: each is kept until that server has confirmed it, and from the first unconfirmed one
 * on they are sent again where no confirmation comes. A primary's log (replica.h) travels so, and rows of slots that move (move.h).
 *
 * The other end takes number n + 1 after n and nothing else, so what arrives twice or late does no harm.
 */
#ifndef PS_SERVER_FEED_H
#define PS_SERVER_FEED_H

#include "common/wire.h"

struct ps_feed_entry {
    struct ps_feed_entry *next;
    uint64_t number;
    struct ps_data data;      /* what the owner has filled in; whose it is and for whom is added when it is sent */
    struct ps_message frames; /* keys and values */
    bool waits;               /* the owner's: somebody waits for its confirmation */
};

/* Sends the entry, whose `data` is a copy to be completed; takes the message over, whose frame 0 is empty and waits for it. False: not now. */
typedef bool ps_feed_send(void *ctx, struct ps_data *data, struct ps_message *message);

struct ps_feed {
    struct ps_feed_entry *first, *last, *unsent; /* owned: first to last; unsent: from there on none is under way */
    struct ps_feed_entry *free;                  /* owned */
    uint64_t made, confirmed;                    /* numbers */
    double send_at;                              /* what is first is sent again */
    double resent;                               /* when it last was */
    double heard;                                /* since when it waits for a confirmation */
    ps_feed_send *send;
};

/* The first entry's number is one more than `made`. */
void ps_feed_init(struct ps_feed *feed, uint64_t made, ps_feed_send *send);
void ps_feed_fini(struct ps_feed *feed);

/* The next entry, to be filled in and then added: sent at once where it can be. `ctx` is what `send` is told. */
struct ps_feed_entry *ps_feed_make(struct ps_feed *feed);
void ps_feed_add(struct ps_feed *feed, struct ps_feed_entry *entry, void *ctx);
/* Everything up to `number` has been taken in. */
void ps_feed_confirm(struct ps_feed *feed, uint64_t number, double now);
/* The other end cannot take what has been sent: something was lost before it (`gap`), or it has yet to hear what this is about. */
void ps_feed_refused(struct ps_feed *feed, bool gap, double now);
/* Takes the first confirmed entry off; NULL: there is none. It is given back by ps_feed_drop. */
struct ps_feed_entry *ps_feed_settled(struct ps_feed *feed);
void ps_feed_drop(struct ps_feed *feed, struct ps_feed_entry *entry);

/* Sends what is due. Returns when it wants to be called again at the latest; 0: never. */
double ps_feed_progress(struct ps_feed *feed, void *ctx, double now);
/* Entries that are not confirmed. */
uint64_t ps_feed_waiting(const struct ps_feed *feed);

#endif
