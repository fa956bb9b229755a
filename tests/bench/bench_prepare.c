/* SPDX-License-Identifier: MIT */
/* bench_prepare ARCHIVE [VOCAB]: IMDB's archive to token ids, from nothing and from the cache,
 * beside what `xz -dc ARCHIVE | wc -c` takes in the same run. With VOCAB (a BERT vocab.txt) also by
 * WordPiece.
 *
 * Each figure is the best of `ROUNDS`, in turn, so that a busy moment meets all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "data/data.h"

enum { ROUNDS = 5 };

static double seconds_since(int64_t begin_ns) {
    return (double)(as_clock_ns() - begin_ns) * 1e-9;
}

/* Seconds of a shell command; the bench ends when it fails. */
static double time_command(const char *command) {
    int64_t begin = as_clock_ns();
    if (system(command) != 0) {
        fprintf(stderr, "bench_prepare: failed: %s\n", command);
        exit(1);
    }
    return seconds_since(begin);
}

/* Seconds of one preparation in a process of its own; *ret_rss: its peak in bytes. */
static double time_prepare(const char *archive, const char *vocab, bool warm, double *ret_rss) {
    const json_t *cleaning = json_pack("[s, s]", "strip_html", "lower");
    const as_data_config data = {.resource = "imdb",
                                 .path = archive,
                                 .order = -1,
                                 .cleaning = vocab ? NULL : cleaning,
                                 .subset = {.n_rows = {AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL},
                                            .seed = 42,
                                            .stratified = true},
                                 .validation = {.seed = 42, .stratified = true}};
    const as_tokenizer_config tokenizer = {.kind = vocab ? "wordpiece" : "words",
                                           .vocab_size = 30000,
                                           .min_count = 1,
                                           .vocabulary = vocab,
                                           .lower_case = -1,
                                           .strip_accents = -1,
                                           .split_chinese = -1,
                                           .special = true,
                                           .max_tokens = 512};
    int ends[2];
    double seconds = 0;
    struct rusage usage;
    if (pipe(ends) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        as_arena *arena = as_arena_new();
        as_prepared *prepared;
        assay_error error = ASSAY_ERROR_INIT;
        int64_t begin = as_clock_ns();
        assay_status status = as_prepare(arena, &data, &tokenizer, NULL, &prepared, &error);
        seconds = seconds_since(begin);
        if (status != ASSAY_OK || prepared->from_cache != warm) {
            fprintf(stderr, "bench_prepare: %s: %s\n", error.where, error.text);
            _exit(1);
        }
        _exit(write(ends[1], &seconds, sizeof seconds) != sizeof seconds);
    }
    int status;
    bool good = read(ends[0], &seconds, sizeof seconds) == sizeof seconds;
    if (wait4(child, &status, 0, &usage) != child || !good || status != 0)
        exit(1);
    close(ends[0]);
    close(ends[1]);
    *ret_rss = (double)usage.ru_maxrss * 1024;
    return seconds;
}

static void bench(const char *archive, const char *vocab) {
    char folder[] = "/tmp/assay-bench-XXXXXX", command[4096];
    double xz = 1e9, cold = 1e9, warm = 1e9, rss = 0;
    if (!mkdtemp(folder))
        exit(1);
    setenv("ASSAY_CACHE_DIR", folder, 1);
    snprintf(command, sizeof command, "xz -dc '%s' | wc -c > /dev/null", archive);
    for (int i = 0; i < ROUNDS; i++) {
        double this_rss, seconds = time_command(command);
        xz = seconds < xz ? seconds : xz;
        if (as_remove_folder(folder, NULL) != ASSAY_OK)
            exit(1);
        seconds = time_prepare(archive, vocab, false, &this_rss);
        cold = seconds < cold ? seconds : cold;
        rss = this_rss > rss ? this_rss : rss;
        seconds = time_prepare(archive, vocab, true, &this_rss);
        warm = seconds < warm ? seconds : warm;
    }
    printf("%-10s  xz -dc | wc %.2f s   archive to cached ids %.2f s (%.2f times)   from the cache "
           "%.1f "
           "ms   peak %.0f MB\n",
           vocab ? "wordpiece" : "words", xz, cold, cold / xz, 1000 * warm, rss / 1e6);
    (void)!as_remove_folder(folder, NULL);
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fputs("usage: bench_prepare ARCHIVE [VOCAB]\n", stderr);
        return 64;
    }
    bench(argv[1], NULL);
    if (argc == 3)
        bench(argv[1], argv[2]);
    return 0;
}
