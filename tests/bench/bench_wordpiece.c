/* SPDX-License-Identifier: MIT */
/* Speed of WordPiece encoding:
 *
 *     bench_wordpiece [VOCABULARY [TEXTS]] [--threads N] [--repeat N] [--offsets]
 *
 * TEXTS holds texts with a NUL byte behind each. Every thread encodes its own share of them with a
 * scratch of its own; the fastest of the repetitions counts. One line of JSON: bytes, ids,
 * threads, seconds, megabytes (10^6) a second. Without TEXTS they are drawn from the
 * vocabulary's own words, without VOCABULARY that is made of syllables. wordpiece_vs_hf.sh runs it
 * beside Hugging Face's tokenizers. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "data/tokenizers/wordpiece.h"

enum { MAX_THREADS = 1024, MADE_WORDS = 4000000, WORDS_IN_TEXT = 230 };

typedef struct worker {
    const as_wordpiece *wordpiece;
    const char *begin, *end; /* whole texts */
    bool offsets, failed;
    size_t n_ids;
    pthread_t thread;
} worker;

static void *encode_share(void *context) {
    worker *w = context;
    as_wordpiece_scratch *scratch = as_wordpiece_scratch_new();
    w->failed = !scratch;
    w->n_ids = 0;
    for (const char *at = w->begin; at < w->end && !w->failed;) {
        size_t n = strlen(at);
        as_wordpiece_encoding encoding;
        if (as_wordpiece_encode(w->wordpiece, scratch, at, n, 0, true, w->offsets, &encoding,
                                NULL) == ASSAY_OK)
            w->n_ids += encoding.n;
        else
            w->failed = true;
        at += n + 1;
    }
    as_wordpiece_scratch_free(scratch);
    return NULL;
}

static int64_t run_once(worker *workers, size_t n_threads) {
    int64_t start = as_clock_ns();
    for (size_t i = 1; i < n_threads; i++)
        if (pthread_create(&workers[i].thread, NULL, encode_share, &workers[i]) != 0)
            abort();
    encode_share(&workers[0]);
    for (size_t i = 1; i < n_threads; i++)
        pthread_join(workers[i].thread, NULL);
    return as_clock_ns() - start;
}

/* Shares of about as many bytes, cut behind a text. */
static void divide(worker *workers, size_t n_threads, const char *texts, size_t n_bytes) {
    const char *at = texts, *end = texts + n_bytes;
    for (size_t i = 0; i < n_threads; i++) {
        const char *stop = texts + n_bytes / n_threads * (i + 1);
        workers[i].begin = at;
        at = stop > at ? stop : at;
        at = i + 1 == n_threads ? end : at + strlen(at) + 1;
        workers[i].end = at;
    }
}

/* Words of the vocabulary, rarer the higher their id, as texts. */
static char *make_texts(const as_wordpiece *wordpiece, size_t *ret_n_bytes) {
    char *texts = malloc((size_t)MADE_WORDS * 32);
    size_t n = 0;
    as_random random = as_random_init(1, as_hash64("bench_wordpiece"));
    for (size_t i = 0; texts && i < MADE_WORDS; i++) {
        double u = as_random_uniform(&random);
        int32_t id = (int32_t)(u * u * u * as_wordpiece_vocab_size(wordpiece));
        const char *token = as_wordpiece_token(wordpiece, id);
        size_t n_token = strlen(token);
        if (n_token > 30)
            continue;
        memcpy(texts + n, token, n_token);
        n += n_token;
        texts[n++] = i % WORDS_IN_TEXT == WORDS_IN_TEXT - 1 ? '\0' : ' ';
    }
    if (texts)
        texts[n++] = '\0';
    *ret_n_bytes = n;
    return texts;
}

/* Words of three syllables, "##" before every other one. */
static char *make_vocabulary(size_t *ret_n_bytes) {
    static const char consonants[] = "bdfgklmnprstvz", vowels[] = "aeiou";
    enum { N_SYLLABLES = (sizeof consonants - 1) * (sizeof vowels - 1), N_WORDS = 30000 };
    char *text = malloc((size_t)N_WORDS * 10 + 32);
    size_t n = text ? (size_t)sprintf(text, "[UNK]\n[CLS]\n[SEP]\n") : 0;
    for (int i = 0; text && i < N_WORDS; i++) {
        if (i % 2)
            n += (size_t)sprintf(text + n, "##");
        for (int k = 0, rest = i / 2; k < 3; k++, rest /= N_SYLLABLES) {
            text[n++] = consonants[rest % N_SYLLABLES / 5];
            text[n++] = vowels[rest % 5];
        }
        text[n++] = '\n';
    }
    *ret_n_bytes = n;
    return text;
}

static assay_status load(as_arena *arena, const char *path, as_wordpiece **ret_wordpiece,
                         assay_error *error) {
    size_t n_bytes;
    if (path)
        return as_wordpiece_load(arena, path, NULL, ret_wordpiece, error);
    char *text = make_vocabulary(&n_bytes);
    assay_status status =
        as_wordpiece_from_vocab(arena, text, n_bytes, "made", NULL, ret_wordpiece, error);
    free(text);
    return status;
}

typedef struct arguments {
    const char *vocabulary, *texts;
    size_t n_threads, n_repeat;
    bool offsets;
} arguments;

static bool parse(int argc, char **argv, arguments *a) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            a->n_threads = (size_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
            a->n_repeat = (size_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--offsets") == 0)
            a->offsets = true;
        else if (!a->vocabulary)
            a->vocabulary = argv[i];
        else
            a->texts = argv[i];
    }
    return a->n_threads >= 1 && a->n_threads <= MAX_THREADS && a->n_repeat;
}

static int measure(const arguments *a, const as_wordpiece *wordpiece, const char *texts,
                   size_t n_bytes) {
    worker *workers = calloc(a->n_threads, sizeof *workers);
    int64_t best = INT64_MAX;
    size_t n_ids = 0;
    bool failed = !workers;
    for (size_t i = 0; i < a->n_threads && workers; i++)
        workers[i] = (worker){.wordpiece = wordpiece, .offsets = a->offsets};
    if (workers)
        divide(workers, a->n_threads, texts, n_bytes);
    for (size_t i = 0; i < a->n_repeat && workers; i++) {
        int64_t ns = run_once(workers, a->n_threads);
        best = ns < best ? ns : best;
    }
    for (size_t i = 0; i < a->n_threads && workers; i++) {
        n_ids += workers[i].n_ids;
        failed = failed || workers[i].failed;
    }
    free(workers);
    printf(
        "{\"bytes\": %zu, \"ids\": %zu, \"threads\": %zu, \"seconds\": %.6f, \"mb_per_s\": %.2f}\n",
        n_bytes, n_ids, a->n_threads, (double)best / 1e9, (double)n_bytes * 1e3 / (double)best);
    return failed;
}

int main(int argc, char **argv) {
    arguments a = {.n_threads = 1, .n_repeat = 3};
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    as_wordpiece *wordpiece;
    char *texts = NULL;
    size_t n_bytes = 0;
    int result = 1;
    if (!parse(argc, argv, &a) || !arena) {
        fprintf(
            stderr,
            "usage: bench_wordpiece [VOCABULARY [TEXTS]] [--threads N] [--repeat N] [--offsets]\n");
        goto done;
    }
    if (load(arena, a.vocabulary, &wordpiece, &error) != ASSAY_OK ||
        (a.texts && as_file_read(a.texts, (size_t)4 << 30, &texts, &n_bytes, &error) != ASSAY_OK)) {
        fprintf(stderr, "%s: %s\n", error.where, error.text);
        goto done;
    }
    if (!a.texts)
        texts = make_texts(wordpiece, &n_bytes);
    if (texts)
        result = measure(&a, wordpiece, texts, n_bytes);
done:
    free(texts);
    as_arena_free(arena);
    return result;
}
