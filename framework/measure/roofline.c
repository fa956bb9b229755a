/* SPDX-License-Identifier: MIT */
/* Samples of the machine's limits. The loops on the processor are peak_kernels.c's; each runs on as
 * many threads as the cell has. A rate is all threads' work over the time from the first one's
 * start to the last one's end, so that a thread that another process keeps from running counts as
 * it does in the timed work. What a backend measures itself (matrix products, everything on a GPU)
 * is its sample_peak. */
#include "measure/roofline.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "measure/environment.h"
#include "measure/peak_kernels.h"

#define COMPUTE_NS INT64_C(6000000)
/* Between two samples, at least: of the time since the work began; times the last one's length. */
#define INTERVAL_SHARE 0.02
#define INTERVAL_COSTS 5.0
#define LEAST_COPY_BYTES ((size_t)32 << 20)
#define MOST_COPY_BYTES ((size_t)64 << 20) /* pages of more would cost more than the copy tells */

enum {
    MAX_SAMPLES = 512,
    LEAST_FOR_SPREAD = 6,
    MAX_THREADS = 1024,
    COPIES = 2,
    LINE_BYTES = 64,
    PAGE_BYTES = 4096
};

struct as_peaks {
    as_peaks_config config;
    const as_peak_kernel *kernel;                /* NULL: none for this precision */
    double rates[ASSAY_PEAK_COUNT][MAX_SAMPLES]; /* NaN: none */
    char problems[ASSAY_PEAK_COUNT][sizeof((assay_error){0}.text)];
    size_t n;                     /* samples */
    int64_t begin_ns, last_ns;    /* of the piece of work; of the last sample's end */
    double seconds, last_seconds; /* that samples took, and the last one */
};

/* ---- threads --------------------------------------------------------------------------------- */

typedef struct team team;

typedef struct member {
    team *team;
    int index;
    double work; /* operations or bytes done */
    int64_t start_ns, end_ns;
} member;

struct team {
    void (*run)(member *m);
    const as_peak_kernel *kernel;
    char *from, *to; /* of a copy */
    size_t n_bytes;  /* of it */
    int past_caches, n_threads;
    pthread_mutex_t gate; /* shut until all threads are there */
    bool called_off;
};

static void run_member(member *m) {
    m->start_ns = as_clock_ns();
    m->team->run(m);
    m->end_ns = as_clock_ns();
}

static void *run_thread(void *context) {
    member *m = context;
    pthread_mutex_lock(&m->team->gate);
    pthread_mutex_unlock(&m->team->gate);
    if (!m->team->called_off)
        run_member(m);
    return NULL;
}

static double rate_of(const member *members, int n) {
    int64_t start_ns = members[0].start_ns, end_ns = members[0].end_ns;
    double work = 0;
    for (int i = 0; i < n; i++) {
        start_ns = members[i].start_ns < start_ns ? members[i].start_ns : start_ns;
        end_ns = members[i].end_ns > end_ns ? members[i].end_ns : end_ns;
        work += members[i].work;
    }
    return work / ((double)(end_ns - start_ns) * 1e-9);
}

/* false: not all of the threads could be made, and none has run. */
static bool run_team(team *t, double *ret_rate) {
    pthread_t *threads = calloc((size_t)t->n_threads, sizeof *threads);
    member *members = calloc((size_t)t->n_threads, sizeof *members);
    int n = 1; /* the calling thread is the first */
    if (threads && members && pthread_mutex_init(&t->gate, NULL) == 0) {
        for (int i = 0; i < t->n_threads; i++)
            members[i] = (member){.team = t, .index = i};
        pthread_mutex_lock(&t->gate);
        while (n < t->n_threads && pthread_create(&threads[n], NULL, run_thread, &members[n]) == 0)
            n++;
        t->called_off = n < t->n_threads;
        pthread_mutex_unlock(&t->gate);
        if (!t->called_off)
            run_member(&members[0]);
        for (int i = 1; i < n; i++)
            pthread_join(threads[i], NULL);
        pthread_mutex_destroy(&t->gate);
        if (!t->called_off)
            *ret_rate = rate_of(members, n);
    } else {
        t->called_off = true;
    }
    free(threads);
    free(members);
    return !t->called_off;
}

/* ---- limits of the processor ----------------------------------------------------------------- */

static void fail(as_peaks *peaks, int32_t peak, const char *text) {
    snprintf(peaks->problems[peak], sizeof peaks->problems[peak], "%s", text);
}

/* Blocks of a few microseconds until the time is over; the first one brings the processor up. */
static void multiply_add(member *m) {
    const as_peak_kernel *kernel = m->team->kernel;
    volatile double sink = 0;
    if (!kernel->prepare())
        return;
    do {
        sink = kernel->block();
        m->work += kernel->flops;
    } while (as_clock_ns() - m->start_ns < COMPUTE_NS);
    kernel->finish();
    (void)sink;
}

static double sample_compute(as_peaks *peaks) {
    team t = {.run = multiply_add, .kernel = peaks->kernel, .n_threads = peaks->config.threads};
    double rate = NAN;
    if (!peaks->kernel)
        fail(peaks, ASSAY_PEAK_COMPUTE, "there is no loop for this processor and precision");
    else if (!run_team(&t, &rate))
        fail(peaks, ASSAY_PEAK_COMPUTE, "no memory or thread for it");
    return rate;
}

/* A thread's part: whole cache lines. */
static void part_of(const member *m, size_t *ret_begin, size_t *ret_size) {
    size_t lines = m->team->n_bytes / LINE_BYTES, n = (size_t)m->team->n_threads;
    size_t begin = lines * (size_t)m->index / n, end = lines * ((size_t)m->index + 1) / n;
    *ret_begin = begin * LINE_BYTES;
    *ret_size = (end - begin) * LINE_BYTES;
}

/* Every page by the thread that will use it. */
static void touch(member *m) {
    size_t begin, size;
    part_of(m, &begin, &size);
    for (size_t i = 0; i < size; i += PAGE_BYTES)
        m->team->from[begin + i] = m->team->to[begin + i] = 1;
}

static void copy(member *m) {
    size_t begin, size;
    part_of(m, &begin, &size);
    as_peak_copy(m->team->to + begin, m->team->from + begin, size, m->team->past_caches);
    m->work = 2.0 * (double)size;
}

/* Twice the last cache, within bounds. */
static size_t copy_bytes(void) {
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    size_t bytes = cache > 0 ? 2 * (size_t)cache : LEAST_COPY_BYTES;
    bytes = bytes < LEAST_COPY_BYTES ? LEAST_COPY_BYTES : bytes;
    return bytes > MOST_COPY_BYTES ? MOST_COPY_BYTES : bytes;
}

/* The better of both ways to write. */
static double time_copies(team *t) {
    double best = NAN, rate = 0;
    t->run = touch;
    if (!run_team(t, &rate))
        return NAN;
    t->run = copy;
    for (int i = 0; i < COPIES; i++) {
        t->past_caches = i == 0;
        if (run_team(t, &rate) && !(rate <= best))
            best = rate;
    }
    return best;
}

static double sample_memory(as_peaks *peaks) {
    size_t bytes = copy_bytes(), both = 2 * bytes;
    uint64_t limit = peaks->config.memory_limit_bytes;
    team t = {.n_bytes = bytes, .n_threads = peaks->config.threads};
    double rate;
    if (limit && both > limit / 8) {
        fail(peaks, ASSAY_PEAK_MEMORY, "the copy would take too much of the memory limit");
        return NAN;
    }
    char *memory = mmap(NULL, both, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fail(peaks, ASSAY_PEAK_MEMORY, "no memory for the copy");
        return NAN;
    }
    t.from = memory;
    t.to = memory + bytes;
    rate = time_copies(&t);
    munmap(memory, both);
    if (isnan(rate))
        fail(peaks, ASSAY_PEAK_MEMORY, "no memory or thread for it");
    return rate;
}

/* ---- samples --------------------------------------------------------------------------------- */

/* A device of its own has no use for the processor's figures. */
static bool is_processor(const as_peaks_config *config) {
    assay_device_info info;
    if (!config->backend->device_info)
        return true;
    memset(&info, 0, sizeof info);
    config->backend->device_info(config->device, &info);
    return info.name[0] == '\0';
}

/* NaN with the reason where the backend can't. */
static double sample_backend(as_peaks *peaks, int32_t peak) {
    const as_peaks_config *config = &peaks->config;
    assay_error error = ASSAY_ERROR_INIT;
    double rate = NAN;
    if (!config->backend->sample_peak) {
        fail(peaks, peak, "the backend has no measurement of it");
        return NAN;
    }
    if (config->backend->sample_peak(config->device, peak, &rate, &error) == ASSAY_OK)
        return rate;
    fail(peaks, peak, error.text);
    return NAN;
}

static double sample_one(as_peaks *peaks, int32_t peak) {
    peaks->problems[peak][0] = '\0';
    if (peak == ASSAY_PEAK_GEMM || !is_processor(&peaks->config))
        return sample_backend(peaks, peak);
    return peak == ASSAY_PEAK_COMPUTE ? sample_compute(peaks) : sample_memory(peaks);
}

void as_peaks_sample(as_peaks *peaks) {
    int64_t start_ns = as_clock_ns();
    if (peaks->n == MAX_SAMPLES)
        return;
    bool hidden = as_peak_rss_hide_begin();
    for (int32_t peak = 0; peak < ASSAY_PEAK_COUNT; peak++) {
        if (peak == ASSAY_PEAK_MEMORY && !hidden && is_processor(&peaks->config)) {
            fail(peaks, peak, "the peak of resident memory cannot be set back after the copy");
            peaks->rates[peak][peaks->n] = NAN;
            continue;
        }
        peaks->rates[peak][peaks->n] = sample_one(peaks, peak);
    }
    as_peak_rss_hide_end(hidden);
    peaks->n++;
    peaks->last_ns = as_clock_ns();
    peaks->last_seconds = (double)(peaks->last_ns - start_ns) * 1e-9;
    peaks->seconds += peaks->last_seconds;
}

size_t as_peaks_begin(as_peaks *peaks) {
    size_t from = peaks->n;
    as_peaks_sample(peaks);
    peaks->begin_ns = peaks->last_ns;
    return from;
}

void as_peaks_sample_if_due(as_peaks *peaks) {
    int64_t now_ns = as_clock_ns();
    double interval = INTERVAL_SHARE * (double)(now_ns - peaks->begin_ns) * 1e-9;
    interval = fmax(interval, INTERVAL_COSTS * peaks->last_seconds);
    interval = fmax(interval, peaks->config.min_interval_seconds);
    if ((double)(now_ns - peaks->last_ns) * 1e-9 >= interval)
        as_peaks_sample(peaks);
}

size_t as_peaks_count(const as_peaks *peaks) {
    return peaks->n;
}

/* Ascending; returns how many there are. */
static size_t sort_rates(const as_peaks *peaks, int32_t peak, size_t from,
                         double sorted[MAX_SAMPLES]) {
    size_t n = 0;
    for (size_t i = from; i < peaks->n; i++)
        if (isfinite(peaks->rates[peak][i]))
            sorted[n++] = peaks->rates[peak][i];
    as_sort_doubles(sorted, n);
    return n;
}

as_figure as_peaks_figure(const as_peaks *peaks, int32_t peak, size_t from) {
    double sorted[MAX_SAMPLES];
    size_t n = sort_rates(peaks, peak, from, sorted);
    return n ? as_percentile(sorted, n, 0.5) : as_figure_point(NAN);
}

double as_peaks_spread(const as_peaks *peaks, int32_t peak) {
    double sorted[MAX_SAMPLES];
    size_t n = sort_rates(peaks, peak, 0, sorted);
    return n < LEAST_FOR_SPREAD
               ? NAN
               : as_quantile_sorted(sorted, n, 0.9) / as_quantile_sorted(sorted, n, 0.1);
}

const char *as_peaks_problem(const as_peaks *peaks, int32_t peak) {
    return peaks->problems[peak][0] ? peaks->problems[peak] : NULL;
}

double as_peaks_seconds(const as_peaks *peaks) {
    return peaks->seconds;
}

assay_status as_peaks_new(const as_peaks_config *config, as_peaks **ret_peaks, assay_error *error) {
    if (config->threads < 1 || config->threads > MAX_THREADS)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "peaks", "found %d threads; expected 1 to %d",
                       (int)config->threads, MAX_THREADS);
    as_peaks *peaks = calloc(1, sizeof *peaks);
    if (!peaks)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "peaks", "no memory for samples");
    peaks->config = *config;
    peaks->kernel = as_peak_kernel_for(config->dtype);
    *ret_peaks = peaks;
    return ASSAY_OK;
}

void as_peaks_free(as_peaks *peaks) {
    free(peaks);
}
