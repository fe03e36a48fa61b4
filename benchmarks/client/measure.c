/* The clock, latencies as a histogram, and what a server costs. */
#include "sseload.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

u64 now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * SECOND + t.tv_nsec;
}

/* 64 steps an octave, so that a value is off by 1.6 % at most. */
void record(struct histogram *h, u64 ns) {
    int octave = ns < 128 ? 0 : 57 - __builtin_clzll(ns);
    h->counts[octave * 128 + (ns >> octave)]++;
    h->total++;
    if (ns > h->highest) h->highest = ns;
}

double quantile_us(const struct histogram *h, double q) {
    u64 passed = 0;
    for (u64 i = 0; i < sizeof h->counts / sizeof *h->counts; i++) {
        passed += h->counts[i];
        if (passed > q * h->total) return (i % 128 << i / 128) / 1e3;
    }
    return 0;
}

u64 of_server(const char *pids, u64 (*figure)(int pid)) {
    u64 sum = 0;
    for (const char *p = pids; *p; p += strcspn(p, ","), p += *p == ',') sum += figure(atoi(p));
    return sum;
}

u64 cpu_ns_of(int pid) { /* in nanoseconds, where /proc/<pid>/stat has only 10 ms ticks */
    clockid_t clock;
    struct timespec t = {0};
    if (clock_getcpuclockid(pid, &clock) == 0) clock_gettime(clock, &t);
    return (u64)t.tv_sec * SECOND + t.tv_nsec;
}

u64 rss_of(int pid) {
    char path[64], text[128] = "";
    unsigned long size, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    int fd = open(path, O_RDONLY);
    if (fd < 0) return 0;
    if (read(fd, text, sizeof text - 1) < 0 || sscanf(text, "%lu %lu", &size, &resident) != 2) resident = 0;
    close(fd);
    return (u64)resident * sysconf(_SC_PAGESIZE);
}
