// One HTTP/1.1 response after the other from one connection: the head, then the body as it comes, unchunked.
#pragma once
#include "common.h"

typedef enum { HEAD, BODY_LENGTH, BODY_CHUNK_SIZE, BODY_CHUNK, BODY_CHUNK_END, BODY_TRAILER, BODY_TO_END, WHOLE } http_state;

typedef struct {
  http_state state;
  int status;
  bool closes;
  uint64_t left;
  buffer line;  // of the head, or of a chunk's size
} http_response;

static inline void http_reset(http_response *r) {
  r->state = HEAD;
  r->line.length = 0;
  r->closes = false;
}

static inline void http_head(http_response *r) {
  buffer_add(&r->line, "", 1);
  const char *head = r->line.at;
  r->status = atoi(head + 9);
  r->closes = strcasestr(head, "\r\nconnection: close") != NULL;
  const char *length = strcasestr(head, "\r\ncontent-length:");
  if (strcasestr(head, "\r\ntransfer-encoding: chunked")) r->state = BODY_CHUNK_SIZE;
  else if (r->status == 204 || r->status == 304) r->state = WHOLE;
  else if (length) {
    r->left = strtoull(length + 17, NULL, 10);
    r->state = r->left ? BODY_LENGTH : WHOLE;
  } else r->state = BODY_TO_END;
  r->line.length = 0;
}

// Takes what it can of `bytes`, hands pieces of the body to `body`, and returns how many bytes it took: all, or
// those up to the end of the response.
static inline uint32_t http_feed(http_response *r, const char *bytes, uint32_t n, void (*body)(void *, const char *, uint32_t), void *to) {
  uint32_t i = 0;
  while (i < n && r->state != WHOLE) {
    switch (r->state) {
      case HEAD:
        buffer_add(&r->line, bytes + i++, 1);
        if (r->line.length >= 4 && !memcmp(r->line.at + r->line.length - 4, "\r\n\r\n", 4)) http_head(r);
        break;
      case BODY_CHUNK_SIZE: {
        char c = bytes[i++];
        if (c != '\n') {
          buffer_add(&r->line, &c, 1);
          break;
        }
        buffer_add(&r->line, "", 1);
        r->left = strtoull(r->line.at, NULL, 16);
        r->line.length = 0;
        r->state = r->left ? BODY_CHUNK : BODY_TRAILER;
        break;
      }
      case BODY_CHUNK_END:
        if (bytes[i++] == '\n') r->state = BODY_CHUNK_SIZE;
        break;
      case BODY_TRAILER:
        if (bytes[i++] == '\n') r->state = WHOLE;
        break;
      default: {
        uint32_t part = n - i;
        if (r->state != BODY_TO_END && part > r->left) part = (uint32_t)r->left;
        body(to, bytes + i, part);
        i += part;
        if (r->state == BODY_TO_END) break;
        r->left -= part;
        if (r->left == 0) r->state = r->state == BODY_CHUNK ? BODY_CHUNK_END : WHOLE;
      }
    }
  }
  return i;
}
