/* SPDX-License-Identifier: MIT */
/* What an epoch's products come to as they run, with plans that have room for more tokens than a
 * batch has, over what the batches' own tokens come to, for every built-in graph model: at most
 * 1.05. Rows have the lengths of IMDB's texts in words where ASSAY_TEST_DATA tells its place, else
 * log-normal ones of the same mean and spread. And the plans of 10,000 shapes: their number and the
 * process' memory stay bounded. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "assay/profile.h"
#include "base/random.h"
#include "data/batches.h"
#include "data/readers/reader.h"
#include "data/resources/manifest.h"
#include "graph/graph.h"
#include "plugin/plugin.h"
#include "train/plan_cache.h"

#ifdef HAVE_ONEDNN

enum { N_ROWS = 1500, MOST_TOKENS = 512, BATCH = 16, N_WORDS = 50, N_SHAPES = 10000 };
static const double MOST_RATIO = 1.05;

static as_arena *arena;
static assay_error error = ASSAY_ERROR_INIT;

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

/* ---- rows ---- */

static int32_t count_words(const char *text) {
    int32_t n = 0;
    for (const char *p = text; *p; p++)
        n += *p != ' ' && (p[1] == ' ' || p[1] == '\0');
    return n < 1 ? 1 : n > MOST_TOKENS ? MOST_TOKENS : n;
}

/* Every 33rd of IMDB's 50,000 texts. */
static void lengths_of_imdb(const char *data, int32_t *lengths) {
    as_manifest manifest;
    as_dataset dataset = {0};
    const char *source;
    char path[4096];
    snprintf(path, sizeof path, "%s/imdb/aclImdb-labelled.tar.xz", data);
    OK(as_manifest_load(arena, "imdb", &manifest, &error));
    OK(as_dataset_load(arena, &manifest, path, NULL, &dataset, &source, &error));
    for (int32_t i = 0; i < N_ROWS; i++)
        lengths[i] = count_words(dataset.rows[i * 33].text);
    as_manifest_done(&manifest);
}

/* exp of a normal variable; 173 words is IMDB's median, 0.66 the spread of the logarithm. */
static void lengths_drawn(int32_t *lengths) {
    as_random random = as_random_init(1, as_hash64("executed flops"));
    for (int32_t i = 0; i < N_ROWS; i++) {
        double n = 173 * exp(0.66 * as_random_normal(&random));
        lengths[i] = n < 1 ? 1 : n > MOST_TOKENS ? MOST_TOKENS : (int32_t)n;
    }
}

static as_batches *make_batches(void) {
    static as_row rows[N_ROWS];
    static int32_t lengths[N_ROWS], ids[MOST_TOKENS];
    static as_split_rows split;
    as_batches *batches = NULL;
    const char *data = getenv("ASSAY_TEST_DATA");
    if (lengths[0] == 0 && data)
        lengths_of_imdb(data, lengths);
    else if (lengths[0] == 0)
        lengths_drawn(lengths);
    for (int32_t t = 0; t < MOST_TOKENS; t++)
        ids[t] = t % N_WORDS;
    split = (as_split_rows){.split = AS_SPLIT_TRAIN, .n_rows = N_ROWS, .rows = rows};
    for (uint32_t i = 0; i < N_ROWS; i++) {
        rows[i] = (as_row){
            .text = "", .name = "", .ids = ids, .n_ids = lengths[i], .label = i % 2, .index = i};
        split.longest = lengths[i] > split.longest ? lengths[i] : split.longest;
    }
    OK(as_batches_new(arena, &split, BATCH, &batches, &error));
    return batches;
}

/* ---- a backend with a model ---- */

typedef struct engine {
    const assay_backend *backend;
    assay_graph *graph;
    const assay_graph_view *view;
    assay_device *device;
    assay_session *session;
} engine;

typedef struct model_case {
    const char *id;
    as_option_value options[5];
    size_t n_options;
} model_case;

#define OPTION(name, value)                                                                        \
    { name, AS_OPTION_NUMBER, value, NULL }
#define BERT_OPTIONS                                                                               \
    OPTION("layers", 1), OPTION("heads", 2), OPTION("dim", 16), OPTION("hidden_dim", 32),          \
        OPTION("positions", 512)

static engine open_engine(const model_case *c) {
    engine e = {0};
    as_plugin plugin;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    void *options = NULL;
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, c->id, &plugin, &error));
    OK(as_plugin_model(&plugin, &model, &opaque, &error));
    OK(as_options_fill(arena, plugin.descriptor, c->options, c->n_options, c->id, &options,
                       &error));
    assay_model_config config = {(uint32_t)sizeof config, 2, N_WORDS, 512, options, 1, 1, 0};
    OK(as_graph_build_model(model, &config, &(as_graph_options){.with_gradient = 1}, &e.graph,
                            &error));
    e.view = as_graph_view(e.graph);
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "onednn", &plugin, &error));
    OK(as_plugin_backend(&plugin, &e.backend, &error));
    assay_device_config device = {
        .struct_size = (uint32_t)sizeof device, .dtype = ASSAY_DTYPE_F32, .threads = 1};
    OK(e.backend->open(&device, &e.device, &error));
    OK(e.backend->session_create(e.device, e.view, &e.session, &error));
    return e;
}

static void close_engine(engine *e) {
    e->backend->session_free(e->session);
    e->backend->close(e->device);
    as_graph_free(e->graph);
}

/* The products of a recurrent layer with x, and of both weights' gradients, run over all tokens of
 * the plan, its recurrence over the batch's: counted as all of the plan's, which is more. */
static int is_recurrent(int32_t op) {
    return op == ASSAY_OP_RNN || op == ASSAY_OP_LSTM || op == ASSAY_OP_GRU ||
           op == ASSAY_OP_RNN_GRAD || op == ASSAY_OP_LSTM_GRAD || op == ASSAY_OP_GRU_GRAD;
}

/* Adds what one run of the plan executed and what the batch needs. */
static void add_run(const engine *e, const assay_plan *plan, const assay_batch *batch, int32_t rows,
                    int32_t tokens, double *executed, double *needed) {
    static assay_profile_entry lines[1024];
    uint64_t nanoseconds, runs;
    assay_extent real = assay_extent_of(batch), room = {rows, tokens, real.squares};
    uint32_t n = e->backend->read_profile(plan, lines, 1024, &nanoseconds, &runs);
    cr_assert(n > 0 && n <= 1024);
    cr_assert_eq(runs, 1);
    for (uint32_t i = 0; i < n; i++) {
        const assay_node *node = lines[i].node < 0 ? NULL : &e->view->nodes[lines[i].node];
        if (node)
            *executed += is_recurrent(node->op) ? assay_product_flops(e->view, node, &room)
                                                : (double)lines[i].flops;
    }
    /* Of all nodes: joined products are one line for several. */
    for (uint32_t i = 0; i < e->view->n_nodes; i++)
        *needed += assay_product_flops(e->view, &e->view->nodes[i], &real);
}

static double ratio_of_epoch(const model_case *c) {
    static as_plan_cache cache;
    engine e = open_engine(c);
    as_batches *batches = make_batches();
    double executed = 0, needed = 0;
    as_batches_shuffle(batches, 1, 1);
    for (const assay_batch *batch; (batch = as_batches_next(batches));) {
        assay_step step = {.struct_size = (uint32_t)sizeof step, .loss_scale = 1};
        assay_plan *plan = NULL;
        int32_t rows = as_bucket_rows(batch->n_rows, BATCH);
        int32_t tokens = as_bucket_tokens(batch->n_tokens, (int64_t)rows * MOST_TOKENS);
        OK(as_plan_cache_get(&cache, e.backend, e.session, ASSAY_PLAN_ACCUMULATE, rows, tokens,
                             &plan, &error));
        e.backend->profile(e.session, 1); /* from zero */
        OK(e.backend->run(plan, batch, &step, &error));
        OK(e.backend->sync(e.device, &error));
        add_run(&e, plan, batch, rows, tokens, &executed, &needed);
    }
    as_plan_cache_done(&cache, e.backend);
    close_engine(&e);
    cr_assert_gt(needed, 0);
    return executed / needed;
}

Test(executed_flops, are_at_most_1_05_of_those_of_real_tokens, .timeout = 200) {
    static const model_case cases[] = {
        {"rnn", {OPTION("embedding", 8), OPTION("hidden", 8)}, 2},
        {"lstm", {OPTION("embedding", 8), OPTION("hidden", 8)}, 2},
        {"gru", {OPTION("embedding", 8), OPTION("hidden", 8)}, 2},
        {"bilstm", {OPTION("embedding", 8), OPTION("hidden", 8)}, 2},
        {"bilstm_attention",
         {OPTION("embedding", 8), OPTION("hidden", 8), OPTION("attention", 8)},
         3},
        {"transformer", {OPTION("hidden", 8), OPTION("layers", 1), OPTION("heads", 2)}, 3},
        {"distilbert", {BERT_OPTIONS}, 5},
        {"bert", {BERT_OPTIONS}, 5},
    };
    arena = as_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double ratio = ratio_of_epoch(&cases[i]);
        cr_expect(ratio >= 1 && ratio <= MOST_RATIO, "%s: %.4f", cases[i].id, ratio);
        cr_log_info("%s: %.4f", cases[i].id, ratio);
    }
    as_arena_free(arena);
}

/* ---- 10,000 shapes ---- */

static size_t bytes_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static long resident_kib(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    cr_assert(file && fscanf(file, "%*d %ld", &pages) == 1);
    (void)fclose(file);
    return pages * 4;
}

/* oneDNN keeps the primitives it made last (1,024 of them) with their code, 4 to 16 KiB each. */
Test(executed_flops, plans_of_10000_shapes_stay_within_the_bound, .timeout = 200) {
    static const model_case c = {"rnn", {OPTION("embedding", 8), OPTION("hidden", 8)}, 2};
    static as_plan_cache cache;
    size_t early = 0, late;
    long early_kib = 0, late_kib;
    arena = as_arena_new();
    engine e = open_engine(&c);
    for (int32_t i = 0; i < N_SHAPES; i++) {
        assay_plan *plan = NULL;
        int32_t tokens = 1 + i * 7919 % N_SHAPES; /* each once, in no order */
        OK(as_plan_cache_get(&cache, e.backend, e.session, ASSAY_PLAN_FORWARD, 1, tokens, &plan,
                             &error));
        cr_assert_leq(cache.n_slots[ASSAY_PLAN_FORWARD], AS_PLAN_CACHE_SLOTS);
        if (i == 2 * AS_PLAN_CACHE_SLOTS + 1024) {
            early = bytes_in_use();
            early_kib = resident_kib();
        }
    }
    late = bytes_in_use();
    late_kib = resident_kib();
    cr_assert_eq(cache.n_compiled, N_SHAPES);
    cr_expect_lt((double)late - (double)early, 4e6, "%zu, then %zu bytes", early, late);
#ifndef __SANITIZE_ADDRESS__ /* which keeps up to 256 MB of freed memory */
    cr_expect_lt(late_kib - early_kib, 24576, "%ld, then %ld KiB resident", early_kib, late_kib);
#endif
    cr_log_info("%zu, then %zu bytes; %ld, then %ld KiB resident", early, late, early_kib,
                late_kib);
    as_plan_cache_done(&cache, e.backend);
    close_engine(&e);
    as_arena_free(arena);
}

#else
Test(executed_flops, need_onednn) {
    cr_skip("built without oneDNN, whose plans these are");
}
#endif
