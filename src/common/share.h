/* share.h - memory that processes of one host share: bulk values without a trip through the kernel.
 *
 * The owner (a worker's step) makes a piece of memory and names parts of it by tickets, which travel in messages where otherwise
 * the bytes themselves would. A peer that runs as the same user on the same host maps the memory and reads or fills
 * the part in place; one that cannot (another container, say) finds no part and answers with bytes.
 *
 * A part that a peer is to fill is offered for one request, and filled at most once: a late copy of the request finds the offer
 * gone. The owner uses the memory again only when no peer is filling it. The kernel frees it with its last process.
 */
#ifndef PS_COMMON_SHARE_H
#define PS_COMMON_SHARE_H

#include "common/base.h"

enum { PS_SHARE_OFFERS = 256 }; /* offers that can stand at a time: one a shard */

/* Names bytes [offset, offset + bytes) of a share; sent as it is. */
struct ps_ticket {
    uint64_t cookie; /* of the share: random */
    uint64_t offset, bytes;
    uint32_t pid, fd; /* whose, and which of its files */
};

/* ---- the owner ---- */

struct ps_share;

/* Memory of `bytes` bytes, zeroed, at an address aligned to a page. NULL where the system gives none: use frames then. */
struct ps_share *ps_share_new(size_t bytes);
void ps_share_free(struct ps_share *share);
void *ps_share_data(const struct ps_share *share);
struct ps_ticket ps_share_ticket(const struct ps_share *share, const void *data, size_t bytes);

/* What offer number `number` covers may be filled for this request, once. */
void ps_share_offer(struct ps_share *share, uint32_t number, uint64_t request);
/* Whether it has been filled for this request. */
bool ps_share_filled(const struct ps_share *share, uint32_t number, uint64_t request);
/* Takes all offers back. False while a peer is filling one: the memory must be left alone. */
bool ps_share_withdraw(struct ps_share *share);

/* ---- the peer ---- */

struct ps_shares;
struct ps_view;

struct ps_shares *ps_shares_new(void);
void ps_shares_free(struct ps_shares *shares);
/* The bytes that a ticket names, and the view that they lie in, which is held until ps_view_release. NULL where the
 * share cannot be mapped or the ticket is wrong. Owners that are gone are let go of when a new one comes. */
void *ps_shares_find(struct ps_shares *shares, const struct ps_ticket *ticket, struct ps_view **view);
void ps_view_release(struct ps_view *view); /* NULL is fine */

enum ps_claim {
    PS_CLAIM_FILL,  /* fill it, then call ps_view_filled */
    PS_CLAIM_DONE,  /* it has been filled for this request: only the answer was lost */
    PS_CLAIM_VOID   /* nobody wants it any more */
};
enum ps_claim ps_view_claim(struct ps_view *view, uint32_t number, uint64_t request);
void ps_view_filled(struct ps_view *view, uint32_t number, uint64_t request);

#endif
