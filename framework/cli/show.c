/* SPDX-License-Identifier: MIT */
/* The work of `assay show`, done in a child process: loads the model, builds its graph, prints into
 * memory, and only then to stdout, so that a crash on the way leaves no half table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "cell/shape_map.h"
#include "cell/suite.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "graph/graph.h"
#include "plugin/plugin.h"
#include "train/phases.h"

typedef struct show {
    as_arena *arena;
    as_words operands, sets;
    const char *classes, *vocabulary, *strategy_text;
    bool json, dot;
    as_plugin plugin;
    const assay_model_graph *model;
    const assay_model_opaque *opaque;
    assay_model_config config;
    void *options;
    as_strategy strategy;
    as_phases *phases;
    const assay_graph *graph; /* of epoch 1, the phases' */
    FILE *out;
} show;

static assay_status parse_count(const char *text, const char *option, int64_t low, int64_t high,
                                int64_t *ret, assay_error *error) {
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end || end == text || value < low || value > high)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, option,
                       "found \"%.40s\"; expected %" PRId64 " to %" PRId64, text, low, high);
    *ret = value;
    return ASSAY_OK;
}

/* hidden=128 -> {"hidden": 128} */
static assay_status options_json(const as_words *sets, json_t **ret_options, assay_error *error) {
    json_t *options = json_object();
    for (size_t i = 0; i < sets->n; i++) {
        const char *equals = strchr(sets->items[i], '=');
        char name[128];
        json_error_t ignored;
        if (!equals || equals == sets->items[i] ||
            (size_t)(equals - sets->items[i]) >= sizeof name) {
            json_decref(options);
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--set",
                           "\"%.80s\" is not OPTION=VALUE, as hidden=128", sets->items[i]);
        }
        snprintf(name, sizeof name, "%.*s", (int)(equals - sets->items[i]), sets->items[i]);
        json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, &ignored);
        if (!value || json_is_object(value) || json_is_array(value) || json_is_null(value)) {
            json_decref(value);
            value = json_string(equals + 1);
        }
        if (json_object_set_new(options, name, value) != 0) {
            json_decref(options);
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--set", "value is not valid UTF-8");
        }
    }
    *ret_options = options;
    return ASSAY_OK;
}

/* "hybrid:2" -> {"kind": "hybrid", "layers": 2} */
static assay_status parse_strategy(show *s, assay_error *error) {
    const char *text = s->strategy_text ? s->strategy_text : "full", *known = NULL;
    size_t length = strcspn(text, ":");
    int64_t layers = 0;
    for (int kind = 0; kind < AS_STRATEGY_COUNT; kind++) {
        const char *name = as_strategy_name((as_strategy_kind)kind);
        if (strlen(name) == length && strncmp(name, text, length) == 0)
            known = name;
    }
    if (!known)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--strategy",
                       "found \"%.40s\"; expected full, freeze, hybrid:LAYERS or gradual", text);
    assay_status status = ASSAY_OK;
    if (text[length])
        status = parse_count(text + length + 1, "--strategy", 1, 1000, &layers, error);
    if (status != ASSAY_OK)
        return status;
    json_t *json = json_pack("{s:s}", "kind", known);
    if (layers)
        json_object_set_new(json, "layers", json_integer(layers));
    status = as_strategy_from_json(s->arena, json, "--strategy", &s->strategy, error);
    json_decref(json);
    return status;
}

static assay_status build_graph(show *s, assay_error *error) {
    const as_graph_options options = {.with_gradient = 1};
    const as_phases_config config = {s->model, &s->config, &options, &s->strategy, 1};
    assay_status status = parse_strategy(s, error);
    if (status == ASSAY_OK)
        status = as_phases_new(&config, &s->phases, error);
    return status == ASSAY_OK ? as_phases_graph(s->phases, 1, &s->graph, error) : status;
}

static assay_status load(show *s, assay_error *error) {
    int64_t n_classes = 2;
    json_t *options = NULL;
    const char *id = s->operands.items[0];
    s->config = (assay_model_config){
        .struct_size = sizeof s->config, .vocab_size = 5000, .max_tokens = 256, .threads = 1};
    assay_status status = ASSAY_OK;
    if (s->classes)
        status = parse_count(s->classes, "--classes", 2, 4096, &n_classes, error);
    if (status == ASSAY_OK && s->vocabulary)
        status = parse_count(s->vocabulary, "--vocab", 2, 10000000, &s->config.vocab_size, error);
    if (status == ASSAY_OK)
        status = as_plugin_load(s->arena, ASSAY_PLUGIN_KIND_MODEL, id, &s->plugin, error);
    if (status == ASSAY_OK)
        status = as_plugin_model(&s->plugin, &s->model, &s->opaque, error);
    if (status == ASSAY_OK)
        status = options_json(&s->sets, &options, error);
    if (status == ASSAY_OK)
        status = as_options_from_json(s->arena, s->plugin.descriptor, options, "--set", &s->options,
                                      error);
    json_decref(options);
    s->config.n_classes = (int32_t)n_classes;
    s->config.options = s->options;
    if (status == ASSAY_OK && s->model)
        status = build_graph(s, error);
    return status;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void range_text(const assay_option *option, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    if (option->kind == ASSAY_OPTION_KIND_CHOICE) {
        for (size_t i = 0; option->choices[i] && used < size; i++)
            used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "|" : "",
                                     option->choices[i]);
    } else if (option->kind == ASSAY_OPTION_KIND_BOOL) {
        snprintf(text, size, "true|false");
    } else if (option->kind == ASSAY_OPTION_KIND_TEXT) {
        snprintf(text, size, "%.6g..%.6g bytes", option->minimum, option->maximum);
    } else {
        snprintf(text, size, "%.6g..%.6g", option->minimum, option->maximum);
    }
}

typedef struct option_row {
    const char *name;
    char value[ASSAY_OPTION_TEXT_MOST + 1], range[128];
} option_row;

static option_row row_of(const show *s, const assay_option *option) {
    option_row row = {.name = option->name};
    as_option_text(option, s->options, row.value, sizeof row.value);
    if (!row.value[0])
        snprintf(row.value, sizeof row.value, "\"\"");
    range_text(option, row.range, sizeof row.range);
    return row;
}

static int wider(int width, const char *text) {
    return strlen(text) > (size_t)width ? (int)strlen(text) : width;
}

/* Columns as wide as what stands in them; a long value pushes the rest of its own line only. */
static void print_options(const show *s) {
    enum { LONG_VALUE = 24 };
    const assay_plugin *plugin = s->plugin.descriptor;
    int name = 6, value = 5, range = 5;
    for (uint64_t i = 0; i < plugin->n_options; i++) {
        option_row row = row_of(s, &plugin->options[i]);
        name = wider(name, row.name);
        value = strlen(row.value) > LONG_VALUE ? value : wider(value, row.value);
        range = wider(range, row.range);
    }
    if (plugin->n_options)
        fprintf(s->out, "%-*s  %-*s  %-*s  meaning\n", name, "option", value, "value", range,
                "range");
    for (uint64_t i = 0; i < plugin->n_options; i++) {
        option_row row = row_of(s, &plugin->options[i]);
        fprintf(s->out, "%-*s  %-*s  %-*s  %s\n", name, row.name, value, row.value, range,
                row.range, plugin->options[i].meaning);
    }
}

static void count(const assay_graph_view *view, int64_t *total, int64_t *trainable) {
    *total = *trainable = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        *total += view->parameters[i].n_elements;
        if (view->parameters[i].gradient != ASSAY_NONE)
            *trainable += view->parameters[i].n_elements;
    }
}

static void print_parameters(const show *s) {
    const assay_graph_view *view = as_graph_view(s->graph);
    int64_t total, trainable;
    char text[32], shape[48];
    count(view, &total, &trainable);
    fprintf(s->out, "\nparameters  %s, ", as_grouped_text(total, text, sizeof text));
    if (trainable == total)
        fputs("all trainable", s->out);
    else
        fprintf(s->out, "%s trainable", as_grouped_text(trainable, text, sizeof text));
    fprintf(s->out, ", %.3g MB f32 (%d classes, %" PRId64 " words)\n", (double)total * 4e-6,
            s->config.n_classes, s->config.vocab_size);
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const assay_parameter_info *p = &view->parameters[i];
        if (p->rank == 2)
            snprintf(shape, sizeof shape, "%" PRId64 "x%" PRId64, p->dims[0], p->dims[1]);
        else
            snprintf(shape, sizeof shape, "%" PRId64, p->dims[0]);
        fprintf(s->out, "  %-34s %11s %12s %5.1f %%\n", p->name, shape,
                as_grouped_text(p->n_elements, text, sizeof text),
                total ? 100.0 * (double)p->n_elements / (double)total : 0);
    }
}

static void print_text(const show *s) {
    const assay_plugin *plugin = s->plugin.descriptor;
    fprintf(s->out, "%s %s  %s, %s, %s\n%s\n\n", plugin->id, plugin->version,
            s->model ? "graph model" : "opaque model", plugin->license,
            s->plugin.path[0] ? s->plugin.path : "linked in", plugin->summary);
    print_options(s);
    if (!s->graph) {
        fputs("\nAn opaque model trains and predicts by itself: it has no graph to show.\n",
              s->out);
        return;
    }
    print_parameters(s);
    fputs("\ngraph\n", s->out);
    as_graph_print(as_graph_view(s->graph), s->out);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *option_json(const assay_option *option, json_t *value) {
    static const char *const kinds[] = {"", "int", "real", "bool", "choice", "text"};
    json_t *choices = NULL;
    json_t *json = json_pack("{s:s, s:s, s:s, s:O}", "name", option->name, "kind",
                             kinds[option->kind], "meaning", option->meaning, "value", value);
    if (option->kind == ASSAY_OPTION_KIND_CHOICE) {
        choices = json_array();
        for (size_t i = 0; option->choices[i]; i++)
            json_array_append_new(choices, json_string(option->choices[i]));
        json_object_set_new(json, "choices", choices);
    } else if (option->kind != ASSAY_OPTION_KIND_BOOL) {
        json_object_set_new(json, "minimum", json_real(option->minimum));
        json_object_set_new(json, "maximum", json_real(option->maximum));
    }
    return json;
}

static json_t *parameters_json(const show *s) {
    const assay_graph_view *view = as_graph_view(s->graph);
    int64_t total, trainable;
    json_t *tensors = json_array();
    count(view, &total, &trainable);
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const assay_parameter_info *p = &view->parameters[i];
        json_t *shape = p->rank == 2
                            ? json_pack("[I, I]", (json_int_t)p->dims[0], (json_int_t)p->dims[1])
                            : json_pack("[I]", (json_int_t)p->dims[0]);
        json_array_append_new(tensors, json_pack("{s:s, s:o, s:I, s:b}", "name", p->name, "shape",
                                                 shape, "n", (json_int_t)p->n_elements, "trainable",
                                                 p->gradient != ASSAY_NONE));
    }
    return json_pack("{s:I, s:I, s:o}", "total", (json_int_t)total, "trainable",
                     (json_int_t)trainable, "tensors", tensors);
}

static assay_status print_json(const show *s, assay_error *error) {
    const assay_plugin *plugin = s->plugin.descriptor;
    json_t *nodes = json_null();
    as_shape_map map;
    if (s->graph) {
        assay_status status = as_shape_map_make(s->arena, as_graph_view(s->graph), &map, error);
        if (status != ASSAY_OK)
            return status;
        nodes = as_shape_nodes_json(&map);
    }
    json_t *options = json_array(), *values = as_options_to_json(plugin, s->options);
    for (uint64_t i = 0; i < plugin->n_options; i++) {
        const assay_option *option = &plugin->options[i];
        json_array_append_new(options, option_json(option, json_object_get(values, option->name)));
    }
    json_decref(values);
    json_t *json = json_pack("{s:s, s:s?, s:s?, s:s?, s:s, s:i, s:I, s:o, s:o, s:o}", "id",
                             plugin->id, "version", plugin->version, "license", plugin->license,
                             "summary", plugin->summary, "kind", s->model ? "graph" : "opaque",
                             "classes", (int)s->config.n_classes, "vocab_size",
                             (json_int_t)s->config.vocab_size, "options", options, "parameters",
                             s->graph ? parameters_json(s) : json_null(), "graph", nodes);
    if (!json)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "--json", "no memory");
    json_dumpf(json, s->out, JSON_INDENT(2));
    fputc('\n', s->out);
    json_decref(json);
    return ASSAY_OK;
}

int as_show(int argc, char **argv) {
    show s = {.json = false};
    assay_error error = ASSAY_ERROR_INIT;
    char *text = NULL;
    size_t size = 0;
    if (!(s.arena = as_arena_new()) || !(s.out = open_memstream(&text, &size)))
        return AS_EXIT_FAILED;
    const as_arg args[] = {{"--classes", AS_ARG_TEXT, &s.classes},
                           {"--vocab", AS_ARG_TEXT, &s.vocabulary},
                           {"--strategy", AS_ARG_TEXT, &s.strategy_text},
                           {"--set", AS_ARG_MORE, &s.sets},
                           {"--json", AS_ARG_FLAG, &s.json},
                           {"--dot", AS_ARG_FLAG, &s.dot}};
    assay_status status = as_args_parse(s.arena, argc, argv, args, sizeof args / sizeof args[0], 1,
                                        1, &s.operands, &error);
    if (status == ASSAY_OK)
        status = load(&s, &error);
    if (status == ASSAY_OK && s.dot && !s.graph)
        status = as_fail(&error, ASSAY_INVALID_ARGUMENT, "--dot", "an opaque model has no graph");
    if (status == ASSAY_OK && s.dot)
        as_graph_print_dot(as_graph_view(s.graph), s.out);
    else if (status == ASSAY_OK && s.json)
        status = print_json(&s, &error);
    else if (status == ASSAY_OK)
        print_text(&s);
    fclose(s.out);
    if (status == ASSAY_OK)
        fwrite(text, 1, size, stdout); /* errors surface in as_close_stdout */
    free(text);
    as_phases_free(s.phases);
    as_arena_free(s.arena);
    return status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
}
