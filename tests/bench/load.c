// SPDX-License-Identifier: GPL-3.0-or-later
// A load of many clients that counts every request and tries none again; faster than what it measures, unlike the same in Python.
//
//   load PORT CLIENTS KEEP_ALIVE PAUSE_SECONDS OUT BODY...
//
// says "ready" after the first answer, runs until its input ends, and writes OUT: one line of JSON, then the columns began (double),
// took (float), status (uint16) and letter (uint8) as tests/integration/traffic/load.py reads them. A failure is whatever is not status
// 200 with one of the bodies: it has status 0 and a reason.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 16384, SLOW = 10, MOST = 64 };
enum state { IDLE, CONNECTING, ASKED };

struct client {
  int fd, turn;
  enum state state;
  double began, next;
  size_t heard;
  char buffer[ROOM];
};

static double *began_of;
static float *took_of;
static uint16_t *status_of;
static uint8_t *letter_of;
static size_t count, room;
static struct { char name[48]; long times; } reasons[MOST];
static long reconnects;
static int selector, keep_alive, bodies;
static double pause_seconds;
static char **body_of;
static struct sockaddr_in address;
static char requests[2][256];
static size_t lengths[2];

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);  // the clock of Python's time.monotonic
  return at.tv_sec + at.tv_nsec / 1e9;
}

static void *grown(void *column, size_t size) {
  column = realloc(column, room * size);
  if (!column) { perror("realloc"); exit(2); }
  return column;
}

static void note(const char *reason) {
  for (int i = 0; i < MOST; i++) {
    if (!reasons[i].times) snprintf(reasons[i].name, sizeof reasons[i].name, "%s", reason);
    if (!strcmp(reasons[i].name, reason)) { reasons[i].times++; return; }
  }
}

static void drop(struct client *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

static void done(struct client *c, int status, int letter, const char *reason, int closes) {
  double at = now();
  if (count == room) {
    room = room ? room * 2 : 1 << 20;
    began_of = grown(began_of, sizeof *began_of), took_of = grown(took_of, sizeof *took_of);
    status_of = grown(status_of, sizeof *status_of), letter_of = grown(letter_of, sizeof *letter_of);
  }
  began_of[count] = c->began, took_of[count] = at - c->began, status_of[count] = status, letter_of[count] = letter;
  count++;
  if (status != 200) note(reason);
  c->state = IDLE, c->next = at + pause_seconds;
  if (closes) drop(c);
}

static void broke(struct client *c, const char *doing, int error) {
  char reason[48];
  snprintf(reason, sizeof reason, "%s: %s", doing, strerror(error));
  done(c, 0, 0, reason, 1);
}

static void listen_for(struct client *c, int what, int how) {
  struct epoll_event event = {.events = what, .data.ptr = c};
  if (epoll_ctl(selector, how, c->fd, &event)) { perror("epoll_ctl"); exit(2); }
}

static void say(struct client *c) {
  int turn = c->turn++ & 1;
  c->state = ASKED, c->heard = 0;
  if (send(c->fd, requests[turn], lengths[turn], MSG_NOSIGNAL) != (ssize_t)lengths[turn]) broke(c, "ask", errno);
}

static void ask(struct client *c) {
  int on = 1;
  c->began = now();
  if (c->fd >= 0) { say(c); return; }
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) { broke(c, "socket", errno); return; }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) { broke(c, "connect", errno); return; }
  c->state = CONNECTING;
  listen_for(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void connected(struct client *c) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) { broke(c, "connect", error); return; }
  listen_for(c, EPOLLIN, EPOLL_CTL_MOD);
  say(c);
}

static const char *header(const char *head, const char *name) {
  for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
    if (!strncasecmp(line + 2, name, strlen(name))) return line + 2 + strlen(name);
  return NULL;
}

static void answered(struct client *c, size_t head, size_t length) {
  char reason[48], *body = c->buffer + head + 4;
  int status = atoi(c->buffer + 9), known = !bodies;
  c->buffer[head] = 0;
  const char *connection = header(c->buffer, "connection:");
  int closes = connection && !strncasecmp(connection + strspn(connection, " "), "close", 5);
  if (closes && keep_alive) reconnects++;
  for (int i = 0; i < bodies; i++) known |= strlen(body_of[i]) == length && !memcmp(body_of[i], body, length);
  snprintf(reason, sizeof reason, status == 200 ? "wrong body" : "status %d", status);
  done(c, status == 200 && !known ? 0 : status, length ? body[0] : 0, reason, closes || !keep_alive);
}

static void hear(struct client *c) {
  if (c->state == IDLE) {  // between two requests: the other side closed in time
    reconnects++, drop(c);
    return;
  }
  ssize_t size = recv(c->fd, c->buffer + c->heard, ROOM - 1 - c->heard, 0);
  if (size < 0) {
    if (errno != EAGAIN) broke(c, "hear", errno);
    return;
  }
  c->heard += size, c->buffer[c->heard] = 0;
  char *end = strstr(c->buffer, "\r\n\r\n");
  if (!end) {
    if (!size) done(c, 0, 0, "closed before the answer", 1);
    return;
  }
  size_t head = end - c->buffer;
  const char *told = header(c->buffer, "content-length:");
  size_t length = told ? strtoul(told, NULL, 10) : 0;
  if (c->heard >= head + 4 + length) answered(c, head, length);
  else if (!size || c->heard >= ROOM - 1) done(c, 0, 0, "cut answer", 1);
}

static void dump(const char *path) {
  FILE *out = fopen(path, "wb");
  if (!out) { perror(path); exit(2); }
  fprintf(out, "{\"count\": %zu, \"reconnects\": %ld, \"reasons\": {", count, reconnects);
  for (int i = 0; i < MOST && reasons[i].times; i++) fprintf(out, "%s\"%s\": %ld", i ? ", " : "", reasons[i].name, reasons[i].times);
  fprintf(out, "}}\n");
  fwrite(began_of, sizeof *began_of, count, out);
  fwrite(took_of, sizeof *took_of, count, out);
  fwrite(status_of, sizeof *status_of, count, out);
  fwrite(letter_of, sizeof *letter_of, count, out);
  if (fclose(out)) { perror(path); exit(2); }
}

int main(int words, char **word) {
  if (words < 6) { fprintf(stderr, "load PORT CLIENTS KEEP_ALIVE PAUSE_SECONDS OUT BODY...\n"); return 2; }
  int clients = atoi(word[2]), told = 0, busy = 1, stop = 0;
  double ends = 0, looked = 0;
  keep_alive = atoi(word[3]), pause_seconds = atof(word[4]), body_of = word + 6, bodies = words - 6;
  address.sin_family = AF_INET, address.sin_port = htons(atoi(word[1])), address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const char *closes = keep_alive ? "" : "Connection: close\r\n";
  // GET and POST in turn: a balancer may try the one again, never the other.
  lengths[0] = snprintf(requests[0], sizeof requests[0], "GET / HTTP/1.1\r\nHost: load\r\n%s\r\n", closes);
  lengths[1] = snprintf(requests[1], sizeof requests[1], "POST / HTTP/1.1\r\nHost: load\r\nContent-Length: 0\r\n%s\r\n", closes);
  selector = epoll_create1(0);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(selector, EPOLL_CTL_ADD, STDIN_FILENO, &input);
  struct client *all = calloc(clients, sizeof *all);
  for (int i = 0; i < clients; i++) all[i].fd = -1;
  while (!stop || (busy && now() < ends)) {
    double at = now();
    busy = 0;
    for (int i = 0; i < clients; i++) {
      if (all[i].state == IDLE && !stop && all[i].next <= at) ask(&all[i]);
      busy |= all[i].state != IDLE;
    }
    if (at - looked > 0.1) {
      looked = at;
      for (int i = 0; i < clients; i++)
        if (all[i].state != IDLE && at - all[i].began > SLOW) done(&all[i], 0, 0, "no answer", 1);
    }
    int found = epoll_wait(selector, events, 256, 1);
    for (int i = 0; i < found; i++) {
      struct client *c = events[i].data.ptr;
      if (!c) {
        epoll_ctl(selector, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
        stop = 1, ends = now() + SLOW + 1;
      } else if (c->fd >= 0) {
        if (c->state == CONNECTING) connected(c);
        else hear(c);
      }
    }
    if (count && !told) told = printf("ready\n"), fflush(stdout);
  }
  dump(word[5]);
  return 0;
}
