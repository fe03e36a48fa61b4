/* sseload: opens event streams, drives a publisher, counts every delivery.
 *
 *     gcc -O2 -o sseload *.c
 *     sseload port=8400 pids=1234 mode=throughput streams=100 sessions=1 seconds=2
 *
 * Options are key=value (see `options` below); one JSON line goes to standard output. One thread and one epoll
 * set, because the client must stay far cheaper than any server that it measures: it never copies a frame that
 * arrived whole and allocates nothing per delivery.
 *
 * What counts as a delivery: a frame whose data has a "seq" member and a send time, either a member "t" or a
 * content that begins with `t=`; both are CLOCK_MONOTONIC nanoseconds of the server, which runs on this machine.
 * A frame with "seq" alone takes part in the check for gaps; any other frame (connected, caught-up, heartbeat)
 * is passed over, save stream-reset and stream-closing, which are counted apart.
 */
#include "sseload.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_OPENING = 128, STALL_SECONDS = 6, PIPELINE = 64 };

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* ---- options ---- */

static int port, streams_wanted = 1, sessions = 1, batch = 500, window = 250, burst = 1, rate = 1000, each;
static double seconds = 2, settle = 0.5, open_timeout = 120, probe_hz = 20;
static u64 replay_events;
static const char *mode = "throughput", *pids = "", *token_file = "", *after = "", *resume = "header", *probe = "",
                  *events_path = "/api/session/{session}/events", *publish_path = "/publish";

static const struct { const char *name; int *number; double *real; u64 *count; const char **text; } options[] = {
    {"port", &port},
    {"mode", .text = &mode},                 /* throughput, paced, idle, replay */
    {"pids", .text = &pids},                 /* the server's processes: their memory and CPU are read */
    {"token_file", .text = &token_file},     /* sent as `Authorization: Bearer` */
    {"events_path", .text = &events_path},   /* {session} becomes sess00000000, sess00000001, ... */
    {"streams", &streams_wanted},
    {"sessions", &sessions},                 /* stream i follows session i % sessions */
    {"after", .text = &after},               /* the cursor to open at; none: from now */
    {"resume", .text = &resume},             /* header: Last-Event-ID, query: ?after= */
    {"seconds", .real = &seconds},           /* how long is published */
    {"batch", &batch},                       /* throughput: events a publish call */
    {"window", &window},                     /* throughput: the next call when no more than this many events are out */
    {"burst", &burst},                       /* throughput: events before the publisher yields */
    {"rate", &rate},                         /* paced: events a second over all sessions */
    {"events", .count = &replay_events},     /* replay: events that each stream has to bring */
    {"settle", .real = &settle},             /* rest between opening and publishing */
    {"open_timeout", .real = &open_timeout}, /* seconds */
    {"probe", .text = &probe},               /* a path that is asked for all the time, on a connection of its own */
    {"probe_hz", .real = &probe_hz},
    {"each", &each},                         /* 1: no publisher in the server, every event is a POST from here */
    {"publish_path", .text = &publish_path}, /* with each=1; {session} as above */
};

static void parse_options(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        char *value = strchr(arguments[i], '=');
        size_t o = 0, known = sizeof options / sizeof *options;
        if (value) *value++ = 0;
        while (o < known && strcmp(options[o].name, arguments[i])) o++;
        if (!value || o == known) die("unknown option %s", arguments[i]);
        if (options[o].number) *options[o].number = atoi(value);
        else if (options[o].real) *options[o].real = atof(value);
        else if (options[o].count) *options[o].count = strtoull(value, 0, 10);
        else *options[o].text = value;
    }
}

static void expand(char *out, size_t size, const char *template, int session) {
    const char *hole = strstr(template, "{session}");
    if (!hole) snprintf(out, size, "%s", template);
    else snprintf(out, size, "%.*ssess%08d%s", (int)(hole - template), template, session, hole + strlen("{session}"));
}

/* ---- connections ---- */

static char authorization[512] = "";
static int poller;
static struct stream *streams;

static void read_token(void) {
    if (!*token_file) return;
    char token[256] = "";
    FILE *file = fopen(token_file, "r");
    if (!file || !fgets(token, sizeof token, file)) die("no token in %s", token_file);
    fclose(file);
    token[strcspn(token, "\r\n")] = 0;
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s\r\n", token);
}

static void watch(int fd, int operation, uint32_t events, u64 key) {
    struct epoll_event event = {.events = events, .data.u64 = key};
    if (epoll_ctl(poller, operation, fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
}

static int dial(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) die("socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (void *)&address, sizeof address) < 0 && errno != EINPROGRESS) die("connect: %s", strerror(errno));
    return fd;
}

/* ---- callers: the publisher's and the probe's connection ---- */

struct caller { int fd; u64 key, in_flight; struct text out, in; size_t written; bool blocked; };
static struct caller publisher = {.key = ~0ull}, prober = {.key = ~1ull};
static struct histogram probe_ns;
static u64 probe_due, probe_asked, probe_failures;
static bool probe_was_late;

static void flush(struct caller *c) {
    while (c->written < c->out.length) {
        ssize_t n = write(c->fd, c->out.bytes + c->written, c->out.length - c->written);
        if (n < 0 && errno != EAGAIN && errno != ENOTCONN) die("write: %s", strerror(errno));
        if (n < 0) break;
        c->written += n;
    }
    if (c->written == c->out.length) c->written = c->out.length = 0;
    if (c->blocked == (c->out.length > 0)) return;
    c->blocked = !c->blocked;
    watch(c->fd, EPOLL_CTL_MOD, c->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, c->key);
}

static void call(struct caller *c, const char *method, const char *path, const char *body) {
    char head[1024];
    size_t length = strlen(body);
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s",
                     method, path, port, authorization);
    if (length) n += snprintf(head + n, sizeof head - n, "Content-Type: application/json\r\n");
    if (*method == 'P') n += snprintf(head + n, sizeof head - n, "Content-Length: %zu\r\n", length);
    n += snprintf(head + n, sizeof head - n, "\r\n");
    append(&c->out, head, n);
    append(&c->out, body, length);
    c->in_flight++;
    flush(c);
}

static void answered(struct caller *c, bool well) {
    c->in_flight--;
    if (c == &prober) {
        u64 now = now_ns();
        record(&probe_ns, now - probe_asked);
        probe_failures += !well;
        probe_was_late = now > probe_due;
    } else if (!well) die("publish refused: %.300s", c->in.bytes);
}

static void read_answers(struct caller *c) {
    char buffer[65536];
    ssize_t length = read(c->fd, buffer, sizeof buffer);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) die("the server closed the %s's connection", c == &prober ? "probe" : "publisher");
    append(&c->in, buffer, length);
    char *p = c->in.bytes, *head_end;
    while ((head_end = strstr(p, "\r\n\r\n"))) {
        *head_end = 0;
        const char *content_length = strcasestr(p, "content-length:");
        bool chunked = strcasestr(p, "transfer-encoding: chunked"), well = !strncmp(p, "HTTP/1.1 20", 11);
        *head_end = '\r';
        char *end = head_end + 4 + (content_length ? atoi(content_length + 15) : 0);
        if (chunked) end = (end = strstr(head_end + 4, "0\r\n\r\n")) ? end + 5 : c->in.bytes + c->in.length + 1;
        if (end > c->in.bytes + c->in.length) break;
        answered(c, well);
        p = end;
    }
    c->in.length -= p - c->in.bytes;
    memmove(c->in.bytes, p, c->in.length + 1);
}

static void connect_caller(struct caller *c) {
    c->fd = dial();
    append(&c->in, "", 0);
    watch(c->fd, EPOLL_CTL_ADD, EPOLLIN, c->key);
}

/* A probe that could not leave in time, because the one before was still out, counts from when it was due. */
static void maybe_probe(void) {
    u64 now = now_ns();
    if (!*probe || prober.in_flight || now < probe_due) return;
    probe_asked = probe_was_late ? probe_due : now;
    probe_due += SECOND / probe_hz;
    call(&prober, "GET", probe, "");
}

static void ask_for_events(struct stream *s, u64 key) {
    char path[512], cursor[256] = "", request[2048];
    expand(path, sizeof path, events_path, s->session);
    bool by_query = !strcmp(resume, "query");
    if (*after) snprintf(cursor, sizeof cursor, by_query ? "?after=%s" : "Last-Event-ID: %s\r\n", after);
    int length = snprintf(request, sizeof request, "GET %s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Accept: text/event-stream\r\n%s%s\r\n",
                          path, by_query ? cursor : "", port, authorization, by_query ? "" : cursor);
    if (write(s->fd, request, length) != length) die("could not ask for a stream: %s", strerror(errno));
    watch(s->fd, EPOLL_CTL_MOD, EPOLLIN, key);
}

static void poll_once(int milliseconds) {
    static struct epoll_event ready[1024];
    maybe_probe();
    int count = epoll_wait(poller, ready, 1024, *probe && milliseconds ? 1 : milliseconds);
    for (int i = 0; i < count; i++) {
        u64 key = ready[i].data.u64;
        uint32_t events = ready[i].events;
        struct caller *c = key == publisher.key ? &publisher : key == prober.key ? &prober : 0;
        if (c) {
            if (events & EPOLLOUT) flush(c);
            if (events & ~EPOLLOUT) read_answers(c);
            continue;
        }
        struct stream *s = &streams[key];
        if (s->fd >= 0 && events & EPOLLOUT) ask_for_events(s, key);
        if (s->fd >= 0 && events & ~EPOLLOUT) read_stream(s);
    }
}

/* ---- scenarios ---- */

static u64 published, run_from, run_seconds_ns, rss_highest, rss_next;
static bool publishing;

static u64 fan_out(void) { return streams_wanted / sessions; }

static void publish(u64 count, int per_turn) {
    char path[256];
    snprintf(path, sizeof path, "/publish?sessions=%d&events=%lu&burst=%d", sessions, count, per_turn);
    call(&publisher, "POST", path, "");
    published += count;
}

static void publish_one(void) { /* a server without a publisher gets each event as a request */
    static u64 *seqs;
    char path[256], body[512], filler[111];
    int session = published++ % sessions;
    if (!seqs) seqs = calloc(sessions, sizeof *seqs);
    memset(filler, 'x', 110);
    filler[110] = 0;
    expand(path, sizeof path, publish_path, session);
    snprintf(body, sizeof body,
             "{\"type\":\"stdout\",\"sessionId\":\"sess%08d\",\"seq\":%lu,\"t\":%lu,\"content\":\"%s\"}", session, ++seqs[session], now_ns(), filler);
    call(&publisher, "POST", path, body);
}

static bool window_is_open(void) {
    u64 on_the_way = published * fan_out() - tally.delivered;
    return on_the_way <= window * fan_out() && publisher.in_flight < (each ? PIPELINE : 1);
}

static void publish_throughput(void) { /* a batch at least, then as long as the run lasts */
    while ((publishing = published < (u64)batch || now_ns() < run_from + run_seconds_ns) && window_is_open()) {
        if (each) publish_one();
        else publish(batch, burst);
    }
}

static void publish_paced(void) {
    u64 all = rate * seconds;
    double due = (now_ns() - run_from) / 1e9 * rate;
    char path[256];
    if (each) {
        while (published < all && published < due) publish_one();
    } else if (!published) {
        snprintf(path, sizeof path, "/pace?sessions=%d&rate=%d&seconds=%g", sessions, rate, seconds);
        call(&publisher, "POST", path, "");
        published = all;
    }
    publishing = published < all;
}

static void publish_once_to_each(void) {
    if (!each && !published) publish(sessions, sessions);
    while (published < (u64)sessions && publisher.in_flight < PIPELINE) publish_one();
    publishing = published < (u64)sessions;
}

static void publish_nothing(void) { publishing = false; }

static u64 expected(void) { return replay_events ? replay_events * streams_wanted : published * fan_out(); }

static bool run(void (*publish_more)(void), double for_seconds) { /* whether all arrived; else it stalled */
    u64 progress = tally.delivered, progress_at = run_from = now_ns();
    run_seconds_ns = for_seconds * SECOND;
    for (;;) {
        publish_more();
        if (!publishing && tally.delivered >= expected()) return true;
        poll_once(each && publishing ? 0 : 10);
        u64 now = now_ns();
        if (tally.delivered != progress) progress = tally.delivered, progress_at = now;
        if (now - progress_at > (u64)STALL_SECONDS * SECOND) return false;
        if (now < rss_next) continue;
        u64 rss = of_server(pids, rss_of); /* every 50 ms: one look costs a few microseconds */
        if (rss > rss_highest) rss_highest = rss;
        rss_next = now + SECOND / 20;
    }
}

static void rest(double for_seconds) {
    for (u64 until = now_ns() + for_seconds * SECOND; now_ns() < until;) poll_once(20);
}

static void open_streams(void) {
    int started = 0;
    u64 deadline = now_ns() + open_timeout * SECOND;
    const char *dot = strrchr(after, '.');
    while (tally.opened < (u64)streams_wanted) {
        for (; started < streams_wanted && started < (int)tally.opened + MAX_OPENING; started++) {
            struct stream *s = &streams[started];
            s->session = started % sessions;
            s->started = *after; /* the cursor tells what the first event must be */
            s->last = strtoull(dot ? dot + 1 : after, 0, 10);
            s->fd = dial();
            watch(s->fd, EPOLL_CTL_ADD, EPOLLOUT, started);
        }
        poll_once(100);
        if (now_ns() < deadline) continue;
        die("only %lu of %d streams opened in %g s", tally.opened, streams_wanted, open_timeout);
    }
}

int main(int count, char **arguments) {
    parse_options(count, arguments);
    read_token();
    if (streams_wanted % sessions) die("streams must be a multiple of sessions");
    streams = calloc(streams_wanted, sizeof *streams);
    poller = epoll_create1(0);
    probe_due = now_ns();
    if (*probe) connect_caller(&prober);

    bool replay = !strcmp(mode, "replay"), throughput = !strcmp(mode, "throughput");
    u64 rss_before = of_server(pids, rss_of);
    u64 cpu_from = of_server(pids, cpu_ns_of), client_from = cpu_ns_of(0), from = now_ns();
    open_streams();
    double connect_seconds = (now_ns() - from) / 1e9, connect_cpu = (of_server(pids, cpu_ns_of) - cpu_from) / 1e9;
    if (!replay) {
        connect_caller(&publisher);
        rest(settle);
    }
    u64 rss_open = of_server(pids, rss_of);
    if (!replay) { /* a replay runs since its stream was asked for; all else begins here */
        if (throughput && !run(publish_throughput, 0)) die("nothing arrived while warming up"); /* compilers, caches */
        published = tally.delivered = tally.bytes = 0;
        tally.latency = (struct histogram){0};
        cpu_from = of_server(pids, cpu_ns_of), client_from = cpu_ns_of(0), from = now_ns();
    }
    bool idle = !strcmp(mode, "idle");
    bool whole = run(replay       ? publish_nothing
                     : throughput ? publish_throughput
                     : idle       ? publish_once_to_each
                                  : publish_paced, seconds);
    double cpu = (of_server(pids, cpu_ns_of) - cpu_from) / 1e9, client_cpu = (cpu_ns_of(0) - client_from) / 1e9;
    if (!tally.delivered) die("nothing arrived in %d s", STALL_SECONDS);
    double took = (tally.last_delivery - from) / 1e9;
    u64 bytes = tally.bytes;
    rest(0.1); /* what comes now is too much: duplicates */

    const struct tally *t = &tally;
    printf("{\"mode\":\"%s\",\"streams\":%d,\"sessions\":%d,\"published\":%lu,\"delivered\":%lu,\"lost\":%ld,"
           "\"missing\":%lu,\"duplicates\":%lu,\"late\":%lu,\"resets\":%lu,\"closings\":%lu,\"endedEarly\":%lu,",
           mode, streams_wanted, sessions, published, t->delivered, (long)(expected() - t->delivered), t->missing,
           t->duplicates, t->late, t->resets, t->closings, t->ended_early);
    printf("\"stalled\":%s,\"seconds\":%.4f,\"perSecond\":%.0f,\"cpuSeconds\":%.4f,\"perCpuSecond\":%.0f,"
           "\"clientBusy\":%.2f,\"bytesEach\":%.0f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f,",
           whole ? "false" : "true", took, t->delivered / took, cpu, t->delivered / cpu, client_cpu / took,
           (double)bytes / t->delivered, quantile_us(&t->latency, .5), quantile_us(&t->latency, .99),
           t->latency.highest / 1e3);
    printf("\"rssBeforeMb\":%.1f,\"rssOpenMb\":%.1f,\"rssHighestMb\":%.1f,\"kibPerStream\":%.2f,\"connectSeconds\":%.3f,"
           "\"connectCpuSeconds\":%.3f,\"probes\":%lu,\"probeFailures\":%lu,"
           "\"probeP50Ms\":%.2f,\"probeP99Ms\":%.2f,\"probeMaxMs\":%.2f}\n",
           rss_before / 1e6, rss_open / 1e6, rss_highest / 1e6,
           ((double)rss_open - (double)rss_before) / streams_wanted / 1024, connect_seconds, connect_cpu,
           probe_ns.total, probe_failures,
           quantile_us(&probe_ns, .5) / 1e3, quantile_us(&probe_ns, .99) / 1e3, probe_ns.highest / 1e6);
    return 0;
}
