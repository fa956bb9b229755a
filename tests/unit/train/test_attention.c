/* SPDX-License-Identifier: MIT */
/* Attention's weights as the reader tells them: against a softmax by hand over queries, keys and
 * scores that the reference backend gives, on both backends; each text's sum to 1; the model is
 * left as it was. */
#include "tiny.h"
#include "train/attention.h"

enum { MOST = 4 };

static const char *const attending[] = {"bilstm_attention", "transformer", "distilbert", "bert"};

TestSuite(attention, .init = tiny_set_up, .fini = tiny_tear_down);

/* Parameters that differ from their initial zeros and ones, and large enough that weights differ.
 */
static void draw_parameters(as_engine *engine) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        int64_t n = view->parameters[i].n_elements;
        as_random random = as_random_init(7, as_hash64(view->parameters[i].name));
        double *values = as_arena_alloc_array(arena, (size_t)n, sizeof *values);
        for (int64_t k = 0; k < n; k++)
            values[k] = (double)(float)(as_random_normal(&random));
        OK(as_engine_set_parameter(engine, ASSAY_STATE_PARAMETER, i, values, &error));
    }
}

/* ---- by hand --------------------------------------------------------------------------------- */

/* A value of the graph for one row, from the reference backend in f64. */
static double *value_of(as_engine *engine, assay_value value, const as_row *row) {
    const assay_backend *reference = tiny_backend("reference");
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    const assay_device_config config = {
        .struct_size = sizeof config, .dtype = ASSAY_DTYPE_F64, .threads = 1};
    const int32_t offsets[2] = {0, row->n_ids};
    const uint64_t key = row->index;
    int32_t positions[TOY_LONGEST];
    const assay_batch batch = {.struct_size = sizeof batch,
                               .n_rows = 1,
                               .n_tokens = row->n_ids,
                               .ids = row->ids,
                               .positions = positions,
                               .offsets = offsets,
                               .row_keys = &key};
    const assay_step step = {.struct_size = sizeof step};
    assay_device *device = NULL;
    assay_session *session = NULL;
    assay_plan *plan = NULL;
    uint64_t n = (uint64_t)(view->values[value].dims[0] * row->n_ids);
    double *values = as_arena_alloc_array(arena, n, sizeof *values);
    for (int32_t t = 0; t < TOY_LONGEST; t++)
        positions[t] = t;
    OK(reference->open(&config, &device, &error));
    OK(reference->session_create(device, view, &session, &error));
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        uint64_t size = (uint64_t)view->parameters[i].n_elements;
        double *data_of = as_arena_alloc_array(arena, size, sizeof *data_of);
        OK(as_engine_get_parameter(engine, ASSAY_STATE_PARAMETER, i, data_of, &error));
        OK(reference->upload(session, ASSAY_STATE_PARAMETER, i, data_of, size, &error));
    }
    OK(reference->compile(session, ASSAY_PLAN_FORWARD, 1, row->n_ids, &plan, &error));
    OK(reference->run(plan, &batch, &step, &error));
    OK(reference->sync(device, &error));
    OK(reference->read(plan, value, values, n, &error));
    reference->plan_free(plan);
    reference->session_free(session);
    reference->close(device);
    return values;
}

static void add_softmax(const double *scores, int32_t n, double share, double *sums) {
    double most = scores[0], sum = 0;
    for (int32_t u = 1; u < n; u++)
        most = fmax(most, scores[u]);
    for (int32_t u = 0; u < n; u++)
        sum += exp(scores[u] - most);
    for (int32_t u = 0; u < n; u++)
        sums[u] += share * exp(scores[u] - most) / sum;
}

/* softmax_u(q_t . k_u / sqrt D) of each head, averaged over heads and over the queries that count
 */
static void heads_by_hand(const double *qkv, int64_t channels, int32_t n,
                          const as_attention *attention, double *weights) {
    int64_t c = channels / 3, d = c / attention->heads;
    int32_t first = attention->query == AS_ATTENTION_LAST ? n - 1 : 0;
    int32_t last = attention->query == AS_ATTENTION_FIRST ? 0 : n - 1;
    for (int32_t t = first; t <= last; t++)
        for (int32_t h = 0; h < attention->heads; h++) {
            double scores[TOY_LONGEST];
            for (int32_t u = 0; u < n; u++) {
                const double *q = qkv + t * channels + h * d, *k = qkv + u * channels + c + h * d;
                scores[u] = 0;
                for (int64_t i = 0; i < d; i++)
                    scores[u] += q[i] * k[i] / sqrt((double)d);
            }
            add_softmax(scores, n, 1.0 / (attention->heads * (last - first + 1)), weights);
        }
}

static void by_hand(as_engine *engine, const as_attention *attention, const as_row *row,
                    double *weights) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    const assay_node *node = &view->nodes[attention->node];
    bool pool = node->op == ASSAY_OP_ATTENTION_POOL;
    assay_value source = node->inputs[pool ? 1 : 0];
    const double *values = value_of(engine, source, row);
    memset(weights, 0, TOY_LONGEST * sizeof *weights);
    if (pool)
        add_softmax(values, row->n_ids, 1, weights);
    else
        heads_by_hand(values, view->values[source].dims[0], row->n_ids, attention, weights);
}

/* ---- the reader ------------------------------------------------------------------------------ */

static as_engine *make_engine(const assay_graph *graph, const char *backend, int32_t dtype) {
    as_engine *engine = tiny_engine(graph, backend, dtype);
    draw_parameters(engine);
    return engine;
}

/* The longest and the shortest rows, and two others. */
static void choose_rows(const as_row *rows[MOST]) {
    const as_split_rows *split = &data.splits[AS_SPLIT_TRAIN];
    rows[0] = rows[1] = &split->rows[0];
    rows[2] = &split->rows[3];
    rows[3] = &split->rows[4];
    for (uint32_t i = 0; i < split->n_rows; i++) {
        rows[0] = split->rows[i].n_ids > rows[0]->n_ids ? &split->rows[i] : rows[0];
        rows[1] = split->rows[i].n_ids < rows[1]->n_ids ? &split->rows[i] : rows[1];
    }
    cr_assert(rows[0]->n_ids == TOY_LONGEST && rows[1]->n_ids == 1);
}

static void expect_by_hand(const char *model, const char *backend, int32_t dtype, double bound) {
    const as_graph_options options = {.with_gradient = 1};
    assay_graph *graph = tiny_model(model, 2, 0.3, &options);
    as_engine *engine = make_engine(graph, backend, dtype);
    as_attention_reader *reader = NULL;
    const as_row *rows[MOST];
    double got[MOST][TOY_LONGEST], expected[TOY_LONGEST], *weights[MOST], worst = 0, spread = 0;
    choose_rows(rows);
    for (size_t i = 0; i < MOST; i++)
        weights[i] = got[i];
    OK(as_attention_open(arena, engine, &reader, &error));
    OK(as_attention_read(reader, rows, MOST, weights, &error));
    for (size_t i = 0; i < MOST; i++) {
        double sum = 0;
        by_hand(engine, as_attention_of(reader), rows[i], expected);
        for (int32_t t = 0; t < rows[i]->n_ids; t++) {
            sum += got[i][t];
            worst = fmax(worst, fabs(got[i][t] - expected[t]));
            spread = fmax(spread, fabs(expected[t] - 1.0 / rows[i]->n_ids));
        }
        cr_expect_float_eq(sum, 1, bound, "%s on %s: the weights sum to %.9g", model, backend, sum);
    }
    cr_expect_leq(worst, bound, "%s on %s: off by %g", model, backend, worst);
    cr_expect_gt(spread, 0.02, "%s: equal weights show nothing", model);
    as_attention_close(reader);
    as_engine_free(engine);
    as_graph_free(graph);
}

Test(attention, is_a_softmax_by_hand_on_reference) {
    for (size_t i = 0; i < sizeof attending / sizeof *attending; i++) {
        expect_by_hand(attending[i], "reference", ASSAY_DTYPE_F64, 1e-12);
        expect_by_hand(attending[i], "reference", ASSAY_DTYPE_F32, 1e-5);
    }
}

#ifdef HAVE_ONEDNN
Test(attention, is_the_same_on_onednn) {
    for (size_t i = 0; i < sizeof attending / sizeof *attending; i++)
        expect_by_hand(attending[i], "onednn", ASSAY_DTYPE_F32, 1e-5);
}
#endif

Test(attention, tells_whose_query_counts) {
    static const struct {
        const char *model;
        as_attention_query query;
        int32_t heads;
    } cases[] = {{"bilstm_attention", AS_ATTENTION_POOL, 1},
                 {"distilbert", AS_ATTENTION_FIRST, 2},
                 {"bert", AS_ATTENTION_FIRST, 2},
                 {"transformer", AS_ATTENTION_MEAN, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const as_graph_options options = {0};
        as_attention found;
        assay_graph *graph = tiny_model(cases[i].model, 2, 0, &options);
        const assay_graph_view *view = as_graph_view(graph);
        cr_assert(as_graph_find_attention(view, &found));
        cr_expect_eq(found.query, cases[i].query, "%s", cases[i].model);
        cr_expect_eq(found.heads, cases[i].heads, "%s", cases[i].model);
        for (uint32_t n = found.node + 1; n < view->n_forward_nodes; n++)
            cr_expect_neq(view->nodes[n].op, ASSAY_OP_ATTENTION, "%s: the last", cases[i].model);
        as_graph_free(graph);
    }
}

Test(attention, a_model_without_is_said_to_have_none) {
    const as_graph_options options = {0};
    assay_graph *graph = tiny_model("gru", 1, 0, &options);
    as_engine *engine = tiny_engine(graph, "reference", ASSAY_DTYPE_F32);
    as_attention_reader *untouched = (as_attention_reader *)&error, *reader = untouched;
    cr_assert_eq(as_attention_open(arena, engine, &reader, NULL), ASSAY_NOT_FOUND);
    cr_assert_eq(reader, untouched);
    as_engine_free(engine);
    as_graph_free(graph);
}

/* Logits before and after reading are the same bits. */
Test(attention, reading_changes_nothing) {
    const as_graph_options options = {.with_gradient = 1};
    assay_graph *graph = tiny_model("transformer", 2, 0, &options);
    as_engine *engine = make_engine(graph, "reference", ASSAY_DTYPE_F32);
    as_batches *batches = NULL;
    double before[TINY_ROWS * TINY_CLASSES], after[TINY_ROWS * TINY_CLASSES];
    const as_row *rows[MOST];
    double got[MOST][TOY_LONGEST], *weights[MOST] = {got[0], got[1], got[2], got[3]};
    as_attention_reader *reader = NULL;
    OK(as_batches_new(arena, &data.splits[AS_SPLIT_TEST], TINY_ROWS, &batches, &error));
    const assay_batch *batch = as_batches_next(batches);
    choose_rows(rows);
    OK(as_engine_forward(engine, batch, before, NULL, &error));
    OK(as_attention_open(arena, engine, &reader, &error));
    OK(as_attention_read(reader, rows, MOST, weights, &error));
    as_attention_close(reader);
    OK(as_engine_forward(engine, batch, after, NULL, &error));
    cr_assert_eq(memcmp(before, after, sizeof before), 0);
    as_engine_free(engine);
    as_graph_free(graph);
}
