/* share.c - shared memory of one host by memfd; see share.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "common/share.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NONE = 0, OFFERED = 1, FILLING = 2, FILLED = 3, HEADER_BYTES = 4096, SEALS = F_SEAL_SHRINK | F_SEAL_GROW };

/* At the head of the memory; the data follow at HEADER_BYTES. */
struct header {
    uint64_t cookie;
    _Atomic uint64_t offer[PS_SHARE_OFFERS]; /* request << 2 | what has come of it */
};

_Static_assert(sizeof(struct header) <= HEADER_BYTES, "the header has its place");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "offers are words that processes share");

struct ps_share {
    struct header *header;
    size_t bytes; /* with the header */
    int fd;
};

struct ps_view {
    struct header *header;
    size_t bytes;
    uint64_t cookie;
    uint32_t pid, fd;
    uint32_t users;
};

struct ps_shares {
    struct ps_view **view; /* owned */
    size_t count, capacity;
};

/* ---- the owner ---- */

struct ps_share *ps_share_new(size_t bytes)
{
    uint64_t cookie;
    size_t whole = bytes + HEADER_BYTES;
    int fd = memfd_create("penstock", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return NULL;
    void *at = MAP_FAILED;
    /* A sealed size: no peer is ever sent a signal for memory that has gone away. */
    if (!ftruncate(fd, (off_t)whole) && !fcntl(fd, F_ADD_SEALS, SEALS) &&
        getrandom(&cookie, sizeof cookie, 0) == (ssize_t)sizeof cookie)
        at = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        close(fd);
        return NULL;
    }
    struct ps_share *share = ps_malloc(sizeof *share);
    *share = (struct ps_share){.header = at, .bytes = whole, .fd = fd};
    share->header->cookie = cookie;
    return share;
}

void ps_share_free(struct ps_share *share)
{
    if (!share)
        return;
    munmap(share->header, share->bytes);
    close(share->fd);
    free(share);
}

void *ps_share_data(const struct ps_share *share)
{
    return (char *)share->header + HEADER_BYTES;
}

struct ps_ticket ps_share_ticket(const struct ps_share *share, const void *data, size_t bytes)
{
    return (struct ps_ticket){.cookie = share->header->cookie,
                              .offset = (size_t)((const char *)data - (const char *)share->header),
                              .bytes = bytes,
                              .pid = (uint32_t)getpid(),
                              .fd = (uint32_t)share->fd};
}

void ps_share_offer(struct ps_share *share, uint32_t number, uint64_t request)
{
    atomic_store(&share->header->offer[number], request << 2 | OFFERED);
}

bool ps_share_filled(const struct ps_share *share, uint32_t number, uint64_t request)
{
    return atomic_load(&share->header->offer[number]) == (request << 2 | FILLED);
}

bool ps_share_withdraw(struct ps_share *share)
{
    bool mine = true;
    for (uint32_t i = 0; i < PS_SHARE_OFFERS; i++) {
        uint64_t offer = atomic_load(&share->header->offer[i]);
        while (offer && (offer & 3) != FILLING && !atomic_compare_exchange_weak(&share->header->offer[i], &offer, NONE))
            ;
        mine &= (offer & 3) != FILLING;
    }
    return mine;
}

/* ---- the peer ---- */

struct ps_shares *ps_shares_new(void)
{
    return ps_calloc(1, sizeof(struct ps_shares));
}

static void view_free(struct ps_view *m)
{
    munmap(m->header, m->bytes);
    free(m);
}

void ps_shares_free(struct ps_shares *shares)
{
    for (size_t i = 0; shares && i < shares->count; i++)
        view_free(shares->view[i]);
    if (shares)
        free(shares->view);
    free(shares);
}

/* The owner's file, opened through its process: only the same user may do that. */
static int open_file(uint32_t pid, uint32_t fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/fd/%u", pid, fd);
    return open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* Lets go of shares whose owner is gone. */
static void sweep(struct ps_shares *shares)
{
    size_t kept = 0;
    for (size_t i = 0; i < shares->count; i++) {
        struct ps_view *m = shares->view[i];
        int file = m->users ? -1 : open_file(m->pid, m->fd);
        if (m->users || file >= 0)
            shares->view[kept++] = m;
        else
            view_free(m);
        if (file >= 0)
            close(file);
    }
    shares->count = kept;
}

static struct ps_view *map_share(const struct ps_ticket *ticket)
{
    struct stat info;
    int fd = open_file(ticket->pid, ticket->fd);
    if (fd < 0)
        return NULL;
    void *at = MAP_FAILED;
    if (!fstat(fd, &info) && S_ISREG(info.st_mode) && info.st_size > HEADER_BYTES && (fcntl(fd, F_GET_SEALS) & SEALS) == SEALS)
        at = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return NULL;
    struct header *header = at;
    if (header->cookie != ticket->cookie) { /* a process number of another container */
        munmap(at, (size_t)info.st_size);
        return NULL;
    }
    struct ps_view *m = ps_malloc(sizeof *m);
    *m = (struct ps_view){.header = header, .bytes = (size_t)info.st_size, .cookie = ticket->cookie, .pid = ticket->pid,
                          .fd = ticket->fd};
    return m;
}

void *ps_shares_find(struct ps_shares *shares, const struct ps_ticket *ticket, struct ps_view **view)
{
    struct ps_view *m = NULL;
    *view = NULL;
    for (size_t i = 0; !m && i < shares->count; i++)
        if (shares->view[i]->cookie == ticket->cookie)
            m = shares->view[i];
    if (!m) {
        m = map_share(ticket);
        if (!m)
            return NULL;
        sweep(shares);
        PS_GROW(shares->view, shares->capacity, shares->count + 1);
        shares->view[shares->count++] = m;
    }
    if (ticket->offset < HEADER_BYTES || ticket->offset % sizeof(float) || ticket->offset > m->bytes ||
        ticket->bytes > m->bytes - ticket->offset)
        return NULL;
    m->users++;
    *view = m;
    return (char *)m->header + ticket->offset;
}

void ps_view_release(struct ps_view *view)
{
    if (view)
        view->users--;
}

enum ps_claim ps_view_claim(struct ps_view *view, uint32_t number, uint64_t request)
{
    uint64_t offer = request << 2 | OFFERED;
    if (atomic_compare_exchange_strong(&view->header->offer[number], &offer, request << 2 | FILLING))
        return PS_CLAIM_FILL;
    return offer == (request << 2 | FILLED) ? PS_CLAIM_DONE : PS_CLAIM_VOID;
}

void ps_view_filled(struct ps_view *view, uint32_t number, uint64_t request)
{
    atomic_store(&view->header->offer[number], request << 2 | FILLED);
}
