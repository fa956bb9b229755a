/* SPDX-License-Identifier: MIT */
/* Word vectors: from text to the cache, and opening them again.
 *
 *     bench_embeddings [FILE]
 *
 * FILE is a file of vectors, plain or compressed; without it glove/glove.6B.50d.txt.xz below
 * ASSAY_TEST_DATA, unpacked into the temporary folder first so that no decompression is timed.
 * Beside each time stand a `cat FILE >/dev/null` and a `wc -l FILE` of the same run. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "data/embeddings/embeddings.h"
#include "data/resources/stream.h"

enum { RUNS = 5 };

static double seconds_since(int64_t start) {
    return (double)(as_clock_ns() - start) * 1e-9;
}

static double run_tool(const char *format, const char *file) {
    char command[PATH_MAX + 64];
    snprintf(command, sizeof command, format, file);
    int64_t start = as_clock_ns();
    return system(command) == 0 ? seconds_since(start) : -1;
}

static assay_status unpack(const char *source, const char *file, assay_error *error) {
    as_stream *stream;
    as_file_writer writer;
    assay_status status = as_stream_open(source, NULL, UINT64_C(1) << 34, &stream, error);
    if (status != ASSAY_OK)
        return status;
    status = as_file_writer_open(file, &writer, error);
    for (size_t n = 1; status == ASSAY_OK && n > 0;) {
        const char *block;
        if ((status = as_stream_next(stream, &block, &n, error)) == ASSAY_OK)
            fwrite(block, 1, n, writer.stream);
        else
            as_file_writer_abandon(&writer);
    }
    as_stream_close(stream);
    return status == ASSAY_OK ? as_file_writer_commit(&writer, error) : status;
}

static assay_status measure(const char *file, const char *cache, assay_error *error) {
    struct stat info;
    if (stat(file, &info) != 0)
        return assay_fail(error, ASSAY_NOT_FOUND, file, "there is no such file");
    double megabytes = (double)info.st_size * 1e-6;
    printf("%s: %.1f MB\n", file, megabytes);
    for (int i = 0; i < RUNS; i++) {
        as_embeddings *e = NULL;
        double opened[2] = {0, 0};
        assay_status status = as_remove_folder(cache, error);
        for (int again = 0; status == ASSAY_OK && again < 2; again++) {
            int64_t start = as_clock_ns();
            status = as_embeddings_open(file, NULL, 0, cache, &e, error);
            opened[again] = seconds_since(start);
            if (status == ASSAY_OK && as_embeddings_not_cached(e))
                status = assay_fail(error, ASSAY_IO, file, as_embeddings_not_cached(e));
            if (status == ASSAY_OK)
                as_embeddings_free(e);
        }
        if (status != ASSAY_OK)
            return status;
        printf("text to cache %.3f s, %.0f MB/s; again %.1f ms; cat %.3f s, wc -l %.3f s\n",
               opened[0], megabytes / opened[0], opened[1] * 1e3,
               run_tool("cat '%s' >/dev/null", file), run_tool("wc -l '%s' >/dev/null", file));
    }
    return ASSAY_OK;
}

int main(int argc, char **argv) {
    char folder[] = "/tmp/bench_embeddings.XXXXXX", file[PATH_MAX], cache[PATH_MAX];
    const char *data = getenv("ASSAY_TEST_DATA");
    assay_error error = ASSAY_ERROR_INIT;
    assay_status status = ASSAY_OK;
    if (argc < 2 && !data) {
        puts("ASSAY_TEST_DATA is not set and no file is given");
        return 77;
    }
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(cache, sizeof cache, "%s/cache", folder);
    snprintf(file, sizeof file, "%s", argc > 1 ? argv[1] : "");
    if (argc < 2) {
        char source[PATH_MAX];
        snprintf(source, sizeof source, "%s/glove/glove.6B.50d.txt.xz", data);
        snprintf(file, sizeof file, "%s/glove.txt", folder);
        status = unpack(source, file, &error);
    }
    usleep(200000); /* a source that has just changed is not remembered */
    if (status == ASSAY_OK)
        status = measure(file, cache, &error);
    if (status != ASSAY_OK)
        fprintf(stderr, "%s: %s\n", error.where, error.text);
    if (as_remove_folder(folder, &error) != ASSAY_OK)
        return 1;
    return status == ASSAY_OK ? 0 : 1;
}
