// People who ask and read, thousands in one thread: open-loop arrivals, and every byte of every answer checked.
//
//   readers mode=stream|openai hosts=IP:PORT[,…] key=KEY [name=value …]
//
//   stream   POST /stream-chat, then GET /stream/{id}; broken streams are resumed with Last-Event-ID
//   openai   POST /v1/chat/completions with stream: true
//   sync     POST /chat
//   async    POST /async-chat, then GET /check-response/{id} every `poll` seconds until it is there
//
//   sessions  people in all                     turns   questions of each, one conversation
//   rate      arrivals a second (Poisson)       think   mean seconds between answer and next question
//   tokens    of an answer (median)             sigma   of the lognormal lengths; 0: all alike
//   pace      tokens a second of a stream       pad     bytes of a question beside its mark
//   users     names that are shared out         sources addresses 127.0.0.2… that it comes from
//   slow      of the first N, read a byte a second      most    connections at once; who comes then waits
//   poll      seconds between two looks at an answer    seed, model, path
//
// Words on standard input: `mark` prints one line of JSON and begins its figures anew, `cut` breaks every stream at
// once, `hosts A,B` sends who comes next elsewhere, `quit` prints and ends. It ends by itself when all are served.
#include "http.h"
#include <signal.h>

#define MOST_SESSIONS 65536
#define MOST_TRIES 50
#define MOST_HOSTS 32
#define MOST_CODES 32  // different ones between two marks; the last stands for all others

typedef enum { ABSENT, CONNECTING, ASKING, ATTACHING, READING, THINKING, POLLING, SERVED } phase;
typedef enum { STREAM, OPENAI, SYNC, ASYNC } way;

typedef struct session {
  phase phase;
  int fd, host, turns_left, tries;
  uint32_t number, answer, tokens, position;
  char record[RECORD];
  int filled;
  bool unsure;            // The token at `position` began before what is known.
  bool resumes, slow, began_text, registered, done;
  uint64_t scheduled_us, asked_us, broke_us;
  int64_t conversation;
  char id[48], event_id[64], event[16];
  http_response response;
  buffer in, out, line;   // line: of an event stream, or a JSON reply
} session;

static session *sessions;
static struct { uint64_t at; session *who; } heap[MOST_SESSIONS * 2];
static int heap_size, epoll_fd;

static struct sockaddr_in hosts[MOST_HOSTS];
static char host_names[MOST_HOSTS][48];
static int host_count;
static const char *mode = "stream", *key = "", *model = "bench", *path = "/v1/chat/completions", *headers = "";
static way asks;
static bool openai;
static long session_count = 1, turn_count = 1, token_count = 40, pad, users = 1000, sources = 1, slow_count, seed = 1, most = MOST_SESSIONS;
static double rate = 100, think = 1, sigma, pace = 20, poll_seconds = 1;
static rng random_state;

static struct {
  uint64_t asked, begun, finished, tokens, bytes, events, torn, lost, failed, reconnects, error_events, served;
  struct { char name[64]; uint64_t count; } codes[MOST_CODES];
  hist ttft, delay, ack, resume, gap;
} now_count;
static hist ack_whole;  // Never begun anew.
static long live, running, unserved;

static uint64_t clock_us;

// What was refused, failed or ended early, by its code.
static void count_code(const char *kind, const char *json) {
  char name[64];
  const char *code = json ? strstr(json, "\"code\":\"") : NULL;
  snprintf(name, sizeof name, "%s", kind);
  if (code) snprintf(name, sizeof name, "%s %.*s", kind, (int)fmin(40, strcspn(code + 8, "\"")), code + 8);
  int i = 0;
  while (i < MOST_CODES - 1 && now_count.codes[i].count && strcmp(now_count.codes[i].name, name)) i++;
  if (!now_count.codes[i].count) memcpy(now_count.codes[i].name, name, sizeof name);
  now_count.codes[i].count++;
}

static void later(session *s, uint64_t at) {
  int i = heap_size++;
  if (heap_size >= MOST_SESSIONS * 2) die("too many timers");
  while (i && heap[(i - 1) / 2].at > at) heap[i] = heap[(i - 1) / 2], i = (i - 1) / 2;
  heap[i].at = at;
  heap[i].who = s;
}

static session *due(void) {
  if (!heap_size || heap[0].at > clock_us) return NULL;
  session *found = heap[0].who;
  typeof(heap[0]) last = heap[--heap_size];
  int i = 0;
  for (;;) {
    int child = 2 * i + 1;
    if (child >= heap_size) break;
    if (child + 1 < heap_size && heap[child + 1].at < heap[child].at) child++;
    if (heap[child].at >= last.at) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = last;
  return found;
}

static void parse_hosts(const char *list) {
  char copy[2048];
  snprintf(copy, sizeof copy, "%s", list);
  host_count = 0;
  for (char *at = strtok(copy, ", \n"); at && host_count < MOST_HOSTS; at = strtok(NULL, ", \n")) {
    snprintf(host_names[host_count], sizeof host_names[0], "%s", at);
    char *colon = strchr(at, ':');
    if (!colon) die("hosts: IP:PORT");
    *colon = 0;
    hosts[host_count] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    inet_pton(AF_INET, at, &hosts[host_count].sin_addr);
    host_count++;
  }
}

static void set_events(session *s, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = s};
  epoll_ctl(epoll_fd, s->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, s->fd, &e);
  s->registered = true;
}

// Connections that nobody uses just now, and people who wait for one.
static struct { int fd, host; } parked[MOST_SESSIONS];
static session *queue[MOST_SESSIONS];
static int parked_count, queue_from, queue_length;
static long connections;

static void connect_session(session *s);

static void next_in_queue(void) {
  if (!queue_length || connections >= most) return;
  session *s = queue[queue_from];
  queue_from = (queue_from + 1) % MOST_SESSIONS;
  queue_length--;
  connect_session(s);
}

// For the next one that wants one; its place is free in any case.
static void park(session *s) {
  if (s->fd < 0) return;
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
  parked[parked_count].fd = s->fd;
  parked[parked_count++].host = s->host % host_count;
  s->fd = -1;
  s->registered = false;
  connections--;
  next_in_queue();
}

static void hang_up(session *s) {
  if (s->phase == READING) live--;
  if (s->fd >= 0) {
    close(s->fd);
    connections--;
    next_in_queue();
  }
  s->fd = -1;
  s->registered = false;
  s->in.length = s->out.length = s->line.length = 0;
  http_reset(&s->response);
}

static void end_session(session *s) {
  hang_up(s);
  s->phase = SERVED;
  buffer_free(&s->in), buffer_free(&s->out), buffer_free(&s->line), buffer_free(&s->response.line);
  running--;
  unserved--;
  now_count.served++;
}

static void send_out(session *s) {
  while (s->out.length) {
    ssize_t n = send(s->fd, s->out.at, s->out.length, MSG_NOSIGNAL);
    if (n < 0) break;
    buffer_drop(&s->out, (uint32_t)n);
  }
  bool reads = !(s->slow && s->phase == READING);
  set_events(s, (reads ? EPOLLIN : 0) | (s->out.length ? EPOLLOUT : 0));
}

static void add_request(session *s, const char *method, const char *to, const char *more, const char *body) {
  char head[1200];
  int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s%s%s", method, to, host_names[s->host % host_count],
                   *key ? (openai ? "Authorization: Bearer " : "X-API-Key: ") : "", key, *key ? "\r\n" : "", headers, more);
  buffer_add(&s->out, head, (uint32_t)n);
  if (body) {
    n = snprintf(head, sizeof head, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buffer_add(&s->out, head, (uint32_t)n);
  }
  buffer_add(&s->out, "\r\n", 2);
  if (body) buffer_add(&s->out, body, (uint32_t)strlen(body));
}

static void ask(session *s) {
  static char body[70000];
  static char padding[65536];
  if (!padding[0]) memset(padding, 'x', sizeof padding - 1);
  char more[128];
  char mark[80];
  snprintf(mark, sizeof mark, "[[n=%u t=%u r=%g]]", s->answer, s->tokens, pace);
  if (openai) {
    snprintf(body, sizeof body,
             "{\"model\":\"%s\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":%u,\"messages\":[{\"role\":\"user\","
             "\"content\":\"%.*s %s\"}]}",
             model, s->tokens, (int)pad, padding, mark);
    more[0] = 0;
  } else {
    char in_conversation[48] = "";
    if (s->conversation > 0) snprintf(in_conversation, sizeof in_conversation, ",\"conversation_id\":%lld", (long long)s->conversation);
    snprintf(body, sizeof body, "{\"user_id\":\"load-%ld\",\"message\":\"%.*s %s\",\"max_tokens\":%u%s}", s->number % users, (int)pad, padding,
             mark, s->tokens, in_conversation);
    snprintf(more, sizeof more, "Idempotency-Key: load-%ld-%u\r\n", seed, s->answer);
  }
  s->phase = ASKING;
  s->asked_us = clock_us;
  http_reset(&s->response);
  s->line.length = 0;
  static const char *const paths[] = {"/stream-chat", NULL, "/chat", "/async-chat"};
  add_request(s, "POST", openai ? path : paths[asks], more, body);
  send_out(s);
}

static void attach(session *s) {
  char to[80], more[160];
  snprintf(to, sizeof to, asks == ASYNC ? "/check-response/%s" : "/stream/%s", s->id);
  if (asks == ASYNC) more[0] = 0;
  else if (s->event_id[0]) snprintf(more, sizeof more, "Accept: text/event-stream\r\nLast-Event-ID: %s\r\n", s->event_id);
  else snprintf(more, sizeof more, "Accept: text/event-stream\r\n");
  s->phase = ATTACHING;
  http_reset(&s->response);
  s->line.length = 0;
  s->event[0] = 0;
  add_request(s, "GET", to, more, NULL);
  send_out(s);
}

static void ask(session *s);
static void attach(session *s);

static void speak(session *s) {
  if (s->resumes) attach(s);
  else ask(s);
}

static void connect_session(session *s) {
  if (connections >= most) {
    queue[(queue_from + queue_length++) % MOST_SESSIONS] = s;
    return;
  }
  connections++;
  if (parked_count) {
    s->fd = parked[--parked_count].fd;
    s->host = parked[parked_count].host;
    return speak(s);
  }
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (s->fd < 0) die("socket");
  no_delay(s->fd);
  if (s->slow) {
    int room = 4096;
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  if (sources > 1) {
    int one = 1;
    setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002u + s->number % sources)};
    if (bind(s->fd, (struct sockaddr *)&from, sizeof from)) die("bind");
  }
  s->phase = CONNECTING;
  connect(s->fd, (struct sockaddr *)&hosts[s->host % host_count], sizeof hosts[0]);
  set_events(s, EPOLLOUT);
}

static void begin_turn(session *s) {
  static uint32_t answers;
  s->answer = (uint32_t)(seed << 20) + ++answers;
  double length = token_count * (sigma > 0 ? exp(sigma * rng_normal(&random_state)) : 1);
  double most = token_count * 8.0;
  // Fewer than ten are refused.
  s->tokens = (uint32_t)fmax(10, fmin(length, most));
  s->position = 0;
  s->filled = 0;
  s->unsure = s->began_text = s->resumes = s->done = false;
  s->event_id[0] = s->id[0] = 0;
  s->tries = 0;
  now_count.asked++;
  if (s->fd >= 0) ask(s);
  else connect_session(s);
}

// Again after a while, elsewhere: the question under the same key, or the rest of the answer.
static void again(session *s) {
  bool had_stream = s->phase == READING || s->phase == ATTACHING || s->phase == POLLING || s->resumes;
  hang_up(s);
  if (openai || ++s->tries > MOST_TRIES) {
    now_count.failed++;
    count_code("given up", NULL);
    end_session(s);
    return;
  }
  s->resumes = had_stream && s->id[0];
  if (s->resumes && !s->broke_us) s->broke_us = clock_us;
  if (s->resumes) now_count.reconnects++;
  s->host++;
  s->phase = ABSENT;
  later(s, clock_us + 100000 + rng_next(&random_state) % 400000);
}

static void next_turn(session *s) {
  if (s->response.closes) hang_up(s);
  else if (asks >= SYNC) park(s);
  if (--s->turns_left <= 0) return end_session(s);
  s->phase = THINKING;
  if (s->fd >= 0) set_events(s, EPOLLIN);
  double wait = rng_exponential(&random_state, think);
  s->scheduled_us = clock_us + (uint64_t)(wait * 1e6);
  later(s, s->scheduled_us);
}

static void take_text(session *s, const char *text, uint32_t n) {
  if (!s->began_text && n) {
    s->began_text = true;
    hist_add(&now_count.ttft, (int64_t)(clock_us - s->scheduled_us));
  }
  now_count.bytes += n;
  now_count.events++;
  while (n) {
    uint32_t part = RECORD - (uint32_t)s->filled;
    if (part > n) part = n;
    memcpy(s->record + s->filled, text, part);
    s->filled += (int)part;
    text += part;
    n -= part;
    if (s->filled < RECORD) return;
    int64_t age = record_age(s->record, s->position, s->answer, clock_us);
    if (age < 0 && !s->unsure) now_count.torn++;
    else hist_add(&now_count.delay, age < 0 ? 0 : age);
    now_count.tokens++;
    s->unsure = false;
    s->filled = 0;
    s->position++;
  }
}

static void end_answer(session *s) {
  s->done = true;
  if (s->position != s->tokens || s->filled) {
    now_count.lost += s->position < s->tokens ? (s->tokens - s->position) * RECORD : (s->position - s->tokens) * RECORD;
    if (s->filled) now_count.lost += RECORD;
  }
  now_count.finished++;
}

// The answer of `sync` and `async`, in a reply of JSON. False where it is not there.
static bool take_whole(session *s) {
  char *text = strstr(s->line.at, "\"response\":\"");
  if (!text) return false;
  text += 12;
  char *end = strchr(text, '"');
  if (!end) return false;
  take_text(s, text, (uint32_t)(end - text));
  end_answer(s);
  return true;
}

static void error_event(const char *data) {
  now_count.error_events++;
  count_code("event", data);
}

static void take_named(session *s, const char *data) {
  if (!strcmp(s->event, "restart")) s->position = 0, s->filled = 0;
  else if (!strcmp(s->event, "rewind")) {
    const char *offset = strstr(data, "\"offset\":");
    uint32_t bytes = offset ? (uint32_t)strtoul(offset + 9, NULL, 10) : 0;
    s->position = bytes / RECORD;
    s->filled = (int)(bytes % RECORD);
    s->unsure = s->filled > 0;
  } else if (!strcmp(s->event, "error")) error_event(data);
}

static void take_line(session *s, char *line, uint32_t n) {
  if (n && line[n - 1] == '\r') n--;
  line[n] = 0;
  if (n == 0) {
    s->event[0] = 0;
    return;
  }
  if (!strncmp(line, "id: ", 4)) snprintf(s->event_id, sizeof s->event_id, "%s", line + 4);
  else if (!strncmp(line, "event: ", 7)) snprintf(s->event, sizeof s->event, "%.15s", line + 7);
  else if (!strncmp(line, "data: ", 6)) {
    char *data = line + 6;
    if (!strcmp(data, "[DONE]")) return end_answer(s);
    if (s->event[0]) return take_named(s, data);
    const char *name = openai ? "\"content\":" : "\"token\":";
    char *text = strstr(data, name);
    if (!text) {
      if (openai && strstr(data, "\"error\"")) error_event(data);
      return;
    }
    text += strlen(name);
    while (*text == ' ') text++;
    if (*text++ != '"') return;
    char *end = strchr(text, '"');
    if (end && end > text) take_text(s, text, (uint32_t)(end - text));
  }
}

static void take_body(void *to, const char *bytes, uint32_t n) {
  session *s = to;
  bool stream = (s->phase == READING) && s->response.status == 200;
  buffer_add(&s->line, bytes, n);
  if (!stream) return;
  uint32_t from = 0;
  for (;;) {
    char *end = memchr(s->line.at + from, '\n', s->line.length - from);
    if (!end) break;
    uint32_t at = (uint32_t)(end - s->line.at);
    take_line(s, s->line.at + from, at - from);
    from = at + 1;
  }
  buffer_drop(&s->line, from);
}

static void began_reading(session *s) {
  s->phase = READING;
  live++;
  now_count.begun++;
  if (s->broke_us) {
    hist_add(&now_count.resume, (int64_t)(clock_us - s->broke_us));
    s->broke_us = 0;
  }
  if (s->slow) {
    set_events(s, 0);
    later(s, clock_us + 1000000);
  }
}

static void refused(session *s) {
  char status[16];
  snprintf(status, sizeof status, "%d", s->response.status);
  buffer_add(&s->line, "", 1);
  count_code(status, s->line.at);
  // A stream that has nothing more to give: all of it is there.
  if (s->phase == ATTACHING && s->response.status == 204) {
    end_answer(s);
    return next_turn(s);
  }
  again(s);
}

static void look_later(session *s) {
  if (s->response.closes) hang_up(s);
  else park(s);
  s->line.length = 0;
  s->resumes = true;
  s->phase = POLLING;
  later(s, clock_us + (uint64_t)(poll_seconds * 1e6));
}

// A whole response is there.
static void take_response(session *s) {
  if (s->phase == READING) {
    if (!s->done) return again(s);
    live--;
    s->phase = THINKING;
    return next_turn(s);
  }
  if (s->response.status != 200) return refused(s);
  buffer_add(&s->line, "", 1);
  if (asks == SYNC) return take_whole(s) ? next_turn(s) : again(s);
  if (asks == ASYNC && s->phase == ATTACHING) return take_whole(s) ? next_turn(s) : look_later(s);
  if (s->phase == ASKING && !openai) {
    char *id = strstr(s->line.at, "\"correlation_id\":\"");
    if (!id) return again(s);
    sscanf(id + 18, "%47[^\"]", s->id);
    char *conversation = strstr(s->line.at, "\"conversation_id\":");
    if (conversation) s->conversation = strtoll(conversation + 18, NULL, 10);
    hist_add(&now_count.ack, (int64_t)(clock_us - s->scheduled_us));
    hist_add(&ack_whole, (int64_t)(clock_us - s->scheduled_us));
    s->tries = 0;
    if (asks == ASYNC) return look_later(s);
    if (s->response.closes) {
      hang_up(s);
      s->resumes = true;
      return connect_session(s);
    }
    return attach(s);
  }
  again(s);
}

static void take_bytes(session *s, const char *bytes, uint32_t n) {
  while (n) {
    bool head = s->response.state == HEAD;
    uint32_t taken;
    if (head) {
      // The head first, so that the phase is known before its body comes.
      taken = 0;
      while (taken < n && s->response.state == HEAD) taken += http_feed(&s->response, bytes + taken, 1, take_body, s);
      bool answers = (s->phase == ATTACHING && asks == STREAM) || (s->phase == ASKING && openai);
      if (s->response.state != HEAD && answers && s->response.status == 200) began_reading(s);
    } else taken = http_feed(&s->response, bytes, n, take_body, s);
    bytes += taken;
    n -= taken;
    if (s->response.state != WHOLE) continue;
    take_response(s);
    if (s->fd < 0 || s->phase == THINKING) return;
  }
}

static void broke(session *s) {
  // A stream without a declared end, as some proxies make of it.
  if (s->phase == READING && s->done) {
    s->response.closes = true;
    return take_response(s);
  }
  if (s->phase == THINKING) return hang_up(s);
  again(s);
}

static void readable(session *s, uint32_t most) {
  static char bytes[65536];
  ssize_t n = recv(s->fd, bytes, most < sizeof bytes ? most : sizeof bytes, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return broke(s);
  clock_us = now_us();
  take_bytes(s, bytes, (uint32_t)n);
}

static void writable(session *s) {
  if (s->phase != CONNECTING) return send_out(s);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) return again(s);
  speak(s);
}

static void timer(session *s) {
  if (s->phase == SERVED) return;
  if (s->phase == READING && s->slow) {
    readable(s, 1);
    if (s->phase == READING) later(s, clock_us + 1000000);
  } else if (s->phase == THINKING) begin_turn(s);
  else if (s->phase == POLLING) connect_session(s);
  else if (s->phase == ABSENT && s->fd < 0) {
    if (s->tries == 0 && !s->resumes) {
      running++;
      begin_turn(s);
    } else connect_session(s);
  }
}

static void print_counts(void) {
  printf("{\"at\":%.3f,\"live\":%ld,\"running\":%ld,\"asked\":%llu,\"begun\":%llu,\"finished\":%llu,\"tokens\":%llu,\"bytes\":%llu,"
         "\"events\":%llu,\"torn\":%llu,\"lost\":%llu,\"failed\":%llu,\"reconnects\":%llu,\"errors\":%llu,\"served\":%llu,\"codes\":{",
         now_us() / 1e6, live, running, (unsigned long long)now_count.asked, (unsigned long long)now_count.begun,
         (unsigned long long)now_count.finished, (unsigned long long)now_count.tokens, (unsigned long long)now_count.bytes,
         (unsigned long long)now_count.events, (unsigned long long)now_count.torn, (unsigned long long)now_count.lost,
         (unsigned long long)now_count.failed, (unsigned long long)now_count.reconnects, (unsigned long long)now_count.error_events,
         (unsigned long long)now_count.served);
  const char *comma = "";
  for (int i = 0; i < MOST_CODES && now_count.codes[i].count; i++)
    printf("%s\"%s\":%llu", comma, now_count.codes[i].name, (unsigned long long)now_count.codes[i].count), comma = ",";
  printf("},");
  hist_print(stdout, "ttft", &now_count.ttft), printf(",");
  hist_print(stdout, "delay", &now_count.delay), printf(",");
  hist_print(stdout, "ack", &now_count.ack), printf(",");
  hist_print(stdout, "ackWhole", &ack_whole), printf(",");
  hist_print(stdout, "resume", &now_count.resume);
  printf("}\n");
  fflush(stdout);
  memset(&now_count, 0, sizeof now_count);
}

static void cut_all(void) {
  for (long i = 0; i < session_count; i++) {
    session *s = &sessions[i];
    if (s->phase != READING || s->slow || openai) continue;
    hang_up(s);
    s->resumes = true;
    s->broke_us = clock_us;
    s->host++;
    now_count.reconnects++;
    connect_session(s);
  }
}

static bool command(void) {
  static char text[4096];
  static size_t length;
  ssize_t n = read(0, text + length, sizeof text - 1 - length);
  if (n <= 0) return false;
  length += (size_t)n;
  text[length] = 0;
  for (char *end; (end = strchr(text, '\n'));) {
    *end = 0;
    if (!strcmp(text, "mark")) print_counts();
    else if (!strcmp(text, "cut")) cut_all();
    else if (!strncmp(text, "hosts ", 6)) parse_hosts(text + 6);
    else if (!strcmp(text, "quit")) return false;
    length -= (size_t)(end + 1 - text);
    memmove(text, end + 1, length + 1);
  }
  return true;
}

static void parse(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (!value) fprintf(stderr, "name=value, not %s\n", argv[i]), exit(2);
    *value++ = 0;
    const char *name = argv[i];
    struct { const char *name; long *to; } whole[] = {{"sessions", &session_count}, {"turns", &turn_count}, {"tokens", &token_count},
        {"pad", &pad}, {"users", &users}, {"sources", &sources}, {"slow", &slow_count}, {"seed", &seed}, {"most", &most}};
    struct { const char *name; double *to; } real[] = {{"rate", &rate}, {"think", &think}, {"sigma", &sigma}, {"pace", &pace}, {"poll", &poll_seconds}};
    struct { const char *name; const char **to; } text[] = {{"mode", &mode}, {"key", &key}, {"model", &model}, {"path", &path}, {"headers", &headers}};
    bool known = !strcmp(name, "hosts");
    if (known) parse_hosts(value);
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++)
      if (!strcmp(name, whole[k].name)) *whole[k].to = strtol(value, NULL, 10), known = true;
    for (size_t k = 0; k < sizeof real / sizeof *real; k++)
      if (!strcmp(name, real[k].name)) *real[k].to = strtod(value, NULL), known = true;
    for (size_t k = 0; k < sizeof text / sizeof *text; k++)
      if (!strcmp(name, text[k].name)) *text[k].to = value, known = true;
    if (!known) fprintf(stderr, "there is no %s\n", name), exit(2);
  }
  static const char *const ways[] = {"stream", "openai", "sync", "async"};
  while (asks <= ASYNC && strcmp(mode, ways[asks])) asks++;
  if (asks > ASYNC) fprintf(stderr, "there is no mode %s\n", mode), exit(2);
  openai = asks == OPENAI;
  if (!host_count) fprintf(stderr, "hosts=IP:PORT is missing\n"), exit(2);
  if (session_count > MOST_SESSIONS || pad > 65000) fprintf(stderr, "at most %d sessions and 65000 bytes\n", MOST_SESSIONS), exit(2);
}

int main(int argc, char **argv) {
  parse(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  init_digits();
  random_state = 0x9E3779B97F4A7C15ULL ^ (uint64_t)seed * 0xBF58476D1CE4E5B9ULL;
  sessions = calloc((size_t)session_count, sizeof *sessions);
  unserved = session_count;
  epoll_fd = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[1024];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &e);
  clock_us = now_us();
  double at = 0;
  for (long i = 0; i < session_count; i++) {
    session *s = &sessions[i];
    s->fd = -1;
    s->number = (uint32_t)i;
    s->host = (int)(i % host_count);
    s->turns_left = (int)turn_count;
    s->slow = i < slow_count;
    at += rng_exponential(&random_state, 1 / rate);
    s->scheduled_us = clock_us + (uint64_t)(at * 1e6);
    later(s, s->scheduled_us);
  }
  while (unserved) {
    int wait = heap_size ? (int)((int64_t)(heap[0].at - now_us()) / 1000) : 100;
    int n = epoll_wait(epoll_fd, events, 1024, wait < 0 ? 0 : wait > 100 ? 100 : wait);
    clock_us = now_us();
    for (int i = 0; i < n; i++) {
      session *s = events[i].data.ptr;
      if (!s) {
        if (!command()) goto end;
        continue;
      }
      if (s->fd < 0) continue;
      if (events[i].events & EPOLLOUT) writable(s);
      if (s->fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && s->phase != CONNECTING) readable(s, 65536);
      else if (s->fd >= 0 && s->phase == CONNECTING && (events[i].events & (EPOLLHUP | EPOLLERR))) again(s);
    }
    for (session *s; (s = due());) timer(s);
  }
end:
  print_counts();
}
