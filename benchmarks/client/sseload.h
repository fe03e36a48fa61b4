/* What the three parts of sseload share: measure.c (clock, latencies, the server's cost), streams.c (event streams
 * and how they are read) and sseload.c (options, publisher, probe, scenarios). */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
enum { SECOND = 1000000000 };

void die(const char *format, ...) __attribute__((noreturn));

/* ---- measure.c ---- */

struct histogram { u64 counts[58 * 128], total, highest; };

u64 now_ns(void);
void record(struct histogram *h, u64 ns);
double quantile_us(const struct histogram *h, double q);
u64 of_server(const char *pids, u64 (*figure)(int pid)); /* the sum over a list like 12,34 */
u64 cpu_ns_of(int pid);                                  /* 0: this process */
u64 rss_of(int pid);

/* ---- streams.c ---- */

struct text { char *bytes; size_t length, capacity; };

struct stream {
    int fd, session;
    bool open, chunked, started, has_seq;
    enum { CHUNK_SIZE, CHUNK_SIZE_END, CHUNK_DATA, CHUNK_DATA_END } chunk;
    u64 chunk_left;
    struct text rest;  /* the head so far, later a line that is not yet whole */
    u64 seq, sent_at;  /* of the frame that is being read */
    u64 last, arrived; /* the highest seq, and which of the 64 up to it came: bit i stands for last - i */
};

struct tally { /* over all streams */
    u64 opened, delivered, missing, duplicates, late, resets, closings, ended_early, bytes, last_delivery;
    struct histogram latency;
};
extern struct tally tally;

void append(struct text *text, const char *bytes, size_t count);
void read_stream(struct stream *s);
