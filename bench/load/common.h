// What the two generators share: the clock, latency histograms, and the record that answers are made of.
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// CLOCK_MONOTONIC is one clock for all processes of a machine: what one writes into a token, another may subtract.
static inline uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

// ---- Histogram: 32 steps per power of two (±1.6 %), microseconds up to 2^40 ----
#define HIST_STEPS 32
#define HIST_SIZE (36 * HIST_STEPS)
typedef struct {
  uint64_t count, sum, max;
  uint32_t at[HIST_SIZE];
} hist;

static inline int hist_index(uint64_t v) {
  if (v < HIST_STEPS) return (int)v;
  int top = 63 - __builtin_clzll(v);
  int index = (top - 4) * HIST_STEPS + (int)((v >> (top - 5)) & (HIST_STEPS - 1));
  return index < HIST_SIZE ? index : HIST_SIZE - 1;
}

static inline double hist_value(int index) {
  if (index < HIST_STEPS) return index;
  int top = index / HIST_STEPS + 4;
  return ldexp(HIST_STEPS + index % HIST_STEPS + 0.5, top - 5);
}

static inline void hist_add(hist *h, int64_t v) {
  uint64_t u = v < 0 ? 0 : (uint64_t)v;
  h->count++;
  h->sum += u;
  if (u > h->max) h->max = u;
  h->at[hist_index(u)]++;
}

static inline double hist_quantile(const hist *h, double q) {
  if (h->count == 0) return 0;
  uint64_t want = (uint64_t)ceil(q * h->count), seen = 0;
  for (int i = 0; i < HIST_SIZE; i++) {
    seen += h->at[i];
    if (seen >= want) return hist_value(i) < h->max ? hist_value(i) : h->max;
  }
  return h->max;
}

// `"name":{"count":…,"mean":…,"p50":…,…}` in milliseconds.
static inline void hist_print(FILE *out, const char *name, const hist *h) {
  fprintf(out, "\"%s\":{\"count\":%llu,\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}", name,
          (unsigned long long)h->count, h->count ? h->sum / 1000.0 / h->count : 0, hist_quantile(h, 0.5) / 1000,
          hist_quantile(h, 0.9) / 1000, hist_quantile(h, 0.99) / 1000, hist_quantile(h, 0.999) / 1000, h->max / 1000.0);
}

// ---- Random numbers: xorshift64*, seeded ----
typedef uint64_t rng;
static inline uint64_t rng_next(rng *r) {
  *r ^= *r >> 12;
  *r ^= *r << 25;
  *r ^= *r >> 27;
  return *r * 0x2545F4914F6CDD1DULL;
}
static inline double rng_unit(rng *r) { return ((rng_next(r) >> 11) + 0.5) / 9007199254740992.0; }
static inline double rng_exponential(rng *r, double mean) { return -mean * log(rng_unit(r)); }
static inline double rng_normal(rng *r) { return sqrt(-2 * log(rng_unit(r))) * cos(2 * M_PI * rng_unit(r)); }

// ---- Token: 16 characters that need no escape in JSON ----
// ' ' · position (3) · microseconds when it was written (6) · number of the answer (2) · check of all these (4).
// Whoever reads them knows of each byte whether it is the one that was sent, and how old it is.
#define RECORD 16
static const char DIGITS[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static int8_t DIGIT_OF[256];

static inline void init_digits(void) {
  memset(DIGIT_OF, -1, sizeof DIGIT_OF);
  for (int i = 0; i < 64; i++) DIGIT_OF[(uint8_t)DIGITS[i]] = (int8_t)i;
}

static inline void put_digits(char *to, int n, uint64_t v) {
  for (int i = n - 1; i >= 0; i--, v >>= 6) to[i] = DIGITS[v & 63];
}

// -1 where a character is none of ours.
static inline int64_t get_digits(const char *from, int n) {
  int64_t v = 0;
  for (int i = 0; i < n; i++) {
    int d = DIGIT_OF[(uint8_t)from[i]];
    if (d < 0) return -1;
    v = v << 6 | d;
  }
  return v;
}

static inline uint32_t record_check(const char *record) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (int i = 0; i < RECORD - 4; i++) hash = (hash ^ (uint8_t)record[i]) * 16777619u;
  return (hash ^ hash >> 24) & 0xffffff;
}

static inline void record_write(char *to, uint32_t position, uint64_t at_us, uint32_t answer) {
  to[0] = ' ';
  put_digits(to + 1, 3, position);
  put_digits(to + 4, 6, at_us & ((1ULL << 36) - 1));
  put_digits(to + 10, 2, answer & 4095);
  put_digits(to + 12, 4, record_check(to));
}

// How old it is, in microseconds; -1 where it is not the token of this place.
static inline int64_t record_age(const char *from, uint32_t position, uint32_t answer, uint64_t now) {
  if (from[0] != ' ' || get_digits(from + 1, 3) != position || get_digits(from + 10, 2) != (int64_t)(answer & 4095)) return -1;
  if (get_digits(from + 12, 4) != record_check(from)) return -1;
  return (int64_t)((now - (uint64_t)get_digits(from + 4, 6)) & ((1ULL << 36) - 1));
}

// ---- Growing buffer ----
typedef struct {
  char *at;
  uint32_t length, room;
} buffer;

static inline void buffer_add(buffer *b, const char *bytes, uint32_t n) {
  if (b->length + n > b->room) {
    b->room = (b->length + n) * 2;
    b->at = realloc(b->at, b->room);
    if (!b->at) die("memory");
  }
  memcpy(b->at + b->length, bytes, n);
  b->length += n;
}

static inline void buffer_drop(buffer *b, uint32_t n) {
  b->length -= n;
  if (b->length) memmove(b->at, b->at + n, b->length);
}

static inline void buffer_free(buffer *b) {
  free(b->at);
  *b = (buffer){0};
}

static inline void no_delay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}
