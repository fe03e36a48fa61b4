/* Event streams: HTTP heads, chunks, lines, frames, and the check of every stream's numbers. */
#include "sseload.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18 };
struct tally tally;
static u64 read_at;

void append(struct text *text, const char *bytes, size_t count) {
    if (text->length + count + 1 > text->capacity) {
        text->capacity = (text->length + count) * 2 + 512;
        text->bytes = realloc(text->bytes, text->capacity);
    }
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = 0;
}

static u64 number(const char *p, const char *end) {
    u64 value = 0;
    while (p < end && *p >= '0' && *p <= '9') value = value * 10 + (*p++ - '0');
    return value;
}

/* `"seq":` can't be met inside a string, where its quotes are escaped. Nearly every line has the key that the
 * line before had, so that one is tried first. */
static u64 find_send_time(const char *p, const char *end) {
    static const char *keys[] = {"\"t\":", "\"content\":\"t="};
    static int usual;
    for (int i = 0; i < 2; i++) {
        const char *key = keys[usual ^ i], *hit = memmem(p, end - p, key, strlen(key));
        if (hit) {
            usual ^= i;
            return number(hit + strlen(key), end);
        }
    }
    return 0;
}

static void take_frame(struct stream *s) {
    s->has_seq = false;
    if (!s->started || s->seq > s->last) {
        u64 ahead = s->started ? s->seq - s->last : 1;
        tally.missing += ahead - 1;
        s->arrived = (ahead < 64 ? s->arrived << ahead : 0) | 1;
        s->last = s->seq;
        s->started = true;
    } else {
        u64 back = s->last - s->seq;
        if (back >= 64 || s->arrived >> back & 1) {
            tally.duplicates++;
            return;
        }
        s->arrived |= 1ull << back;
        tally.late++;
        tally.missing--;
    }
    if (!s->sent_at) return;
    tally.delivered++;
    tally.last_delivery = read_at;
    record(&tally.latency, read_at > s->sent_at ? read_at - s->sent_at : 0);
}

static bool begins(const char *line, size_t length, const char *with) {
    return length >= strlen(with) && !memcmp(line, with, strlen(with));
}

static void take_line(struct stream *s, const char *line, size_t length) {
    if (length && line[length - 1] == '\r') length--;
    if (!length) {
        if (s->has_seq) take_frame(s);
    } else if (begins(line, length, "data:")) {
        const char *end = line + length, *hit = memmem(line, length, "\"seq\":", 6);
        if (!hit) return;
        s->has_seq = true;
        s->seq = number(hit + 6, end);
        s->sent_at = find_send_time(hit, end);
    } else if (begins(line, length, "event: stream-")) {
        tally.resets += begins(line, length, "event: stream-reset");
        tally.closings += begins(line, length, "event: stream-closing");
    }
}

static void take_body(struct stream *s, const char *p, size_t length) {
    const char *end = p + length, *newline;
    if (s->rest.length) {
        newline = memchr(p, '\n', length);
        append(&s->rest, p, newline ? (size_t)(newline - p) : length);
        if (!newline) return;
        take_line(s, s->rest.bytes, s->rest.length);
        s->rest.length = 0;
        p = newline + 1;
    }
    for (; p < end && (newline = memchr(p, '\n', end - p)); p = newline + 1) take_line(s, p, newline - p);
    append(&s->rest, p, end - p);
}

static void take_chunks(struct stream *s, const char *p, size_t length) {
    const char *end = p + length;
    while (p < end) {
        char c = *p;
        switch (s->chunk) {
        case CHUNK_SIZE:
            if (c >= '0' && c <= '9') s->chunk_left = s->chunk_left * 16 + c - '0', p++;
            else if ((c | 32) >= 'a' && (c | 32) <= 'f') s->chunk_left = s->chunk_left * 16 + (c | 32) - 'a' + 10, p++;
            else s->chunk = CHUNK_SIZE_END;
            break;
        case CHUNK_SIZE_END:
            p++;
            if (c == '\n') s->chunk = s->chunk_left ? CHUNK_DATA : CHUNK_DATA_END;
            break;
        case CHUNK_DATA: {
            size_t count = (u64)(end - p) < s->chunk_left ? (size_t)(end - p) : s->chunk_left;
            take_body(s, p, count);
            p += count;
            s->chunk_left -= count;
            if (!s->chunk_left) s->chunk = CHUNK_DATA_END;
            break;
        }
        case CHUNK_DATA_END:
            p++;
            if (c == '\n') s->chunk = CHUNK_SIZE;
            break;
        }
    }
}

static void take_bytes(struct stream *s, const char *p, size_t length) {
    if (s->open) {
        (s->chunked ? take_chunks : take_body)(s, p, length);
        return;
    }
    append(&s->rest, p, length);
    char *head_end = strstr(s->rest.bytes, "\r\n\r\n");
    if (!head_end) return;
    if (strncmp(s->rest.bytes, "HTTP/1.1 200", 12)) die("stream refused: %.300s", s->rest.bytes);
    *head_end = 0;
    s->open = true;
    s->chunked = strcasestr(s->rest.bytes, "transfer-encoding: chunked");
    tally.opened++;
    size_t begun = s->rest.bytes + s->rest.length - (head_end + 4);
    struct text head = s->rest;
    s->rest = (struct text){0};
    take_bytes(s, head_end + 4, begun);
    free(head.bytes);
}

void read_stream(struct stream *s) {
    static char buffer[READ_BYTES];
    ssize_t length = read(s->fd, buffer, sizeof buffer);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
        if (!s->open) die("stream refused: the connection was closed");
        tally.ended_early++;
        close(s->fd);
        s->fd = -1;
        return;
    }
    read_at = now_ns();
    tally.bytes += length;
    take_bytes(s, buffer, length);
}
