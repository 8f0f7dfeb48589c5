/* http.h - a text that anybody who can reach an address may read over HTTP: http.c is the only place that knows microhttpd.h.
 *
 * A thread of its own answers: the owner only puts a new text in place of the one before. GET and HEAD of /metrics give the text, of
 * /healthz a line that says how old it is, with status 503 where that is more than a limit; nothing else is there, and nothing can be
 * changed. A few connections at a time are taken, and one that is silent for some seconds is closed.
 */
#ifndef PS_COMMON_HTTP_H
#define PS_COMMON_HTTP_H

#include "common/base.h"

struct ps_http;

/* Listens on "HOST:PORT" ("[::1]:9464" for IPv6; port 0: any free one). `stale`: seconds after which /healthz complains. PS_EXIT_USAGE where
 * the address is none, PS_EXIT_NET where it cannot be had. `key` is the setting that messages name. */
int ps_http_open(const char *address, const char *key, double stale, struct ps_http **http, struct ps_error *err);
void ps_http_close(struct ps_http *http); /* NULL is fine */
/* "http://HOST:PORT/metrics", with the port that was really bound. */
const char *ps_http_url(const struct ps_http *http);
/* The text from now on; it is taken over. */
void ps_http_publish(struct ps_http *http, char *text);

#endif
