/* http.c - a text over HTTP, by libmicrohttpd; see http.h. */
#include "common/http.h"

#include <microhttpd.h>

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 16, SILENCE = 5, CONNECTION_BYTES = 8192, BACKLOG = 16 };

struct ps_http {
    struct MHD_Daemon *daemon;
    char url[320];
    double stale;
    pthread_mutex_t lock; /* for the next two */
    char *text;           /* owned; NULL before the first */
    double since;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result healthy(struct ps_http *http, struct MHD_Connection *connection)
{
    char line[80] = "there are no figures yet\n";
    double age = ps_now() - http->since;
    if (http->text)
        snprintf(line, sizeof line, "the figures are %.1f s old\n", age);
    return answer(connection, age > http->stale ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, line);
}

static enum MHD_Result handle(void *of, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **state)
{
    static char seen;
    struct ps_http *http = of;
    if (!*state) { /* the header alone is in */
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_size) { /* of what is sent nothing is used */
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") && strcmp(method, "HEAD"))
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    enum MHD_Result result;
    pthread_mutex_lock(&http->lock);
    if (!strcmp(path, "/metrics"))
        result = answer(connection, http->text ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, http->text ? http->text : "not yet\n");
    else if (!strcmp(path, "/healthz"))
        result = healthy(http, connection);
    else
        result = answer(connection, MHD_HTTP_NOT_FOUND, "there are /metrics and /healthz\n");
    pthread_mutex_unlock(&http->lock);
    return result;
}

/* A number of at most five digits. */
static int number(const char *digits)
{
    return (int)strtol(digits, NULL, 10);
}

/* Cuts the address in two; false where it is none. */
static bool cut(const char *address, char host[256], char port[8])
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address)
        return false;
    size_t length = (size_t)(colon - address);
    bool bracketed = *address == '[' && colon[-1] == ']';
    if (!bracketed && memchr(address, ':', length))
        return false;
    size_t digits = strspn(colon + 1, "0123456789");
    if (length >= 256 || !digits || digits > 5 || colon[1 + digits] || number(colon + 1) > 65535)
        return false;
    snprintf(host, 256, "%.*s", (int)length - 2 * bracketed, address + bracketed);
    snprintf(port, 8, "%s", colon + 1);
    return true;
}

/* A listening socket, and the port that it has. */
static int listen_on(const char *address, const char *key, char host[256], int *port, struct ps_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    char text[8];
    const int one = 1;
    if (!cut(address, host, text))
        return ps_fail(err, PS_EXIT_USAGE, "%s is '%s', which is no HOST:PORT, such as 127.0.0.1:9464", key, address);
    int code = getaddrinfo(host, text, &hints, &found);
    if (code)
        return ps_fail(err, PS_EXIT_NET, "%s is %s, but there is no address of %s: %s", key, address, host, gai_strerror(code));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, found->ai_addr, found->ai_addrlen) ||
        listen(fd, BACKLOG) || getsockname(fd, (struct sockaddr *)&bound, &size))
        status = ps_fail(err, PS_EXIT_NET, "cannot serve figures on %s: %s; set %s to another port, or to 0 for any free one, or leave it empty",
                         address, strerror(errno), key);
    freeaddrinfo(found);
    if (status) {
        close(fd);
        return status;
    }
    getnameinfo((struct sockaddr *)&bound, size, NULL, 0, text, sizeof text, NI_NUMERICSERV);
    *port = number(text);
    return fd;
}

/* Its thread takes no signals: those are for the others. */
static struct MHD_Daemon *start(struct ps_http *http, int fd)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, handle, http, MHD_OPTION_LISTEN_SOCKET, fd,
                                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                                 (unsigned)SILENCE, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

int ps_http_open(const char *address, const char *key, double stale, struct ps_http **http, struct ps_error *err)
{
    char host[256], name[256];
    int port = 0, fd = listen_on(address, key, host, &port, err);
    if (fd < 0)
        return fd;
    struct ps_http *h = ps_calloc(1, sizeof *h);
    h->stale = stale;
    h->since = ps_now();
    pthread_mutex_init(&h->lock, NULL);
    h->daemon = start(h, fd);
    if (!h->daemon) {
        close(fd);
        ps_http_close(h);
        return ps_fail(err, PS_EXIT_FAIL, "cannot start the thread that serves figures on %s; check 'ulimit -u'", address);
    }
    bool any = !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
    if (any && !gethostname(name, sizeof name))
        snprintf(host, sizeof host, "%s", name);
    snprintf(h->url, sizeof h->url, strchr(host, ':') ? "http://[%s]:%d/metrics" : "http://%s:%d/metrics", host, port);
    *http = h;
    return 0;
}

void ps_http_close(struct ps_http *h)
{
    if (!h)
        return;
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    pthread_mutex_destroy(&h->lock);
    free(h->text);
    free(h);
}

const char *ps_http_url(const struct ps_http *h)
{
    return h->url;
}

void ps_http_publish(struct ps_http *h, char *text)
{
    pthread_mutex_lock(&h->lock);
    char *before = h->text;
    h->text = text;
    h->since = ps_now();
    pthread_mutex_unlock(&h->lock);
    free(before);
}
