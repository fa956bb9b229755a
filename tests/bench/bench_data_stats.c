/* SPDX-License-Identifier: MIT */
/* bench_data_stats.c: IMDB's 50,000 reviews from tar.xz to statistics, without and with near
 * duplicates, and the process's peak memory. Prints JSON; exit status 1 past 5 s, 60 s or 600 MB.
 * The least of three runs, and of processor time: an idle machine's clock shows no more than that
 * (nothing waits), and a busy one's tells nothing.
 *
 *     ASSAY_TEST_DATA=DATA build/tests/bench/bench_data_stats */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "data/readers/reader.h"
#include "data/statistics/near_duplicates.h"
#include "data/statistics/text_statistics.h"

#define LIMIT_SECONDS 5.0
#define LIMIT_NEAR_SECONDS 60.0
#define LIMIT_MEGABYTES 600.0

enum { RUNS = 3, SKIPPED = 77 };

static double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* One whole run as `assay data stats` does it; seconds, or below 0. */
static double run(const char *archive, bool near, uint64_t *ret_pairs) {
    as_arena *arena = as_arena_new();
    as_manifest manifest = {0};
    as_dataset dataset;
    const char *source;
    as_text_statistics *statistics = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    const as_statistics_config config = {.tokenizers = {{.kind = "words"}},
                                         .n_tokenizers = 1,
                                         .near = near,
                                         .threshold = AS_NEAR_THRESHOLD};
    double begin = processor_seconds();
    assay_status status = arena ? as_manifest_load(arena, "imdb", &manifest, &error)
                                : assay_fail(&error, ASSAY_OUT_OF_MEMORY, "", "no memory");
    if (status == ASSAY_OK)
        status = as_dataset_load(arena, &manifest, archive, NULL, &dataset, &source, &error);
    if (status == ASSAY_OK)
        status = as_text_statistics_new(arena, dataset.rows, dataset.n_rows, dataset.n_labels,
                                        &config, &statistics, &error);
    double seconds = processor_seconds() - begin;
    if (status == ASSAY_OK)
        *ret_pairs = statistics->near.n_pairs;
    else
        fprintf(stderr, "%s: %s\n", error.where, error.text);
    as_manifest_done(&manifest);
    as_arena_free(arena);
    return status == ASSAY_OK ? seconds : -1;
}

static double least(const char *archive, bool near, uint64_t *ret_pairs) {
    double best = -1;
    for (int i = 0; i < RUNS; i++) {
        double seconds = run(archive, near, ret_pairs);
        if (seconds < 0)
            return -1;
        best = best < 0 || seconds < best ? seconds : best;
    }
    return best;
}

int main(void) {
    const char *data = getenv("ASSAY_TEST_DATA");
    char archive[4096];
    uint64_t pairs = 0;
    struct rusage usage;
    if (!data) {
        fprintf(stderr, "ASSAY_TEST_DATA is not set: IMDB is not at hand\n");
        return getenv("CI") ? 1 : SKIPPED;
    }
    snprintf(archive, sizeof archive, "%s/imdb/aclImdb-labelled.tar.xz", data);
    double plain = least(archive, false, &pairs), near = least(archive, true, &pairs);
    getrusage(RUSAGE_SELF, &usage);
    double megabytes = (double)usage.ru_maxrss * 1024e-6;
    bool good = plain >= 0 && near >= 0 && plain < LIMIT_SECONDS && near < LIMIT_NEAR_SECONDS &&
                megabytes < LIMIT_MEGABYTES;
    printf("{\"seconds\": %.2f, \"limit\": %.0f, \"near_seconds\": %.2f, \"near_limit\": %.0f, "
           "\"near_pairs\": %llu, \"peak_megabytes\": %.0f, \"megabytes_limit\": %.0f}\n",
           plain, LIMIT_SECONDS, near, LIMIT_NEAR_SECONDS, (unsigned long long)pairs, megabytes,
           LIMIT_MEGABYTES);
    return good ? 0 : 1;
}
