/* SPDX-License-Identifier: MIT */
/* plan.c: compiling and running plans of the reference backend.
 *
 * A plan is the list of the graph's nodes and the bounds of its batches. Every value has a buffer
 * of its own in the session, and the neediest kernel its scratch; compiling a plan makes them large
 * enough for max_rows rows and max_tokens tokens. Plans take turns with them (a buffer each would
 * cost gigabytes over the buckets of a training run), and each keeps the logits and the loss of its
 * own last batch. Nothing is fused, so every value of the latest run can be read. Running allocates
 * nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"

enum { PLAN_UPDATE = 2 }; /* beside ASSAY_PLAN_* */

struct assay_plan {
    assay_session *session;
    int32_t kind; /* ASSAY_PLAN_* or PLAN_UPDATE */
    assay_bounds bounds;
    uint32_t n_nodes; /* forward plans run the forward nodes only */
    void *logits;     /* of the last batch, room for max_rows */
    void *loss;
    int32_t n_rows, n_tokens; /* of the last batch; 0 rows: none yet */
    int32_t has_labels;
    assay_update_config update;
    double grad_norm; /* < 0: none yet */
    assay_profile profile;
};

/* The clock, 0 while no times are kept. */
static int64_t start_line(const assay_plan *plan) {
    return plan->session->profiling ? reference_now_ns() : 0;
}

static void end_line(assay_plan *plan, uint32_t line, int64_t start_ns) {
    if (plan->session->profiling)
        assay_profile_add(&plan->profile, line, reference_now_ns() - start_ns, 0, 0);
}

static int64_t value_rows(const assay_value_info *value, int32_t n_rows, int32_t n_tokens) {
    switch (value->domain) {
    case ASSAY_DOMAIN_FIXED:
        return value->dims[0];
    case ASSAY_DOMAIN_TOKENS:
        return n_tokens;
    case ASSAY_DOMAIN_ROWS:
        return n_rows;
    default:
        return 1;
    }
}

static int64_t value_channels(const assay_value_info *value) {
    if (value->domain == ASSAY_DOMAIN_FIXED)
        return value->dims[1];
    return value->domain == ASSAY_DOMAIN_SCALAR || value->is_index ? 1 : value->dims[0];
}

/* Room that the node's kernel needs, in reals; the layouts are described at the kernels. */
static int64_t scratch_elements(const assay_graph_view *graph, const assay_node *node,
                                int64_t max_tokens) {
    int64_t n_hidden = 0;
    if (node->op == ASSAY_OP_GRU || node->op == ASSAY_OP_LSTM)
        n_hidden = graph->values[node->inputs[2]].dims[1];
    if (node->op == ASSAY_OP_GRU_GRAD || node->op == ASSAY_OP_LSTM_GRAD ||
        node->op == ASSAY_OP_RNN_GRAD)
        n_hidden = graph->values[node->inputs[4]].dims[1];
    switch (node->op) {
    case ASSAY_OP_ATTENTION:
    case ASSAY_OP_ATTENTION_GRAD:
        return 3 * max_tokens; /* a, factor, da of one query */
    case ASSAY_OP_ATTENTION_POOL:
    case ASSAY_OP_ATTENTION_POOL_GRAD:
        return max_tokens; /* weights of one row */
    case ASSAY_OP_GRU:
    case ASSAY_OP_GRU_GRAD:
        return 11 * n_hidden; /* dh, gates [4], gi [3], gh [3] */
    case ASSAY_OP_LSTM:
        return 6 * n_hidden; /* gates [5], c */
    case ASSAY_OP_RNN_GRAD:
        return 2 * n_hidden; /* dh, sums */
    case ASSAY_OP_LSTM_GRAD:
        return (6 + 5 * max_tokens) * n_hidden; /* dh, dc, sums [4], then gates [5] a token */
    default:
        return 0;
    }
}

/* Makes *buffer hold at least m * c reals, zeroed where it grows. Returns 0 when that overflows or
 * memory is out; the buffer is then as it was. */
static int reserve(const assay_session *session, void **buffer, int64_t *n_elements, int64_t m,
                   int64_t c) {
    uint64_t limit = PTRDIFF_MAX / session->precision->element_bytes - 1;
    void *larger;
    if (m < 0 || c < 0 || (c > 0 && (uint64_t)m > limit / (uint64_t)c))
        return 0;
    if (*buffer && m * c <= *n_elements)
        return 1;
    larger = calloc((size_t)(m * c) + 1, session->precision->element_bytes);
    if (!larger)
        return 0;
    free(*buffer);
    *buffer = larger;
    *n_elements = m * c;
    return 1;
}

/* 1 when the value has a buffer that a run of this plan fills: token weights, in the batch as f32,
 * and what its nodes compute. */
static int makes(const assay_plan *plan, const assay_value_info *value) {
    return value->input == ASSAY_INPUT_TOKEN_WEIGHTS ||
           (value->node >= 0 && (uint32_t)value->node < plan->n_nodes);
}

static assay_status reserve_buffers(assay_plan *plan, assay_error *error) {
    assay_session *session = plan->session;
    const assay_graph_view *graph = session->graph;
    int32_t max_rows = plan->bounds.max_rows, max_tokens = plan->bounds.max_tokens;
    int ok = 1;
    session->latest = NULL; /* growing drops what the buffers hold */
    for (uint32_t v = 0; ok && v < graph->n_values; v++) {
        const assay_value_info *value = &graph->values[v];
        if (makes(plan, value))
            ok = reserve(session, &session->buffers[v], &session->n_elements[v],
                         value_rows(value, max_rows, max_tokens), value_channels(value));
    }
    for (uint32_t i = 0; ok && i < plan->n_nodes; i++)
        ok = reserve(session, &session->scratch, &session->n_scratch,
                     scratch_elements(graph, &graph->nodes[i], max_tokens), 1);
    size_t element_bytes = session->precision->element_bytes;
    plan->logits =
        calloc((size_t)max_rows, (size_t)graph->values[graph->logits].dims[0] * element_bytes);
    plan->loss = calloc(1, element_bytes);
    return ok && plan->logits && plan->loss
               ? ASSAY_OK
               : assay_fail(error, ASSAY_OUT_OF_MEMORY, "reference",
                            "no memory for the values of a plan; use smaller batches");
}

static assay_status check_nodes(const assay_graph_view *graph, assay_error *error) {
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        const assay_node *node = &graph->nodes[i];
        if (node->op < 0 || node->op >= ASSAY_OP_COUNT || node->n_inputs > REFERENCE_MAX_TENSORS ||
            node->n_outputs > REFERENCE_MAX_TENSORS) {
            char where[32];
            snprintf(where, sizeof where, "node %u", (unsigned)i);
            return assay_fail(error, ASSAY_UNSUPPORTED, where,
                              "operation unknown to the reference backend; build both from the "
                              "same ops.def");
        }
    }
    return ASSAY_OK;
}

static assay_status new_plan(assay_session *session, int32_t kind, assay_plan **ret_plan,
                             assay_error *error) {
    assay_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "reference", "no memory for a plan");
    plan->session = session;
    plan->kind = kind;
    plan->grad_norm = -1;
    *ret_plan = plan;
    return ASSAY_OK;
}

assay_status reference_compile(assay_session *session, int32_t kind, int32_t max_rows,
                               int32_t max_tokens, assay_plan **ret_plan, assay_error *error) {
    const assay_graph_view *graph = session->graph;
    assay_plan *plan = NULL;
    assay_status status;
    status = assay_check_plan(graph, kind, max_rows, max_tokens, error);
    if (!status)
        status = check_nodes(graph, error);
    if (!status)
        status = new_plan(session, kind, &plan, error);
    if (status)
        return status;
    plan->bounds = assay_bounds_of(graph, kind, max_rows, max_tokens);
    plan->n_nodes = kind == ASSAY_PLAN_FORWARD ? graph->n_forward_nodes : graph->n_nodes;
    status = reserve_buffers(plan, error);
    if (status) {
        reference_plan_free(plan);
        return status;
    }
    *ret_plan = plan;
    return ASSAY_OK;
}

assay_status reference_compile_update(assay_session *session, const assay_update_config *config,
                                      assay_plan **ret_plan, assay_error *error) {
    assay_plan *plan = NULL;
    assay_status status;
    status = assay_check_update(config, error);
    if (status)
        return status;
    status = new_plan(session, PLAN_UPDATE, &plan, error);
    if (status)
        return status;
    plan->update = *config;
    *ret_plan = plan;
    return ASSAY_OK;
}

void reference_plan_free(assay_plan *plan) {
    if (!plan)
        return;
    if (plan->session->latest == plan)
        plan->session->latest = NULL;
    free(plan->logits);
    free(plan->loss);
    free(plan->profile.lines);
    free(plan);
}

/* Where the value's data is for this batch; NULL for values that the plan doesn't make. */
static const void *value_data(const assay_plan *plan, assay_value v, const assay_batch *batch) {
    const assay_value_info *value = &plan->session->graph->values[v];
    if (value->parameter >= 0)
        return plan->session->states[value->parameter].tensors[ASSAY_STATE_PARAMETER];
    if (value->input == ASSAY_INPUT_TOKEN_IDS)
        return batch->ids;
    if (value->input == ASSAY_INPUT_POSITIONS)
        return batch->positions;
    if (value->input == ASSAY_INPUT_LABELS)
        return batch->labels;
    return makes(plan, value) ? plan->session->buffers[v] : NULL;
}

/* Fills in the node's tensors. Returns 0 if it needs labels and the batch has none. */
static int resolve(const assay_plan *plan, const assay_node *node, reference_call *call) {
    const assay_value_info *values = plan->session->graph->values;
    const assay_batch *batch = call->batch;
    call->attrs = &node->attrs;
    call->n_inputs = node->n_inputs;
    call->n_outputs = node->n_outputs;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        assay_value v = node->inputs[i];
        call->in[i] = (reference_input){NULL, 0, 0};
        if (v == ASSAY_NONE)
            continue;
        if (values[v].input == ASSAY_INPUT_LABELS && !batch->labels)
            return 0;
        call->in[i].data = value_data(plan, v, batch);
        call->in[i].m = value_rows(&values[v], batch->n_rows, batch->n_tokens);
        call->in[i].c = value_channels(&values[v]);
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        assay_value v = node->outputs[i];
        call->out[i] = (reference_output){NULL, 0, 0};
        if (v == ASSAY_NONE)
            continue;
        if (i == 0)
            call->domain = values[v].domain;
        call->out[i].data = plan->session->buffers[v];
        call->out[i].m = value_rows(&values[v], batch->n_rows, batch->n_tokens);
        call->out[i].c = value_channels(&values[v]);
    }
    return 1;
}

static void add_gradients(const assay_plan *plan) {
    const assay_session *session = plan->session;
    for (uint32_t p = 0; p < session->graph->n_parameters; p++) {
        assay_value gradient = session->graph->parameters[p].gradient;
        const reference_state *state = &session->states[p];
        if (gradient != ASSAY_NONE)
            session->precision->accumulate(state->tensors[ASSAY_STATE_GRADIENT],
                                           session->buffers[gradient], state->n);
    }
}

/* Rows of tables that the batch looked up. */
static void touch_rows(const assay_plan *plan, const assay_batch *batch) {
    const assay_session *session = plan->session;
    const assay_value_info *values = session->graph->values;
    for (uint32_t i = session->graph->n_forward_nodes; i < plan->n_nodes; i++) {
        const assay_node *node = &session->graph->nodes[i];
        if (node->op != ASSAY_OP_EMBEDDING_GRAD)
            continue;
        const int32_t *rows = value_data(plan, node->inputs[1], batch);
        unsigned char *touched = session->states[values[node->inputs[2]].parameter].touched;
        for (int32_t t = 0; touched && t < batch->n_tokens; t++)
            touched[rows[t]] = 1;
    }
}

/* Copies what must outlast the runs of other plans. */
static void keep_results(assay_plan *plan, const assay_batch *batch) {
    const assay_session *session = plan->session;
    const assay_graph_view *graph = session->graph;
    size_t element_bytes = session->precision->element_bytes;
    size_t n_logits = (size_t)batch->n_rows * (size_t)graph->values[graph->logits].dims[0];
    memcpy(plan->logits, session->buffers[graph->logits], n_logits * element_bytes);
    if (batch->labels && graph->loss != ASSAY_NONE)
        memcpy(plan->loss, session->buffers[graph->loss], element_bytes);
}

/* Token weights in the precision of the kernels. */
static void take_token_weights(const assay_session *session, const assay_batch *batch) {
    for (uint32_t v = 0; v < session->graph->n_values; v++)
        if (session->graph->values[v].input == ASSAY_INPUT_TOKEN_WEIGHTS)
            session->precision->from_float(session->buffers[v], batch->token_weights,
                                           batch->n_tokens);
}

static void run_node(assay_plan *plan, uint32_t i, reference_call *call) {
    assay_session *session = plan->session;
    int64_t start_ns = start_line(plan);
    if (!resolve(plan, &session->graph->nodes[i], call))
        return;
    session->precision->kernels[session->graph->nodes[i].op](call);
    if (session->profiling)
        reference_profile_node(&plan->profile, session, i, call->batch, start_ns);
}

static void run_nodes(assay_plan *plan, const assay_batch *batch, const assay_step *step) {
    assay_session *session = plan->session;
    reference_call call = {.batch = batch, .scratch = session->scratch};
    int64_t start_ns = start_line(plan);
    if (plan->kind == ASSAY_PLAN_ACCUMULATE) {
        call.dropout = step->dropout;
        call.seed = step->seed;
        call.loss_scale = step->loss_scale;
    }
    take_token_weights(session, batch);
    end_line(plan, REFERENCE_LINE_BATCH, start_ns);
    for (uint32_t i = 0; i < plan->n_nodes; i++)
        run_node(plan, i, &call);
    start_ns = start_line(plan);
    if (plan->kind == ASSAY_PLAN_ACCUMULATE) {
        add_gradients(plan);
        touch_rows(plan, batch);
        end_line(plan, REFERENCE_LINE_GRADIENTS, start_ns);
        start_ns = start_line(plan);
    }
    keep_results(plan, batch);
    end_line(plan, REFERENCE_LINE_RESULTS, start_ns);
    session->latest = plan;
    plan->n_rows = batch->n_rows;
    plan->n_tokens = batch->n_tokens;
    plan->has_labels = batch->labels != NULL;
}

static int64_t own_step(const assay_plan *plan, uint32_t parameter, const assay_step *step) {
    return step->step - (plan->update.since ? plan->update.since[parameter] : 0);
}

/* The factor that the step's gradients carry; 0: unchecked. */
static double gradient_scale(const assay_step *step) {
    return ASSAY_HAS_FIELD(step, assay_step, gradient_scale) ? step->gradient_scale : 0;
}

static void drop_gradients(const assay_session *session) {
    for (uint32_t p = 0; p < session->graph->n_parameters; p++) {
        const reference_state *state = &session->states[p];
        if (session->graph->parameters[p].gradient == ASSAY_NONE)
            continue;
        memset(state->tensors[ASSAY_STATE_GRADIENT], 0,
               (size_t)state->n * session->precision->element_bytes);
        if (state->touched)
            memset(state->touched, 0, (size_t)(state->n / state->width));
    }
}

static void run_update(assay_plan *plan, const assay_step *step) {
    const assay_session *session = plan->session;
    const assay_graph_view *graph = session->graph;
    double sum = 0, factor = 1, gradients = gradient_scale(step);
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (graph->parameters[p].gradient != ASSAY_NONE)
            sum += session->precision->sum_squares(session->states[p].tensors[ASSAY_STATE_GRADIENT],
                                                   session->states[p].n);
    plan->grad_norm = sqrt(sum) / (gradients > 0 ? gradients : 1);
    if (gradients > 0 && !isfinite(plan->grad_norm)) {
        drop_gradients(session);
        return;
    }
    if (plan->update.clip_norm > 0)
        factor = fmin(1.0, plan->update.clip_norm / (plan->grad_norm + 1e-6));
    factor /= gradients > 0 ? gradients : 1;
    for (uint32_t p = 0; p < graph->n_parameters; p++) {
        int exempt = plan->update.decay_exempt && plan->update.decay_exempt[p];
        double scale = plan->update.rate_scale ? plan->update.rate_scale[p] : 1;
        reference_update u = {&plan->update, scale * step->learning_rate, own_step(plan, p, step),
                              factor, exempt ? 0 : plan->update.weight_decay};
        if (graph->parameters[p].gradient != ASSAY_NONE)
            session->precision->update(&u, &session->states[p]);
    }
}

/* Every trained parameter's step must be 1 or later. */
static assay_status check_steps(const assay_plan *plan, const assay_step *step,
                                assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    if (step->step < 1)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "step.step",
                          "steps of an update count from 1");
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (graph->parameters[p].gradient != ASSAY_NONE && own_step(plan, p, step) < 1)
            return assay_fail(error, ASSAY_INVALID_ARGUMENT, graph->parameters[p].name,
                              "is updated in a step that is not after its `since`");
    return ASSAY_OK;
}

/* What `reference_run` does once the arguments are known to be right, timed where that is wanted.
 */
static assay_status run_checked(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                                assay_error *error) {
    const assay_session *session = plan->session;
    int64_t start_ns;
    if (session->profiling) {
        assay_status status =
            reference_profile_begin(&plan->profile, session, plan->n_nodes, error);
        if (status)
            return status;
    }
    start_ns = start_line(plan);
    if (plan->kind == PLAN_UPDATE) {
        run_update(plan, step);
        end_line(plan, REFERENCE_LINE_UPDATE, start_ns);
    } else {
        run_nodes(plan, batch, step);
    }
    if (session->profiling) {
        plan->profile.nanoseconds += (uint64_t)(reference_now_ns() - start_ns);
        plan->profile.n_runs++;
    }
    return ASSAY_OK;
}

void reference_profile(assay_session *session, int32_t on) {
    session->profiling = on != 0;
    session->profile_round += on != 0;
}

uint32_t reference_read_profile(const assay_plan *plan, assay_profile_entry *entries,
                                uint32_t capacity, uint64_t *ret_nanoseconds, uint64_t *ret_runs) {
    *ret_nanoseconds = *ret_runs = 0;
    if (plan->profile.round != plan->session->profile_round)
        return 0;
    return assay_profile_read(&plan->profile, entries, capacity, ret_nanoseconds, ret_runs);
}

assay_status reference_run(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                           assay_error *error) {
    assay_status status;
    if (plan->kind == PLAN_UPDATE) {
        if (!step)
            return assay_fail(error, ASSAY_INVALID_ARGUMENT, "step", "is NULL; the plan needs one");
        status = check_steps(plan, step, error);
        return status ? status : run_checked(plan, NULL, step, error);
    }
    status = assay_check_batch(&plan->bounds, batch, step, error);
    return status ? status : run_checked(plan, batch, step, error);
}

assay_status reference_read(assay_plan *plan, assay_value value, double *data, uint64_t n,
                            assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    const assay_value_info *info;
    const void *source;
    char text[128];
    if (plan->kind == PLAN_UPDATE || plan->n_rows == 0)
        return assay_fail(
            error, ASSAY_INVALID_ARGUMENT, "read",
            "the plan has not run on a batch; run a forward or accumulate plan first");
    if (value < 0 || (uint32_t)value >= graph->n_values || graph->values[value].is_index)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "read", "not a real value of the graph");
    info = &graph->values[value];
    source = value == graph->logits ? plan->logits
             : value == graph->loss ? plan->loss
                                    : value_data(plan, value, NULL);
    if (value != graph->logits && value != graph->loss && plan->session->latest != plan)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "read",
                          "another plan of the session has run or was compiled since: only logits "
                          "and loss are kept");
    if (!source || (value == graph->loss && !plan->has_labels))
        return assay_fail(
            error, ASSAY_INVALID_ARGUMENT, "read",
            "the last run didn't compute that value (a forward plan has no gradients, "
            "a batch without labels no loss)");
    int64_t expected = value_rows(info, plan->n_rows, plan->n_tokens) * value_channels(info);
    if (n != (uint64_t)expected) {
        snprintf(text, sizeof text, "found room for %llu elements; expected %lld",
                 (unsigned long long)n, (long long)expected);
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "read", text);
    }
    plan->session->precision->to_double(data, source, expected);
    return ASSAY_OK;
}

assay_status reference_read_grad_norm(assay_plan *plan, double *ret_norm, assay_error *error) {
    if (plan->grad_norm < 0)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "read_grad_norm",
                          "no update has run with this plan");
    *ret_norm = plan->grad_norm;
    return ASSAY_OK;
}
