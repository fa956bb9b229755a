/* SPDX-License-Identifier: MIT */
/* Hidden states of the encoder MiniLM-L6, as the built-in model `bert` has them, for comparison
 * with transformers:
 *
 *     minilm_states MODEL BACKEND pooled|tokens IDS >STATES
 *
 * MODEL is the folder with config.json and model.safetensors; IDS has the token ids of a text on
 * each line. Written are little-endian floats, for each text in turn:
 *
 *     pooled   [4 C]   mean and maximum over its tokens, its first and its last token's state
 *     tokens   [N, C]  every token's state; on the backend `reference` alone, where any value of a
 *                      graph can be read
 *
 * The model is built by its plugin through a builder that puts the four pooled vectors in the place
 * of the mean and leaves the classifier away, so that they are the logits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/plugin.h"
#include "train/engine.h"
#include "train/weights.h"

enum { CHANNELS = 384, POOLED = 4 * CHANNELS, MAX_TOKENS = 512, LINE = 8 * MAX_TOKENS };

typedef struct program {
    as_arena *arena;
    const assay_backend *backend;
    assay_graph *graph;
    as_engine *engine;
    assay_device *device; /* of `tokens` */
    assay_session *session;
    assay_plan *plan;
    assay_value states; /* TOKENS [N, C] */
} program;

typedef struct text {
    assay_batch batch;
    int32_t ids[MAX_TOKENS], positions[MAX_TOKENS], offsets[2];
    uint64_t key;
} text;

/* ---- the graph ------------------------------------------------------------------------------- */

static assay_builder original;
static const assay_model_graph *bert;

enum { CLASSIFIER = 1 << 30 }; /* no value of the graph */

static assay_value without_classifier(assay_graph *graph, const char *name, uint32_t rank,
                                      const int64_t *dims, const assay_init *init) {
    if (strncmp(name, "classifier.", 11) == 0)
        return CLASSIFIER;
    return original.parameter(graph, name, rank, dims, init);
}

static assay_value select_token(assay_graph *graph, assay_value x, int32_t token) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.token = token;
    return original.apply(graph, ASSAY_OP_SELECT_TOKEN, &x, 1, &attrs);
}

static assay_value pool(assay_graph *graph, assay_value x) {
    assay_value parts[4];
    parts[0] = original.apply(graph, ASSAY_OP_MEAN_POOL, &x, 1, NULL);
    parts[1] = original.apply(graph, ASSAY_OP_MAX_POOL, &x, 1, NULL);
    parts[2] = select_token(graph, x, ASSAY_TOKEN_FIRST);
    parts[3] = select_token(graph, x, ASSAY_TOKEN_LAST);
    return original.apply(graph, ASSAY_OP_CONCAT, parts, 4, NULL);
}

static assay_value apply(assay_graph *graph, int32_t op, const assay_value *inputs,
                         uint32_t n_inputs, const assay_attrs *attrs) {
    if (op == ASSAY_OP_MEAN_POOL)
        return pool(graph, inputs[0]);
    if (op == ASSAY_OP_LINEAR && inputs[1] == CLASSIFIER)
        return inputs[0];
    return original.apply(graph, op, inputs, n_inputs, attrs);
}

static assay_value build(const assay_builder *builder, const assay_model_config *config) {
    assay_builder changed = original = *builder;
    changed.parameter = without_classifier;
    changed.apply = apply;
    return bert->build(&changed, config);
}

static assay_status make_graph(program *p, assay_error *error) {
    static const as_option_value values[] = {{"layers", AS_OPTION_NUMBER, 6, NULL},
                                             {"dim", AS_OPTION_NUMBER, CHANNELS, NULL},
                                             {"hidden_dim", AS_OPTION_NUMBER, 1536, NULL},
                                             {"head", AS_OPTION_TEXT, 0, "mean"},
                                             {"classifier_dropout", AS_OPTION_NUMBER, 0, NULL}};
    static const assay_model_graph model = {(uint32_t)sizeof model, 0, build};
    assay_model_config config = {(uint32_t)sizeof config, POOLED, 30522, MAX_TOKENS, NULL, 1, 1, 0};
    const as_graph_options forward = {0};
    const assay_model_opaque *opaque = NULL;
    as_plugin plugin;
    void *options = NULL;
    assay_status status = as_plugin_load(p->arena, ASSAY_PLUGIN_KIND_MODEL, "bert", &plugin, error);
    if (status == ASSAY_OK)
        status = as_plugin_model(&plugin, &bert, &opaque, error);
    if (status == ASSAY_OK)
        status = as_options_fill(p->arena, plugin.descriptor, values,
                                 sizeof values / sizeof values[0], "bert", &options, error);
    config.options = options;
    if (status == ASSAY_OK)
        status = as_graph_build_model(&model, &config, &forward, &p->graph, error);
    const assay_graph_view *view = status == ASSAY_OK ? as_graph_view(p->graph) : NULL;
    for (uint32_t i = 0; view && i < view->n_forward_nodes; i++)
        if (view->nodes[i].op == ASSAY_OP_MEAN_POOL)
            p->states = view->nodes[i].inputs[0];
    return status;
}

/* ---- weights --------------------------------------------------------------------------------- */

static assay_status load_weights(program *p, const char *folder, assay_error *error) {
    as_weights *weights = NULL;
    as_weights_result result;
    assay_status status = as_weights_open(p->arena, folder, &weights, error);
    if (status == ASSAY_OK)
        status = as_weights_load(p->arena, weights, p->engine, "bert", 1, &result, error);
    as_weights_close(weights);
    return status;
}

/* The engine shows its logits alone: `tokens` needs a session of its own. */
static assay_status open_session(program *p, assay_error *error) {
    const assay_device_config config = {(uint32_t)sizeof config, ASSAY_DTYPE_F32, 1, 0, 0};
    const assay_graph_view *view = as_graph_view(p->graph);
    assay_status status = p->backend->open(&config, &p->device, error);
    if (status == ASSAY_OK)
        status = p->backend->session_create(p->device, view, &p->session, error);
    for (uint32_t i = 0; status == ASSAY_OK && i < view->n_parameters; i++) {
        uint64_t n = (uint64_t)view->parameters[i].n_elements;
        double *values = as_arena_alloc_array(p->arena, n, sizeof *values);
        status = as_engine_get_parameter(p->engine, ASSAY_STATE_PARAMETER, i, values, error);
        if (status == ASSAY_OK)
            status = p->backend->upload(p->session, ASSAY_STATE_PARAMETER, i, values, n, error);
    }
    if (status == ASSAY_OK)
        status =
            p->backend->compile(p->session, ASSAY_PLAN_FORWARD, 1, MAX_TOKENS, &p->plan, error);
    return status;
}

static assay_status open_program(program *p, const char *const *arguments, assay_error *error) {
    as_engine_config config = {NULL, ASSAY_DTYPE_F32, 1, 1, MAX_TOKENS, 0};
    as_plugin plugin;
    assay_status status =
        as_plugin_load(p->arena, ASSAY_PLUGIN_KIND_BACKEND, arguments[2], &plugin, error);
    if (status == ASSAY_OK)
        status = as_plugin_backend(&plugin, &p->backend, error);
    if (status == ASSAY_OK)
        status = make_graph(p, error);
    config.backend = p->backend;
    if (status == ASSAY_OK)
        status = as_engine_new(&config, p->graph, &p->engine, error);
    if (status == ASSAY_OK)
        status = load_weights(p, arguments[1], error);
    if (status == ASSAY_OK && strcmp(arguments[3], "tokens") == 0)
        status = open_session(p, error);
    return status;
}

static void close_program(program *p) {
    if (p->plan)
        p->backend->plan_free(p->plan);
    if (p->session)
        p->backend->session_free(p->session);
    if (p->device)
        p->backend->close(p->device);
    as_engine_free(p->engine);
    as_graph_free(p->graph);
    as_arena_free(p->arena);
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* false: the line has no ids, too many, or something else in it. */
static bool parse(const char *line, text *t) {
    int32_t n = 0;
    char *end;
    for (; *line && *line != '\n'; line = end) {
        errno = 0;
        long id = strtol(line, &end, 10);
        if (end == line || errno || id < 0 || id >= 30522 || n == MAX_TOKENS)
            return false;
        t->ids[n] = (int32_t)id;
        t->positions[n] = n;
        n++;
    }
    t->offsets[0] = 0;
    t->offsets[1] = n;
    t->key = 0;
    t->batch = (assay_batch){.struct_size = sizeof(assay_batch),
                             .n_rows = 1,
                             .n_tokens = n,
                             .ids = t->ids,
                             .positions = t->positions,
                             .offsets = t->offsets,
                             .row_keys = &t->key};
    return n > 0;
}

static assay_status run_tokens(program *p, const text *t, double *values, assay_error *error) {
    const assay_step step = {(uint32_t)sizeof step, 0, 0, 1, 0, 1, 0};
    assay_status status = p->backend->run(p->plan, &t->batch, &step, error);
    if (status == ASSAY_OK)
        status = p->backend->sync(p->device, error);
    if (status == ASSAY_OK)
        status = p->backend->read(p->plan, p->states, values,
                                  (uint64_t)t->batch.n_tokens * CHANNELS, error);
    return status;
}

static assay_status run_texts(program *p, FILE *lines, assay_error *error) {
    static double values[MAX_TOKENS * CHANNELS];
    static char line[LINE];
    static text t;
    assay_status status = ASSAY_OK;
    for (int number = 1; status == ASSAY_OK && fgets(line, sizeof line, lines); number++) {
        if (!parse(line, &t)) {
            fprintf(stderr, "line %d: expected 1 to %d token ids\n", number, MAX_TOKENS);
            return ASSAY_BAD_DATA;
        }
        size_t n = p->plan ? (size_t)t.batch.n_tokens * CHANNELS : POOLED;
        status = p->plan ? run_tokens(p, &t, values, error)
                         : as_engine_forward(p->engine, &t.batch, values, NULL, error);
        for (size_t i = 0; status == ASSAY_OK && i < n; i++) {
            float value = (float)values[i];
            if (fwrite(&value, sizeof value, 1, stdout) != 1)
                return ASSAY_IO;
        }
    }
    return status;
}

int main(int argc, char **argv) {
    program p = {.states = ASSAY_NONE};
    assay_error error = ASSAY_ERROR_INIT;
    FILE *lines = argc == 5 ? fopen(argv[4], "r") : NULL;
    if (!lines) {
        fprintf(stderr, "usage: minilm_states MODEL BACKEND pooled|tokens IDS >STATES\n");
        return 64;
    }
    p.arena = as_arena_new();
    assay_status status = open_program(&p, (const char *const *)argv, &error);
    if (status == ASSAY_OK)
        status = run_texts(&p, lines, &error);
    if (status != ASSAY_OK)
        fprintf(stderr, "%s: %s\n", error.where, error.text);
    fclose(lines);
    close_program(&p);
    return status == ASSAY_OK && fflush(stdout) == 0 ? 0 : 3;
}
