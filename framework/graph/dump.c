/* SPDX-License-Identifier: MIT */
/* A closed graph as text and as DOT (graphviz.org/doc/info/lang.html): the forward part, and what
 * checkpointing computes again behind it.
 *
 * Text, one value a line, numbers as in the graph:
 *
 *     %0 = token_ids : tokens [N] index
 *     %1 = parameter embedding.weight : [2000, 100]
 *     %2 = embedding(%0, %1 embedding.weight) : tokens [N, 100]
 *     logits %7, loss %9, 3 parameters, 214001 elements
 */
#include "graph/graph.h"

#include <stdarg.h>

#include "graph/internal.h"

static const char *const input_names[] = {"token_ids", "positions", "labels", "token_weights"};
_Static_assert(sizeof input_names / sizeof *input_names == ASSAY_INPUT_COUNT, "an input's name");

/* Appends to a bounded text; what doesn't fit is cut. */
typedef struct line {
    char text[2048]; /* a bidirectional lstm of long names needs 1300 */
    size_t used;
} line;

static void append(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(line *l, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(l->text + l->used, sizeof l->text - l->used, format, arguments);
    va_end(arguments);
    if (n > 0)
        l->used += (size_t)n < sizeof l->text - l->used ? (size_t)n : sizeof l->text - l->used - 1;
}

/* ", ", but for the first. */
static const char *comma(const line *l) {
    return l->used ? ", " : "";
}

/* "heads 4, probability 0.1": the attributes that the operation reads, but for the stream. */
static void append_attrs(line *l, const assay_node *node) {
    uint32_t reads = as_op_attributes(node->op);
    const assay_attrs *a = &node->attrs;
    if (reads & AS_ATTR_BIDIRECTIONAL)
        append(l, "%s%s", comma(l), a->bidirectional ? "bidirectional" : "forward");
    if (reads & AS_ATTR_HEADS)
        append(l, "%sheads %d", comma(l), (int)a->heads);
    if (reads & AS_ATTR_TOKEN)
        append(l, "%s%s", comma(l), a->token == ASSAY_TOKEN_FIRST ? "first" : "last");
    if (reads & AS_ATTR_RANGE)
        append(l, "%sbegin %lld, size %lld", comma(l), (long long)a->begin, (long long)a->size);
    if (reads & AS_ATTR_ROW)
        append(l, "%srow %lld", comma(l), (long long)a->begin);
    if (reads & AS_ATTR_CHANNELS)
        append(l, "%schannels %lld", comma(l), (long long)a->channels);
    if (reads & AS_ATTR_PROBABILITY)
        append(l, "%sprobability %g", comma(l), a->probability);
    if (reads & AS_ATTR_EPSILON)
        append(l, "%sepsilon %g", comma(l), a->epsilon);
    if (reads & AS_ATTR_FACTOR)
        append(l, "%sfactor %g", comma(l), a->factor);
    if (reads & AS_ATTR_LABEL_SMOOTHING)
        append(l, "%slabel_smoothing %g", comma(l), a->label_smoothing);
}

void as_node_attributes_text(const assay_node *node, char *text, size_t size) {
    line l = {.used = 0};
    append_attrs(&l, node);
    snprintf(text, size, "%s", l.text);
}

const char *as_graph_input_name(int32_t input) {
    return input >= 0 && input < ASSAY_INPUT_COUNT ? input_names[input] : "?";
}

static bool is_shown(const assay_graph_view *view, uint32_t node) {
    return node < view->n_forward_nodes || as_node_is_recomputed(view, node);
}

/* What a parameter is: trained, a constant that the host fixes, or one that isn't trained. */
static const char *parameter_kind(const assay_parameter_info *parameter) {
    return !parameter->init.frozen ? "parameter" : parameter->values ? "constant" : "frozen";
}

static void print_node(const assay_graph_view *view, uint32_t n, FILE *stream) {
    const assay_node *node = &view->nodes[n];
    line l = {.used = 0};
    char shape[64];
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == ASSAY_NONE)
            continue;
        int32_t parameter = view->values[node->inputs[i]].parameter;
        append(&l, "%s%%%d", comma(&l), (int)node->inputs[i]);
        if (parameter >= 0)
            append(&l, " %s", view->parameters[parameter].name);
    }
    append_attrs(&l, node);
    as_shape_text(&view->values[node->outputs[0]], shape, sizeof shape);
    fprintf(stream, "%%%d = %s(%s) : %s%s\n", (int)node->outputs[0], as_op_name(node->op), l.text,
            shape, as_node_is_recomputed(view, n) ? ", computed again" : "");
}

void as_graph_print(const assay_graph_view *view, FILE *stream) {
    int64_t n_elements = 0, n_trained = as_graph_n_trained(view);
    char shape[64];
    for (uint32_t v = 0; v < view->n_values; v++) {
        const assay_value_info *info = &view->values[v];
        as_shape_text(info, shape, sizeof shape);
        if (info->input >= 0)
            fprintf(stream, "%%%u = %s : %s\n", v, input_names[info->input], shape);
        else if (info->parameter >= 0)
            fprintf(stream, "%%%u = %s %s : %s\n", v,
                    parameter_kind(&view->parameters[info->parameter]),
                    view->parameters[info->parameter].name, shape);
        else if (info->node >= 0 && is_shown(view, (uint32_t)info->node))
            print_node(view, (uint32_t)info->node, stream);
    }
    for (uint32_t i = 0; i < view->n_parameters; i++)
        n_elements += view->parameters[i].n_elements;
    fprintf(stream, "logits %%%d, loss %%%d, %u parameters, %lld elements", (int)view->logits,
            (int)view->loss, view->n_parameters, (long long)n_elements);
    if (n_trained < n_elements)
        fprintf(stream, ", %lld trained", (long long)n_trained);
    fputc('\n', stream);
}

/* Parameter names are [A-Za-z0-9_.], so nothing needs escaping. */
static void print_dot_node(const assay_graph_view *view, uint32_t n, FILE *stream) {
    const assay_node *node = &view->nodes[n];
    line l = {.used = 0};
    char shape[64];
    append_attrs(&l, node);
    as_shape_text(&view->values[node->outputs[0]], shape, sizeof shape);
    fprintf(stream, "  v%d [shape=box, %slabel=\"%s%s%s\\n%s", (int)node->outputs[0],
            as_node_is_recomputed(view, n) ? "style=dashed, " : "", as_op_name(node->op), comma(&l),
            l.text, shape);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        int32_t parameter =
            node->inputs[i] == ASSAY_NONE ? -1 : view->values[node->inputs[i]].parameter;
        if (parameter < 0)
            continue;
        as_shape_text(&view->values[node->inputs[i]], shape, sizeof shape);
        fprintf(stream, "\\n%s %s%s", view->parameters[parameter].name, shape,
                view->parameters[parameter].init.frozen ? " frozen" : "");
    }
    fprintf(stream, "\"];\n");
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] != ASSAY_NONE && view->values[node->inputs[i]].parameter < 0)
            fprintf(stream, "  v%d -> v%d;\n", (int)node->inputs[i], (int)node->outputs[0]);
}

void as_graph_print_dot(const assay_graph_view *view, FILE *stream) {
    fprintf(stream, "digraph assay {\n  rankdir=TB;\n  node [fontname=\"sans-serif\"];\n");
    for (uint32_t v = 0; v < view->n_values; v++)
        if (view->values[v].input >= 0)
            fprintf(stream, "  v%u [shape=ellipse, label=\"%s\"];\n", v,
                    input_names[view->values[v].input]);
    for (uint32_t n = 0; n < view->n_nodes; n++)
        if (is_shown(view, n))
            print_dot_node(view, n, stream);
    fprintf(stream, "}\n");
}
