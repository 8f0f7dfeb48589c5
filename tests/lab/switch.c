/* switch.c - an Ethernet switch in user space, between network namespaces that play hosts: with delay, loss, bandwidth, black holes and
 * pulled cables by the port. It needs no kernel module (netem is missing in many kernels), only TAP devices, and works without
 * privileges inside a user namespace.
 *
 *   switch FIFO NAME ADDRESS/BITS ...   one port for each namespace /run/netns/NAME, in which it makes eth0 with that address
 *
 * Lines written to FIFO set a port (or all of them: "all"):   NAME KEY VALUE [KEY VALUE ...]
 *   delay MS, jitter MS   added to every frame, in and out; order is kept
 *   loss PERCENT          of the frames, in and out
 *   rate MBIT             bandwidth; 0 is unlimited. A queue holds 4 MB; what comes then is dropped
 *   hole 0|1              frames vanish, the link stays up: a black hole
 *   cable 1|0             the cable is plugged in, or pulled: both ends see the link go down
 *
 * Says "up" when the hosts can talk, and each line that it has carried out. Ends with the process that started it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>

enum { PORTS = 32, MTU = 9000, FRAME = 65536, QUEUE_BYTES = 4 << 20, BURST = 64 };

struct frame {
    double due;
    struct frame *next;
    ssize_t size;
    unsigned char data[];
};

struct port {
    const char *name;
    int fd;
    double delay, jitter, loss, rate; /* ms, ms, per cent, Mbit/s */
    bool hole, known;
    unsigned char address[6]; /* of the host behind it, once it has spoken */
    struct frame *first, *last;
    size_t queued;
    double busy_until;
};

static struct port port[PORTS];
static int ports;

static void die(const char *what)
{
    fprintf(stderr, "switch: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void open_port(struct port *p, const char *address, int home)
{
    char text[512];
    snprintf(text, sizeof text, "/run/netns/%s", p->name);
    int space = open(text, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET))
        die(text);
    close(space);
    p->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request = {.ifr_name = "eth0", .ifr_flags = IFF_TAP | IFF_NO_PI};
    if (p->fd < 0 || ioctl(p->fd, TUNSETIFF, &request))
        die("/dev/net/tun");
    snprintf(text, sizeof text, "ip link set lo up && ip link set eth0 mtu %d && ip addr add %s dev eth0 && ip link set eth0 up", MTU,
             address);
    if (system(text)) // NOLINT: a test's own command
        die("ip");
    if (setns(home, CLONE_NEWNET))
        die("setns");
}

static double chance(void)
{
    return (double)random() / (double)RAND_MAX;
}

/* Puts a frame into the queue of its way out, at the time at which it will have passed both ports. */
static void pass(struct port *from, struct port *to, const unsigned char *data, ssize_t size)
{
    if (from->hole || to->hole || to->queued > QUEUE_BYTES || chance() * 100 < from->loss || chance() * 100 < to->loss)
        return;
    double due = now(), rate = to->rate;
    if (from->rate > 0 && (rate <= 0 || from->rate < rate))
        rate = from->rate;
    if (rate > 0) {
        to->busy_until = (to->busy_until > due ? to->busy_until : due) + (double)size * 8 / (rate * 1e6);
        due = to->busy_until;
    }
    double late = from->delay + to->delay + (2 * chance() - 1) * (from->jitter + to->jitter);
    due += late > 0 ? late / 1e3 : 0;
    if (to->last && due < to->last->due)
        due = to->last->due;
    struct frame *f = malloc(sizeof *f + (size_t)size);
    if (!f)
        die("malloc");
    *f = (struct frame){.due = due, .size = size};
    memcpy(f->data, data, (size_t)size);
    if (to->last)
        to->last->next = f;
    else
        to->first = f;
    to->last = f;
    to->queued += (size_t)size;
}

static void take(struct port *from)
{
    static unsigned char data[FRAME];
    for (int i = 0; i < BURST; i++) {
        ssize_t size = read(from->fd, data, sizeof data);
        if (size < 14)
            return;
        memcpy(from->address, data + 6, 6);
        from->known = true;
        struct port *to = NULL;
        for (int k = 0; k < ports && !(data[0] & 1); k++)
            if (port[k].known && !memcmp(port[k].address, data, 6))
                to = &port[k];
        for (int k = 0; k < ports; k++)
            if (to ? &port[k] == to && to != from : &port[k] != from)
                pass(from, &port[k], data, size);
    }
}

static void deliver(struct port *p)
{
    double t = now();
    while (p->first && p->first->due <= t) {
        struct frame *f = p->first;
        if (write(p->fd, f->data, (size_t)f->size) < 0 && errno == EAGAIN)
            return;
        p->first = f->next;
        if (!p->first)
            p->last = NULL;
        p->queued -= (size_t)f->size;
        free(f);
    }
}

static void set(struct port *p, const char *key, double value)
{
    if (!strcmp(key, "delay"))
        p->delay = value;
    else if (!strcmp(key, "jitter"))
        p->jitter = value;
    else if (!strcmp(key, "loss"))
        p->loss = value;
    else if (!strcmp(key, "rate"))
        p->rate = value;
    else if (!strcmp(key, "hole"))
        p->hole = value > 0;
    else if (!strcmp(key, "cable"))
        ioctl(p->fd, TUNSETCARRIER, &(int){value > 0});
    else
        fprintf(stderr, "switch: there is no '%s'\n", key);
}

static void obey(char *line)
{
    char name[64], key[16];
    double value;
    int used, more;
    if (sscanf(line, "%63s%n", name, &used) != 1)
        return;
    for (const char *rest = line + used; sscanf(rest, " %15s %lf%n", key, &value, &more) == 2; rest += more)
        for (int i = 0; i < ports; i++)
            if (!strcmp(name, "all") || !strcmp(name, port[i].name))
                set(&port[i], key, value);
    printf("%s\n", line);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 2 + 2 * PORTS || argc % 2) {
        fprintf(stderr, "switch FIFO NAME ADDRESS/BITS ...\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (int i = 2; i < argc; i += 2) {
        port[ports].name = argv[i];
        open_port(&port[ports++], argv[i + 1], home);
    }
    if (mkfifo(argv[1], 0600))
        die(argv[1]);
    int control = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
    printf("up\n");
    struct pollfd wait[PORTS + 1];
    for (;;) {
        double next = now() + 1;
        for (int i = 0; i < ports; i++) {
            wait[i] = (struct pollfd){.fd = port[i].fd, .events = POLLIN};
            if (port[i].first && port[i].first->due < next)
                next = port[i].first->due;
        }
        wait[ports] = (struct pollfd){.fd = control, .events = POLLIN};
        double seconds = next > now() ? next - now() : 0;
        struct timespec timeout = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
        ppoll(wait, (nfds_t)ports + 1, &timeout, NULL);
        for (int i = 0; i < ports; i++)
            if (wait[i].revents & POLLIN)
                take(&port[i]);
        for (int i = 0; i < ports; i++)
            deliver(&port[i]);
        if (wait[ports].revents & POLLIN) {
            char text[4096];
            ssize_t size = read(control, text, sizeof text - 1);
            text[size > 0 ? size : 0] = 0;
            for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                obey(line);
        }
    }
}
