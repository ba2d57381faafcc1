// A model server for load: vLLM's wire format, tokens of `record_write`, thousands of streams in one thread.
//
//   upstream PORT [MODEL]
//
// The last user message says what is answered: `[[n=ANSWER t=TOKENS r=TOKENS_PER_SECOND]]`; r=0 is at once.
// `continue_final_message` goes on behind the last assistant message. GET /stats: what it sent and how late it was.
#include "common.h"

#define MOST_CONNECTIONS 40000
#define MOST_BODY (4 << 20)
#define SLOTS 4096  // of the timer wheel, a millisecond each
#define MOST_UNSENT (256 << 10)

typedef struct connection {
  int fd;
  buffer in, out;
  bool streaming, wants_write, usage, every_usage, keep;
  uint32_t answer, position, end, prompt, begun_at;
  bool cut_by_length;
  double gap_us;
  uint64_t due_us;
  char partial[RECORD];  // characters of the token at `position` that the prefix already holds
  int partial_length;
  char id[40];
  struct connection *next, *previous;  // in a slot of the wheel
  int slot;
} connection;

static connection *by_fd[MOST_CONNECTIONS];
static connection *wheel[SLOTS];
static uint64_t wheel_at_ms;
static int epoll_fd;
static const char *model = "bench";
static uint64_t sent_tokens, requests, aborted, finished, open_streams;
static hist late;

static void unschedule(connection *c) {
  if (c->slot < 0) return;
  if (c->previous) c->previous->next = c->next;
  else wheel[c->slot] = c->next;
  if (c->next) c->next->previous = c->previous;
  c->slot = -1;
}

static void schedule(connection *c) {
  uint64_t at = c->due_us / 1000;
  if (at <= wheel_at_ms) at = wheel_at_ms + 1;
  if (at >= wheel_at_ms + SLOTS) at = wheel_at_ms + SLOTS - 1;
  c->slot = (int)(at % SLOTS);
  c->previous = NULL;
  c->next = wheel[c->slot];
  if (c->next) c->next->previous = c;
  wheel[c->slot] = c;
}

static void watch(connection *c, bool write) {
  if (c->wants_write == write) return;
  c->wants_write = write;
  struct epoll_event e = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void end_connection(connection *c) {
  unschedule(c);
  if (c->streaming) aborted++, open_streams--;
  by_fd[c->fd] = NULL;
  close(c->fd);
  buffer_free(&c->in);
  buffer_free(&c->out);
  free(c);
}

// False where the connection is gone (and freed).
static bool flush(connection *c) {
  while (c->out.length) {
    ssize_t n = send(c->fd, c->out.at, c->out.length, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN) break;
      end_connection(c);
      return false;
    }
    buffer_drop(&c->out, (uint32_t)n);
  }
  watch(c, c->out.length > 0);
  return true;
}

static void add_chunk(connection *c, const char *event, int n) {
  char head[16];
  buffer_add(&c->out, head, (uint32_t)snprintf(head, sizeof head, "%x\r\n", n));
  buffer_add(&c->out, event, (uint32_t)n);
  buffer_add(&c->out, "\r\n", 2);
}

static void add_event(connection *c, const char *delta, const char *reason) {
  char event[700], usage[160] = "";
  uint32_t made = c->position - c->begun_at;
  if (c->every_usage)
    snprintf(usage, sizeof usage, ",\"usage\":{\"prompt_tokens\":%u,\"total_tokens\":%u,\"completion_tokens\":%u}", c->prompt, c->prompt + made, made);
  int n = snprintf(event, sizeof event,
                   "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":1795490006,\"model\":\"%s\",\"choices\":[{\"index\":0,"
                   "\"delta\":%s,\"logprobs\":null,\"finish_reason\":%s,\"token_ids\":null}]%s}\n\n",
                   c->id, model, delta, reason, usage);
  add_chunk(c, event, n);
}

static void finish(connection *c) {
  if (c->usage) {
    char event[400];
    uint32_t made = c->position - c->begun_at;
    int n = snprintf(event, sizeof event,
                     "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":1795490006,\"model\":\"%s\",\"choices\":[],\"usage\":{"
                     "\"prompt_tokens\":%u,\"total_tokens\":%u,\"completion_tokens\":%u}}\n\n",
                     c->id, model, c->prompt, c->prompt + made, made);
    add_chunk(c, event, n);
  }
  add_chunk(c, "data: [DONE]\n\n", 14);
  buffer_add(&c->out, "0\r\n\r\n", 5);
  c->streaming = false;
  open_streams--;
  finished++;
}

static void add_token(connection *c, uint64_t now) {
  char record[RECORD + 1], delta[64];
  record_write(record, c->position, now, c->answer);
  if (c->partial_length > 0) {
    // What is there already is kept: its time may be cut short, its check is made anew.
    memcpy(record, c->partial, c->partial_length < RECORD - 4 ? c->partial_length : RECORD - 4);
    put_digits(record + RECORD - 4, 4, record_check(record));
  }
  record[RECORD] = 0;
  snprintf(delta, sizeof delta, "{\"content\":\"%s\"}", record + c->partial_length);
  c->partial_length = 0;
  c->position++;
  sent_tokens++;
  bool last = c->position >= c->end;
  add_event(c, delta, last ? (c->cut_by_length ? "\"length\"" : "\"stop\"") : "null");
}

static void go_on(connection *c, uint64_t now) {
  if (c->gap_us == 0) {
    while (c->position < c->end && c->out.length < MOST_UNSENT) add_token(c, now);
  } else {
    hist_add(&late, (int64_t)(now - c->due_us));
    // A reader that takes nothing gets nothing: as a model's own back-pressure.
    if (c->out.length < MOST_UNSENT) add_token(c, now);
  }
  if (c->position >= c->end) finish(c);
  if (!flush(c)) return;
  if (!c->streaming) return;
  c->due_us = c->gap_us == 0 ? now + 1000 : c->due_us + (uint64_t)c->gap_us;
  schedule(c);
}

static void answer_json(connection *c, const char *status, const char *body) {
  char head[256];
  int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", status, strlen(body));
  buffer_add(&c->out, head, (uint32_t)n);
  buffer_add(&c->out, body, (uint32_t)strlen(body));
}

static const char *find_last(const char *from, const char *to, const char *what) {
  size_t n = strlen(what);
  for (const char *at = to - n; at >= from; at--)
    if (memcmp(at, what, n) == 0) return at;
  return NULL;
}

static long number_after(const char *from, const char *name, long otherwise) {
  const char *at = strstr(from, name);
  return at ? strtol(at + strlen(name), NULL, 10) : otherwise;
}

// Sets where a continued answer stands: whole tokens of the last message, and what is begun of the next.
static void take_prefix(connection *c, const char *body, const char *end) {
  const char *content = find_last(body, end, "\"content\":\"");
  if (!content) return;
  content += 11;
  const char *quote = memchr(content, '"', (size_t)(end - content));
  if (!quote) return;
  uint32_t length = (uint32_t)(quote - content);
  c->position = length / RECORD;
  c->partial_length = (int)(length % RECORD);
  memcpy(c->partial, content + c->position * RECORD, (size_t)c->partial_length);
}

static void complete(connection *c, char *body, uint32_t length) {
  char kept = body[length];
  body[length] = 0;
  requests++;
  const char *mark = find_last(body, body + length, "[[n=");
  c->answer = mark ? (uint32_t)number_after(mark, "n=", 0) : 0;
  uint32_t tokens = mark ? (uint32_t)number_after(mark, "t=", 40) : 40;
  double rate = 0;
  if (mark) {
    const char *r = strstr(mark, "r=");
    rate = r ? strtod(r + 2, NULL) : 0;
  }
  long most = number_after(body, "\"max_tokens\":", number_after(body, "\"max_completion_tokens\":", 1 << 20));
  c->prompt = length / 6;
  c->position = 0;
  c->partial_length = 0;
  if (strstr(body, "\"continue_final_message\":true")) take_prefix(c, body, body + length);
  c->begun_at = c->position;
  c->end = tokens;
  c->cut_by_length = most < (long)tokens - (long)c->position;
  if (c->cut_by_length) c->end = c->position + (uint32_t)most;
  c->usage = strstr(body, "\"include_usage\":true") != NULL;
  c->every_usage = strstr(body, "\"continuous_usage_stats\":true") != NULL;
  bool stream = strstr(body, "\"stream\":true") || strstr(body, "\"stream\": true");
  body[length] = kept;
  snprintf(c->id, sizeof c->id, "chatcmpl-%08x%08x%08x", (unsigned)requests, c->answer, (unsigned)(now_us() & 0xffffffff));
  if (!stream) {
    buffer text = {0};
    char record[RECORD];
    for (; c->position < c->end; c->position++) {
      record_write(record, c->position, now_us(), c->answer);
      buffer_add(&text, record, RECORD);
    }
    char *reply = malloc(text.length + 400);
    sprintf(reply,
            "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":1795490006,\"model\":\"%s\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
            "\"assistant\",\"content\":\"%.*s\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%u,\"total_tokens\":%u,\"completion_tokens\":%u}}",
            c->id, model, (int)text.length, text.length ? text.at : "", c->prompt, c->prompt + c->end, c->end);
    answer_json(c, "200 OK", reply);
    free(reply);
    buffer_free(&text);
    finished++;
    return;
  }
  static const char head[] =
      "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
  buffer_add(&c->out, head, sizeof head - 1);
  c->streaming = true;
  open_streams++;
  c->gap_us = rate > 0 ? 1e6 / rate : 0;
  c->due_us = now_us();
  add_event(c, "{\"role\":\"assistant\",\"content\":\"\"}", "null");
  schedule(c);  // The first token with the next millisecond.
}

static uint32_t prompt_length(const char *body, uint32_t length) {
  const char *end = body + length, *prompt = memmem(body, length, "\"prompt\":\"", 10);
  if (!prompt) return 0;
  const char *quote = memchr(prompt + 10, '"', (size_t)(end - prompt - 10));
  return quote ? (uint32_t)(quote - prompt - 10) : 0;
}

static void stats(connection *c) {
  char *body = NULL;
  size_t size;
  FILE *out = open_memstream(&body, &size);
  fprintf(out, "{\"tokens\":%llu,\"requests\":%llu,\"finished\":%llu,\"aborted\":%llu,\"open\":%llu,", (unsigned long long)sent_tokens,
          (unsigned long long)requests, (unsigned long long)finished, (unsigned long long)aborted, (unsigned long long)open_streams);
  hist_print(out, "late", &late);
  fprintf(out, "}");
  fclose(out);
  answer_json(c, "200 OK", body);
  free(body);
  memset(&late, 0, sizeof late);
}

// False where the connection is gone. Takes as many requests as are whole.
static bool take_requests(connection *c) {
  while (c->in.length && !c->streaming) {
    char *end = memmem(c->in.at, c->in.length, "\r\n\r\n", 4);
    if (!end) return true;
    uint32_t head = (uint32_t)(end - c->in.at) + 4, length = 0;
    c->in.at[head - 1] = 0;
    char *field = strcasestr(c->in.at, "\ncontent-length:");
    if (field) length = (uint32_t)strtoul(field + 16, NULL, 10);
    c->in.at[head - 1] = '\n';
    if (length > MOST_BODY) {
      end_connection(c);
      return false;
    }
    if (c->in.length < head + length) return true;
    buffer_add(&c->in, "", 1);  // Room for the zero behind the body.
    c->in.length--;
    char *line = c->in.at;
    if (!strncmp(line, "POST", 4) && memmem(line, head, "/chat/completions", 17)) complete(c, line + head, length);
    else if (!strncmp(line, "GET /stats", 10)) stats(c);
    else if (!strncmp(line, "POST /tokenize", 14)) {
      // As it writes them, so that an answer that is gone on with is not cut short.
      char body[64];
      snprintf(body, sizeof body, "{\"count\":%u,\"max_model_len\":32768,\"tokens\":[]}", prompt_length(line + head, length) / RECORD);
      answer_json(c, "200 OK", body);
    } else if (memmem(line, head, "/models", 7)) {
      char body[200];
      snprintf(body, sizeof body, "{\"object\":\"list\",\"data\":[{\"id\":\"%s\",\"object\":\"model\",\"owned_by\":\"vllm\",\"max_model_len\":32768}]}", model);
      answer_json(c, "200 OK", body);
    } else answer_json(c, !strncmp(line, "GET /health", 11) ? "200 OK" : "404 Not Found", "{}");
    buffer_drop(&c->in, head + length);
  }
  return flush(c);
}

static void readable(connection *c) {
  char bytes[65536];
  ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN)) return end_connection(c);
  if (n < 0) return;
  buffer_add(&c->in, bytes, (uint32_t)n);
  take_requests(c);
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    if (fd >= MOST_CONNECTIONS) {
      close(fd);
      continue;
    }
    no_delay(fd);
    connection *c = calloc(1, sizeof *c);
    c->fd = fd;
    c->slot = -1;
    by_fd[fd] = c;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
  }
}

static void run_wheel(uint64_t now) {
  while (wheel_at_ms < now / 1000) {
    wheel_at_ms++;
    connection *c = wheel[wheel_at_ms % SLOTS];
    wheel[wheel_at_ms % SLOTS] = NULL;
    while (c) {
      connection *next = c->next;
      c->slot = -1;
      c->next = c->previous = NULL;
      if (next) next->previous = NULL;
      if (c->due_us / 1000 > wheel_at_ms) schedule(c);
      else go_on(c, now_us());
      c = next;
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 2) return fprintf(stderr, "usage: upstream PORT [MODEL]\n"), 2;
  if (argc > 2) model = argv[2];
  init_digits();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 8192)) die("listen");
  socklen_t size = sizeof a;
  getsockname(listener, (struct sockaddr *)&a, &size);
  printf("%d\n", ntohs(a.sin_port));
  fflush(stdout);
  epoll_fd = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[1024];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
  wheel_at_ms = now_us() / 1000;
  for (;;) {
    int n = epoll_wait(epoll_fd, events, 1024, open_streams ? 1 : 100);
    for (int i = 0; i < n; i++) {
      connection *c = events[i].data.ptr;
      if (!c) {
        accept_all(listener);
        continue;
      }
      int fd = c->fd;
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
      if ((events[i].events & EPOLLOUT) && by_fd[fd] == c && flush(c) && !c->streaming) take_requests(c);
    }
    run_wheel(now_us());
  }
}
