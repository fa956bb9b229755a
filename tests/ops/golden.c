/* SPDX-License-Identifier: MIT */
/* golden.c: the reference backend against numbers it had no part in.
 *
 *     golden FILE    FILE = tests/golden/ops.json: PyTorch's results in f64 (make_ops_golden.py),
 * agreed to 1e-12 of each tensor's scale: graphs (logits, loss, gradients), optimizers.
 * closed_forms.c has what PyTorch can't say. */
#include <jansson.h>
#include <math.h>

#include "assay/blocks.h"
#include "cases.h"

static const double tolerance = 1e-12;

static const assay_backend *reference;

/* ---- the graphs of make_ops_golden.py, same names ---- */

enum { N_IDS = 7, N_CHANNELS = 6, N_CLASSES = 3, N_HIDDEN = 4 };

static assay_value body_activations(const assay_builder *b, assay_value x) {
    x = assay_gelu(b, assay_linear(b, "first", x, 7));
    x = assay_relu(b, assay_linear(b, "second", x, 6));
    return assay_mean_pool(b, assay_tanh(b, assay_linear(b, "third", x, 5)));
}

static assay_value body_layer_norm(const assay_builder *b, assay_value x) {
    assay_value score = assay_linear(b, "score", x, 1);
    return assay_attention_pool(b, assay_layer_norm(b, "norm", x, 1e-5), score);
}

static assay_value body_attention(const assay_builder *b, assay_value x) {
    return assay_mean_pool(b, assay_add(b, assay_self_attention(b, "attention", x, 3, 0), x));
}

static assay_value body_gru(const assay_builder *b, assay_value x) {
    x = assay_recurrent(b, ASSAY_OP_GRU, "gru", 0, x, N_HIDDEN, 1);
    return assay_final_state(b, assay_recurrent(b, ASSAY_OP_GRU, "gru", 1, x, N_HIDDEN, 1), 1);
}

static assay_value body_gru_forward_only(const assay_builder *b, assay_value x) {
    x = assay_recurrent(b, ASSAY_OP_GRU, "gru", 0, x, N_HIDDEN, 0);
    return assay_concat(b, assay_mean_pool(b, x), assay_max_pool(b, x));
}

static assay_value body_lstm(const assay_builder *b, assay_value x) {
    x = assay_recurrent(b, ASSAY_OP_LSTM, "lstm", 0, x, N_HIDDEN, 1);
    x = assay_recurrent(b, ASSAY_OP_LSTM, "lstm", 1, x, N_HIDDEN, 1);
    assay_value hidden = assay_tanh(b, assay_linear(b, "hidden", x, 3));
    return assay_attention_pool(b, x, assay_linear(b, "score", hidden, 1));
}

static assay_value body_lstm_forward_only(const assay_builder *b, assay_value x) {
    return assay_final_state(b, assay_recurrent(b, ASSAY_OP_LSTM, "lstm", 0, x, N_HIDDEN, 0), 0);
}

static assay_value body_embedding(const assay_builder *b, assay_value x) {
    assay_value positions = b->input(b->graph, ASSAY_INPUT_POSITIONS);
    assay_value code = assay_embedding(b, "position", positions, 8, N_CHANNELS);
    return assay_max_pool(b, assay_tanh(b, assay_add(b, x, code)));
}

static assay_value body_sinusoid(const assay_builder *b, assay_value x) {
    x = assay_add(b, assay_scale(b, x, -1.5), assay_sinusoid(b, N_CHANNELS));
    return assay_mean_pool(b, assay_tanh(b, x));
}

static assay_value body_select(const assay_builder *b, assay_value x) {
    x = assay_concat(b, assay_slice(b, x, 2, 3), assay_tanh(b, x));
    return assay_concat(b, assay_select_token(b, x, ASSAY_TOKEN_FIRST),
                        assay_select_token(b, x, ASSAY_TOKEN_LAST));
}

static assay_value body_large_logits(const assay_builder *b, assay_value x) {
    return assay_scale(b, assay_mean_pool(b, x), 4000);
}

static assay_value body_rnn(const assay_builder *b, assay_value x) {
    x = assay_recurrent(b, ASSAY_OP_RNN, "rnn", 0, x, N_HIDDEN, 1);
    return assay_final_state(b, assay_recurrent(b, ASSAY_OP_RNN, "rnn", 1, x, N_HIDDEN, 1), 1);
}

static assay_value body_rnn_forward_only(const assay_builder *b, assay_value x) {
    return assay_mean_pool(b, assay_recurrent(b, ASSAY_OP_RNN, "rnn", 0, x, N_HIDDEN, 0));
}

static assay_value body_token_weights(const assay_builder *b, assay_value x) {
    x = assay_tanh(b, assay_weight_tokens(b, x));
    assay_value own = assay_linear(b, "own", x, 1);
    return assay_mean_pool(b, assay_apply2(b, ASSAY_OP_SCALE_TOKENS, x, own));
}

static assay_value body_add_row(const assay_builder *b, assay_value x) {
    assay_value table =
        assay_block_parameter(b, "kind", "weight", 3, N_CHANNELS, ASSAY_INIT_NORMAL, 1);
    x = assay_tanh(b, assay_add_row(b, x, table, 0));
    return assay_tanh(b, assay_add_row(b, assay_mean_pool(b, x), table, 1));
}

static assay_value body_frozen(const assay_builder *b, assay_value x) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    x = assay_add(b, x, assay_frozen_embedding(b, "fixed", ids, N_IDS, N_CHANNELS));
    return assay_mean_pool(b, assay_tanh(b, assay_linear(b, "hidden", x, N_HIDDEN)));
}

static assay_value body_mean(const assay_builder *b, assay_value x) {
    return assay_mean_pool(b, x);
}

static assay_value body_max(const assay_builder *b, assay_value x) {
    return assay_max_pool(b, x);
}

static const struct {
    const char *name;
    graph_body *body;
} bodies[] = {
    {"activations", body_activations},
    {"layer_norm", body_layer_norm},
    {"attention", body_attention},
    {"gru", body_gru},
    {"gru_forward_only", body_gru_forward_only},
    {"lstm", body_lstm},
    {"lstm_forward_only", body_lstm_forward_only},
    {"embedding", body_embedding},
    {"sinusoid", body_sinusoid},
    {"select", body_select},
    {"large_logits", body_large_logits},
    {"rnn", body_rnn},
    {"rnn_forward_only", body_rnn_forward_only},
    {"token_weights", body_token_weights},
    {"add_row", body_add_row},
    {"frozen", body_frozen},
    {"class_weights", body_mean},
    {"class_weights_smoothing", body_max},
};

/* ---- reading ops.json ---- */

static json_t *member(json_t *object, const char *name) {
    json_t *value = json_object_get(object, name);
    if (!value)
        tap_bail("ops.json: no member %s", name);
    return value;
}

static double number(json_t *object, const char *name) {
    return json_number_value(member(object, name));
}

static double *numbers(as_arena *arena, json_t *array, int64_t n, const char *what) {
    if (!json_is_array(array) || (int64_t)json_array_size(array) != n)
        tap_bail("ops.json: %s has %zu numbers; expected %lld", what, json_array_size(array),
                 (long long)n);
    double *data = require_alloc(arena, (size_t)n, sizeof *data);
    for (int64_t i = 0; i < n; i++)
        data[i] = json_number_value(json_array_get(array, (size_t)i));
    return data;
}

static int32_t *integers(as_arena *arena, json_t *array, size_t *ret_n) {
    *ret_n = json_array_size(array);
    int32_t *data = require_alloc(arena, *ret_n, sizeof *data);
    for (size_t i = 0; i < *ret_n; i++)
        data[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return data;
}

static assay_batch *golden_batch(as_arena *arena, json_t *root) {
    size_t n_rows, n_tokens, n_labels;
    int32_t *lengths = integers(arena, member(root, "lengths"), &n_rows);
    int32_t *ids = integers(arena, member(root, "ids"), &n_tokens);
    int32_t *labels = integers(arena, member(root, "labels"), &n_labels);
    double *weights =
        numbers(arena, member(root, "token_weights"), (int64_t)n_tokens, "token_weights");
    float *token_weights = require_alloc(arena, n_tokens, sizeof *token_weights);
    for (size_t t = 0; t < n_tokens; t++)
        token_weights[t] = (float)weights[t];
    assay_batch *batch = make_batch(arena, lengths, (int32_t)n_rows, N_IDS, N_CLASSES);
    if ((int32_t)n_tokens != batch->n_tokens || n_labels != n_rows)
        tap_bail("ops.json: lengths, ids and labels don't fit together");
    batch->ids = ids;
    batch->labels = labels;
    batch->token_weights = token_weights;
    return batch;
}

/* The tensor of every parameter, in the graph's order, from an object by name; NULL for those whose
 * values the graph fixes, and with trained_only for those that aren't trained. */
static double **tensors(as_arena *arena, const assay_graph_view *graph, json_t *object,
                        bool trained_only) {
    double **data = require_alloc(arena, graph->n_parameters, sizeof *data);
    size_t n = 0;
    for (uint32_t p = 0; p < graph->n_parameters; p++) {
        const assay_parameter_info *info = &graph->parameters[p];
        if (info->values || (trained_only && info->gradient == ASSAY_NONE))
            continue;
        data[p] = numbers(arena, member(object, info->name), info->n_elements, info->name);
        n++;
    }
    if (json_object_size(object) != n)
        tap_bail("ops.json: parameters that the graph doesn't have");
    return data;
}

static void upload_all(runner *r, int32_t state, double **data) {
    for (uint32_t p = 0; p < r->graph->n_parameters; p++)
        runner_upload(r, state, p, data[p] ? data[p] : r->graph->parameters[p].values);
}

/* ---- graphs ---- */

static void check_graph(json_t *root, json_t *c, graph_body *body) {
    as_arena *arena = as_arena_new();
    const char *name = json_string_value(member(c, "name")), *worst;
    json_t *class_weights = member(c, "class_weights");
    assay_graph *graph = body_graph(
        body, N_IDS, N_CHANNELS, N_CLASSES, number(c, "label_smoothing"),
        json_array_size(class_weights) ? numbers(arena, class_weights, N_CLASSES, "class_weights")
                                       : NULL);
    runner r = runner_open(reference, ASSAY_DTYPE_F64, as_graph_view(graph));
    assay_step step = make_step(0, 0, 1);
    upload_all(&r, ASSAY_STATE_PARAMETER, tensors(arena, r.graph, member(c, "parameters"), false));
    assay_batch *batch = golden_batch(arena, root);
    run_result a = runner_step(&r, arena, batch, &step);
    double *logits = numbers(arena, member(c, "logits"), a.n_logits, "logits");
    double loss = number(c, "loss");
    double **gradients = tensors(arena, r.graph, member(c, "gradients"), true);
    double mean = number(c, "mean_loss");
    double own_mean = a.loss / as_graph_loss_weight(r.graph, batch->labels, batch->n_rows);
    double d_logits = difference(a.logits, logits, a.n_logits, max_abs(logits, a.n_logits));
    double d_loss = fmax(difference(&a.loss, &loss, 1, fabs(loss)),
                         difference(&own_mean, &mean, 1, fabs(mean)));
    double d_gradient = gradient_difference(r.graph, a.gradients, gradients, 1e-3, &worst);
    tap_ok(d_logits <= tolerance && d_loss <= tolerance && d_gradient <= tolerance,
           "PyTorch's %s: logits %.1e, loss %.1e, gradients %.1e (%s)", name, d_logits, d_loss,
           d_gradient, worst);
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

/* Every graph of the file has a body here, and the other way round. */
static void check_graphs(json_t *root) {
    json_t *cases = member(root, "graphs");
    size_t n = sizeof bodies / sizeof *bodies;
    tap_ok(json_array_size(cases) == n, "ops.json has %zu graphs", n);
    for (size_t i = 0; i < n; i++) {
        json_t *c = json_array_get(cases, i);
        if (!c || strcmp(json_string_value(member(c, "name")), bodies[i].name) != 0)
            tap_bail("ops.json: graph %zu should be %s", i, bodies[i].name);
        check_graph(root, c, bodies[i].body);
    }
}

/* ---- optimizers ---- */

static int32_t optimizer_of(json_t *c) {
    static const char *const names[ASSAY_OPTIMIZER_COUNT] = {"sgd", "adam", "adamw", "adam_keras",
                                                             "adam_lazy"};
    for (int32_t i = 0; i < ASSAY_OPTIMIZER_COUNT; i++)
        if (strcmp(json_string_value(member(c, "optimizer")), names[i]) == 0)
            return i;
    tap_bail("unknown optimizer in ops.json");
}

/* The arena's: which parameters have no weight decay. */
static const uint8_t *exempt_of(as_arena *arena, const assay_graph_view *graph, json_t *c) {
    uint8_t *exempt = require_alloc(arena, graph->n_parameters, sizeof *exempt);
    json_t *name;
    size_t i;
    json_array_foreach(member(c, "exempt"), i, name) {
        for (uint32_t p = 0; p < graph->n_parameters; p++)
            exempt[p] |= strcmp(graph->parameters[p].name, json_string_value(name)) == 0;
    }
    return exempt;
}

static void set_groups(as_arena *arena, const assay_graph_view *graph, json_t *c,
                       assay_update_config *config) {
    double *rate_scale = require_alloc(arena, graph->n_parameters, sizeof *rate_scale);
    int64_t *since = require_alloc(arena, graph->n_parameters, sizeof *since);
    for (uint32_t p = 0; p < graph->n_parameters; p++) {
        const char *name = graph->parameters[p].name;
        json_t *scale = json_object_get(member(c, "rate_scale"), name);
        rate_scale[p] = scale ? json_number_value(scale) : 1;
        since[p] = json_integer_value(json_object_get(member(c, "since"), name));
    }
    config->rate_scale = json_object_size(member(c, "rate_scale")) ? rate_scale : NULL;
    config->since = json_object_size(member(c, "since")) ? since : NULL;
}

static assay_update_config update_config(as_arena *arena, const assay_graph_view *graph,
                                         json_t *c) {
    assay_update_config config = {.struct_size = (uint32_t)sizeof config,
                                  .optimizer = optimizer_of(c),
                                  .beta1 = number(c, "beta1"),
                                  .beta2 = number(c, "beta2"),
                                  .epsilon = number(c, "epsilon"),
                                  .momentum = number(c, "momentum"),
                                  .weight_decay = number(c, "weight_decay"),
                                  .clip_norm = number(c, "clip_norm"),
                                  .clip_value = number(c, "clip_value")};
    if (json_array_size(member(c, "exempt")))
        config.decay_exempt = exempt_of(arena, graph, c);
    set_groups(arena, graph, c, &config);
    return config;
}

/* Largest difference of parameters and norm after a step of the file. */
static double check_step(runner *r, as_arena *arena, assay_plan *plan, json_t *expected,
                         int64_t number_of_step) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_step step = make_step(0, 0, 1);
    double norm = -1, worst;
    const char *name;
    step.step = number_of_step;
    step.learning_rate = number(expected, "learning_rate");
    upload_all(r, ASSAY_STATE_GRADIENT,
               tensors(arena, r->graph, member(expected, "gradients"), true));
    runner_run(r, plan, NULL, &step);
    require(r->backend->read_grad_norm(plan, &norm, &error), &error);
    worst = fabs(norm - number(expected, "norm")) / number(expected, "norm");
    double **after = require_alloc(arena, r->graph->n_parameters, sizeof *after);
    for (uint32_t p = 0; p < r->graph->n_parameters; p++) {
        after[p] = runner_download(r, arena, ASSAY_STATE_PARAMETER, p);
        double *gradient = runner_download(r, arena, ASSAY_STATE_GRADIENT, p);
        worst += max_abs(gradient, r->graph->parameters[p].n_elements); /* must be zero */
    }
    return fmax(worst,
                gradient_difference(r->graph, after,
                                    tensors(arena, r->graph, member(expected, "after"), false),
                                    1e-3, &name));
}

static void check_optimizer(json_t *c, size_t index) {
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = body_graph(body_mean, 4, 3, 2, 0, NULL);
    runner r = runner_open(reference, ASSAY_DTYPE_F64, as_graph_view(graph));
    assay_update_config config = update_config(arena, r.graph, c);
    assay_plan *plan = NULL;
    json_t *steps = member(c, "steps");
    double worst = 0;
    require(reference->compile_update(r.session, &config, &plan, &error), &error);
    upload_all(&r, ASSAY_STATE_PARAMETER, tensors(arena, r.graph, member(c, "start"), false));
    for (size_t i = 0; i < json_array_size(steps); i++)
        worst = fmax(worst, check_step(&r, arena, plan, json_array_get(steps, i),
                                       (int64_t)number(c, "first_step") + (int64_t)i));
    tap_ok(worst <= tolerance && json_array_size(steps) == 5, "PyTorch's optimizer %zu (%s): %.1e",
           index, json_string_value(member(c, "optimizer")), worst);
    reference->plan_free(plan);
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

static json_t *load(const char *path) {
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        tap_bail("%s:%d: %s", path, error.line, error.text);
    return root;
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 2)
        tap_bail("usage: golden [--fail-fast] tests/golden/ops.json");
    json_t *root = load(argv[1]);
    reference = load_backend(plugins, "reference");
    check_graphs(root);
    json_t *optimizers = member(root, "optimizers");
    for (size_t i = 0; i < json_array_size(optimizers); i++)
        check_optimizer(json_array_get(optimizers, i), i);
    json_decref(root);
    as_arena_free(plugins);
    return tap_done();
}
