/* SPDX-License-Identifier: MIT */
/* Opens a saved cell: which folder is meant, what its checkpoint says, and whether plugin,
 * tokenizer and weights fit together. Whatever was saved is checked as if it came from anywhere;
 * using it is saved_predict.c's. */
#include "cell/saved.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cell/saved_engine.h"
#include "cell/suite.h"

enum { MAX_CLASSES = 10000, MAX_LISTED = 10 };

typedef struct opening {
    as_arena *arena;
    as_saved_cell *cell;
    const char *checkpoint, *tokenizer; /* paths */
    as_plugin plugin;
    const assay_model_graph *model;
    void *options;
    assay_error *error;
} opening;

static assay_status no_memory(const char *where, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the saved cell");
}

static const char *join(as_arena *arena, const char *a, const char *b) {
    char *path = as_path_join(a, b);
    const char *copy = path ? as_arena_strdup(arena, path) : NULL;
    free(path);
    return copy;
}

/* What is wrong with a saved file is never the command line's fault. */
static assay_status as_bad_data(assay_status status, assay_error *error) {
    if (status != ASSAY_INVALID_ARGUMENT && status != ASSAY_NOT_FOUND)
        return status;
    if (error)
        error->status = ASSAY_BAD_DATA;
    return ASSAY_BAD_DATA;
}

/* ---- which cell ------------------------------------------------------------------------------ */

/* Is there a run.json? Then *ret_json is read. */
static assay_status read_run(as_arena *arena, const char *run, json_t **ret_json,
                             assay_error *error) {
    const char *path = join(arena, run, "run.json");
    if (!path)
        return no_memory(run, error);
    if (!as_path_exists(path))
        return ASSAY_OK;
    assay_status status = as_json_load(path, ret_json, error);
    if (status == ASSAY_OK && !json_is_array(json_object_get(*ret_json, "cells"))) {
        json_decref(*ret_json);
        *ret_json = NULL;
        status = as_fail(error, ASSAY_BAD_DATA, path,
                         "has no list of cells; it is not one that assay run wrote");
    }
    return status;
}

/* PATH without its last part, which goes to *ret_last; both "." where nothing is left. */
static assay_status split_path(as_arena *arena, const char *path, const char **ret_head,
                               const char **ret_last, assay_error *error) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t at = n;
    while (at > 0 && path[at - 1] != '/')
        at--;
    const char *last = as_arena_strndup(arena, path + at, n - at);
    while (at > 1 && path[at - 1] == '/')
        at--;
    const char *head = at ? as_arena_strndup(arena, path, at) : ".";
    if (!last || !head)
        return no_memory(path, error);
    *ret_head = head;
    *ret_last = last;
    return ASSAY_OK;
}

/* RUN and the cell's name (NULL: the only one) from RUN, RUN/NAME or RUN/cells/NAME; *ret_json
 * stays NULL where there is no run. */
static assay_status look_for_run(as_arena *arena, const char *path, const char **ret_run,
                                 const char **ret_name, json_t **ret_json, assay_error *error) {
    const char *head = path, *name = NULL, *folder = "";
    assay_status status = read_run(arena, path, ret_json, error);
    if (status == ASSAY_OK && !*ret_json)
        status = split_path(arena, path, &head, &name, error);
    if (status == ASSAY_OK && !*ret_json)
        status = read_run(arena, head, ret_json, error);
    if (status == ASSAY_OK && !*ret_json) {
        status = split_path(arena, head, &head, &folder, error);
        if (status == ASSAY_OK && strcmp(folder, "cells") == 0)
            status = read_run(arena, head, ret_json, error);
    }
    *ret_run = head;
    *ret_name = name;
    return status;
}

/* "." and the like say nothing of the folders above them. */
static assay_status find_run(as_arena *arena, const char *path, const char **ret_run,
                             const char **ret_name, json_t **ret_json, assay_error *error) {
    assay_status status = look_for_run(arena, path, ret_run, ret_name, ret_json, error);
    if (status != ASSAY_OK || *ret_json)
        return status;
    char *resolved = realpath(path, NULL);
    const char *full = resolved ? as_arena_strdup(arena, resolved) : NULL;
    free(resolved);
    if (full)
        status = look_for_run(arena, full, ret_run, ret_name, ret_json, error);
    if (status == ASSAY_OK && !*ret_json)
        status = as_fail(error, ASSAY_NOT_FOUND, path,
                         "found no run.json there or above; give RUN/CELL, a cell of a folder that "
                         "assay run wrote");
    return status;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* "a, b, c" of the cells' names, as far as they fit. */
static void list_cells(const json_t *cells, char *text, size_t size) {
    const json_t *one;
    size_t i, used = 0;
    text[0] = '\0';
    json_array_foreach(cells, i, one) {
        const char *name = text_of(one, "name");
        if (used + strlen(name) + 8 > size) {
            snprintf(text + used, size - used, ", ...");
            return;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", name);
    }
}

/* A cell by its name, or by its entry's where that has just one; NULL name: the only cell. */
static assay_status find_cell(const json_t *run, const char *path, const char *name,
                              const json_t **ret_cell, assay_error *error) {
    const json_t *cells = json_object_get(run, "cells"), *one, *found = NULL;
    char names[600];
    size_t i, n = 0;
    json_array_foreach(cells, i, one) {
        bool same = name && strcmp(text_of(one, "name"), name) == 0;
        if (same || !name || strcmp(text_of(one, "entry"), name) == 0) {
            found = one;
            n++;
        }
        if (same) {
            n = 1;
            break;
        }
    }
    list_cells(cells, names, sizeof names);
    if (n == 1) {
        *ret_cell = found;
        return ASSAY_OK;
    }
    if (n == 0)
        return as_fail(error, ASSAY_NOT_FOUND, path, "the run has no cell \"%.80s\"; its cells: %s",
                       name ? name : "", names);
    return as_fail(error, ASSAY_NOT_FOUND, path, "the run has %zu such cells; give one of: %s", n,
                   names);
}

static assay_status find_folder(opening *o, const json_t *found) {
    as_saved_cell *cell = o->cell;
    const char *name = text_of(found, "name"), *status = text_of(found, "status");
    if (!*name || *name == '.' || strchr(name, '/'))
        return as_fail(o->error, ASSAY_BAD_DATA, cell->run,
                       "run.json has a cell without a proper name");
    cell->name = as_arena_strdup(o->arena, name);
    const char *cells = join(o->arena, cell->run, "cells");
    cell->folder = cells ? join(o->arena, cells, name) : NULL;
    o->checkpoint = cell->folder ? join(o->arena, cell->folder, AS_CHECKPOINT_FILE) : NULL;
    o->tokenizer = cell->folder ? join(o->arena, cell->folder, AS_SAVED_TOKENIZER_FILE) : NULL;
    if (!cell->name || !o->checkpoint || !o->tokenizer)
        return no_memory(cell->run, o->error);
    if (strcmp(text_of(found, "backend"), "own") == 0)
        return as_fail(o->error, ASSAY_UNSUPPORTED, cell->folder,
                       "its model computes by itself (an opaque model); only graph models are "
                       "saved");
    if (as_path_exists(o->checkpoint))
        return ASSAY_OK;
    if (strcmp(status, "ok") != 0)
        return as_fail(o->error, ASSAY_NOT_FOUND, cell->folder,
                       "the cell is %s: nothing of it was saved", *status ? status : "not there");
    return as_fail(o->error, ASSAY_NOT_FOUND, cell->folder,
                   "no weights were kept\ndo     run it again with --set checkpoint.keep=true");
}

static assay_status locate(opening *o, const char *path) {
    json_t *run = NULL;
    const json_t *found = NULL;
    const char *name = NULL;
    assay_status status = find_run(o->arena, path, &o->cell->run, &name, &run, o->error);
    if (status == ASSAY_OK)
        status = find_cell(run, path, name, &found, o->error);
    if (status == ASSAY_OK)
        status = find_folder(o, found);
    json_decref(run);
    return status;
}

/* ---- metadata -------------------------------------------------------------------------------- */

static as_where field_of(const opening *o, const char *key) {
    return as_where_join(o->checkpoint, "/", key);
}

static assay_status get_text(const opening *o, const char *key, const char **ret_text) {
    const char *text = as_safetensors_metadata(o->cell->weights, key);
    if (!text)
        return as_fail(o->error, ASSAY_BAD_DATA, field_of(o, key).text,
                       "is missing from the file's metadata");
    *ret_text = text;
    return ASSAY_OK;
}

static assay_status get_number(const opening *o, const char *key, int64_t low, int64_t high,
                               int64_t *ret_number) {
    const char *text = NULL;
    assay_status status = get_text(o, key, &text);
    if (status != ASSAY_OK)
        return status;
    char *end;
    bool digits = *text >= '0' && *text <= '9' && strlen(text) < 19;
    int64_t number = digits ? strtoll(text, &end, 10) : -1;
    if (!digits || *end || number < low || number > high)
        return as_fail(o->error, ASSAY_BAD_DATA, field_of(o, key).text,
                       "found \"%.40s\"; expected a number from %" PRId64 " to %" PRId64, text, low,
                       high);
    *ret_number = number;
    return ASSAY_OK;
}

static assay_status get_json(const opening *o, const char *key, json_t **ret_json) {
    const char *text = NULL;
    assay_status status = get_text(o, key, &text);
    return status == ASSAY_OK
               ? as_json_parse(text, strlen(text), field_of(o, key).text, ret_json, o->error)
               : status;
}

static assay_status check_format(const opening *o) {
    const char *format = as_safetensors_metadata(o->cell->weights, "format"), *version = NULL;
    char expected[16];
    snprintf(expected, sizeof expected, "%d", AS_CHECKPOINT_VERSION);
    if (!format || strcmp(format, "assay-checkpoint") != 0)
        return as_fail(o->error, ASSAY_BAD_DATA, field_of(o, "format").text,
                       "found \"%.40s\"; expected \"assay-checkpoint\": this is no file that assay "
                       "run wrote",
                       format ? format : "");
    assay_status status = get_text(o, "version", &version);
    if (status == ASSAY_OK && strcmp(version, expected) != 0)
        status = as_fail(o->error, ASSAY_BAD_DATA, field_of(o, "version").text,
                         "found \"%.40s\"; expected \"%s\": use the assay that wrote it, or run "
                         "the cell again",
                         version, expected);
    return status;
}

static assay_status read_labels(opening *o) {
    json_t *list = NULL, *one;
    size_t i, n = (size_t)o->cell->n_classes;
    const char **labels = as_arena_alloc_array(o->arena, n, sizeof *labels);
    assay_status status =
        labels ? get_json(o, "labels", &list) : no_memory(o->checkpoint, o->error);
    if (status == ASSAY_OK && json_array_size(list) != n)
        status = as_fail(o->error, ASSAY_BAD_DATA, field_of(o, "labels").text,
                         "has %zu labels; the model has %zu classes", json_array_size(list), n);
    json_array_foreach(list, i, one) {
        if (status == ASSAY_OK && !json_is_string(one))
            status = as_fail(o->error, ASSAY_BAD_DATA, field_of(o, "labels").text,
                             "label %zu is no text", i);
        if (status == ASSAY_OK && !(labels[i] = as_arena_strdup(o->arena, json_string_value(one))))
            status = no_memory(o->checkpoint, o->error);
    }
    o->cell->labels = labels;
    json_decref(list);
    return status;
}

/* Weights from before a training's loss was no number. */
static assay_status read_training(opening *o) {
    json_t *training = NULL;
    assay_status status = get_json(o, "training", &training);
    const char *stopped = json_string_value(json_object_get(training, "stopped"));
    const json_t *epoch = json_object_get(training, "epoch");
    if (status == ASSAY_OK && (!stopped || !json_is_integer(epoch)))
        status = as_fail(o->error, ASSAY_BAD_DATA, field_of(o, "training").text,
                         "expected an object with \"stopped\" and \"epoch\"");
    if (status == ASSAY_OK && strcmp(stopped, "diverged") == 0)
        o->cell->diverged_after = json_integer_value(epoch);
    json_decref(training);
    return status;
}

/* A path would load whatever lies there. */
static assay_status check_id(const opening *o, const char *key, const char *id) {
    if (*id && !strchr(id, '/') && *id != '.')
        return ASSAY_OK;
    return as_fail(o->error, ASSAY_BAD_DATA, field_of(o, key).text,
                   "found \"%.60s\"; expected the id of a plugin, not a path", id);
}

static assay_status read_metadata(opening *o) {
    as_saved_cell *cell = o->cell;
    int64_t n_classes = 0;
    const struct {
        const char *key;
        const char **target;
    } texts[] = {{"model", &cell->model},
                 {"model_version", &cell->model_version},
                 {"backend", &cell->backend},
                 {"dtype", &cell->dtype}};
    assay_status status = check_format(o);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && status == ASSAY_OK; i++)
        status = get_text(o, texts[i].key, texts[i].target);
    if (status == ASSAY_OK)
        status = check_id(o, "model", cell->model);
    if (status == ASSAY_OK)
        status = check_id(o, "backend", cell->backend);
    if (status == ASSAY_OK)
        status = get_number(o, "n_classes", 2, MAX_CLASSES, &n_classes);
    if (status == ASSAY_OK)
        status = get_number(o, "vocab_size", 1, AS_SAVED_TOKENIZER_MAX_IDS, &cell->vocab_size);
    if (status == ASSAY_OK)
        status = get_number(o, "max_tokens", 1, AS_SAVED_TOKENIZER_MAX_TOKENS, &cell->max_tokens);
    cell->n_classes = (int32_t)n_classes;
    if (status == ASSAY_OK && as_dtype_from_name(cell->dtype) < 0)
        status = as_fail(o->error, ASSAY_BAD_DATA, field_of(o, "dtype").text,
                         "found \"%.40s\"; expected f32, f64, bf16, tf32 or fp16", cell->dtype);
    if (status == ASSAY_OK)
        status = get_json(o, "options", &cell->options);
    if (status == ASSAY_OK && !json_is_object(cell->options))
        status =
            as_fail(o->error, ASSAY_BAD_DATA, field_of(o, "options").text, "expected an object");
    if (status == ASSAY_OK)
        status = read_training(o);
    return status == ASSAY_OK ? read_labels(o) : status;
}

/* ---- model ----------------------------------------------------------------------------------- */

static assay_status load_model(opening *o) {
    as_saved_cell *cell = o->cell;
    const assay_model_opaque *opaque = NULL;
    assay_status status =
        as_plugin_load(o->arena, ASSAY_PLUGIN_KIND_MODEL, cell->model, &o->plugin, o->error);
    if (status == ASSAY_OK)
        status = as_plugin_model(&o->plugin, &o->model, &opaque, o->error);
    if (status != ASSAY_OK)
        return status;
    const assay_plugin *plugin = o->plugin.descriptor;
    if (!o->model)
        return as_fail(o->error, ASSAY_UNSUPPORTED, cell->model,
                       "is an opaque model; only graph models can be used from saved weights");
    if (strcmp(plugin->version, cell->model_version) != 0)
        return as_fail(
            o->error, ASSAY_BAD_DATA, field_of(o, "model_version").text,
            "found \"%.40s\"; the plugin %.40s here is %.40s: another version may compute "
            "something else; use that one, or run the cell again",
            cell->model_version, plugin->id, plugin->version);
    status = plugin->probe ? plugin->probe(o->error) : ASSAY_OK;
    if (status == ASSAY_OK)
        status =
            as_bad_data(as_options_from_json(o->arena, plugin, cell->options,
                                             field_of(o, "options").text, &o->options, o->error),
                        o->error);
    return status;
}

static assay_status build_graph(opening *o) {
    as_saved_cell *cell = o->cell;
    const assay_model_config config = {.struct_size = sizeof config,
                                       .n_classes = cell->n_classes,
                                       .vocab_size = cell->vocab_size,
                                       .max_tokens = cell->max_tokens,
                                       .options = o->options,
                                       .threads = 1};
    const as_graph_options forward = {0};
    return as_bad_data(as_graph_build_model(o->model, &config, &forward, &cell->graph, o->error),
                       o->error);
}

/* Appends `"NAME" WHAT` to the list, as long as it is short. */
static void add_problem(char *text, size_t size, size_t n_before, const char *name,
                        const char *what) {
    char quoted[96];
    size_t used = strlen(text);
    if (n_before >= MAX_LISTED)
        return;
    as_tensor_name_text(name, quoted, sizeof quoted);
    snprintf(text + used, size - used, "%s%s %s", used ? "; " : "", quoted, what);
}

/* Every parameter has its tensor, of its shape, and every tensor its parameter. */
static assay_status check_weights(const opening *o) {
    const assay_graph_view *view = as_graph_view(o->cell->graph);
    char problems[900] = "", what[160], shape[64], expected[64];
    size_t n_problems = 0, n_tensors = 0, n_found = 0;
    const as_tensor *tensors = as_safetensors_tensors(o->cell->weights, &n_tensors);
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const assay_parameter_info *p = &view->parameters[i];
        const as_tensor *t = as_safetensors_find(o->cell->weights, p->name);
        as_tensor_shape_text(p->dims, p->rank, expected, sizeof expected);
        n_found += t != NULL;
        if (t && t->rank == p->rank && memcmp(t->dims, p->dims, p->rank * sizeof *p->dims) == 0)
            continue;
        if (t) {
            as_tensor_shape_text(t->dims, t->rank, shape, sizeof shape);
            snprintf(what, sizeof what, "has shape %s, the model's %s", shape, expected);
        } else {
            snprintf(what, sizeof what, "%s is missing", expected);
        }
        add_problem(problems, sizeof problems, n_problems++, p->name, what);
    }
    for (size_t i = 0; i < n_tensors && n_found < n_tensors; i++) {
        bool known = false;
        for (uint32_t k = 0; k < view->n_parameters && !known; k++)
            known = strcmp(view->parameters[k].name, tensors[i].name) == 0;
        if (!known)
            add_problem(problems, sizeof problems, n_problems++, tensors[i].name,
                        "has no place in the model");
    }
    if (!n_problems)
        return ASSAY_OK;
    return as_fail(o->error, ASSAY_BAD_DATA, o->checkpoint, "%zu %s not fit the model: %s%s",
                   n_problems, n_problems == 1 ? "tensor does" : "tensors do", problems,
                   n_problems > MAX_LISTED ? "; ..." : "");
}

/* ---- tokenizer ------------------------------------------------------------------------------- */

static assay_status check_tokenizer(const opening *o, const as_sha256_hex *found) {
    const as_saved_cell *cell = o->cell;
    const assay_graph_view *view = as_graph_view(cell->graph);
    const as_saved_tokenizer *t = cell->tokenizer;
    const char *expected = NULL;
    bool reads = false;
    if (t->vocab_size != cell->vocab_size)
        return as_fail(o->error, ASSAY_BAD_DATA,
                       as_where_join(o->tokenizer, "#", "/vocabulary").text,
                       "has %d ids; the model's embedding has %" PRId64
                       ": this is not the tokenizer it was trained with",
                       t->vocab_size, cell->vocab_size);
    if (t->max_tokens != cell->max_tokens)
        return as_fail(
            o->error, ASSAY_BAD_DATA, as_where_join(o->tokenizer, "#", "/max_tokens").text,
            "found %d; the model was trained with %" PRId64, t->max_tokens, cell->max_tokens);
    for (uint32_t i = 0; i < view->n_values; i++)
        reads = reads || view->values[i].input == ASSAY_INPUT_TOKEN_WEIGHTS;
    /* Padded texts have weights, 0 of padding, which a model may read or not. */
    if (reads ? !t->token_weights && !t->padded : t->token_weights != NULL)
        return as_fail(o->error, ASSAY_BAD_DATA,
                       as_where_join(o->tokenizer, "#", "/token_weights").text,
                       reads ? "is null; the model reads token weights"
                             : "there are some; the model reads none");
    assay_status status = get_text(o, "tokenizer_sha256", &expected);
    if (status == ASSAY_OK && strcmp(expected, found->text) != 0)
        status = as_fail(o->error, ASSAY_BAD_DATA, o->tokenizer,
                         "was changed since the weights were saved: its SHA-256 begins with %.12s, "
                         "the checkpoint says %.12s",
                         found->text, expected);
    return status;
}

static assay_status load_tokenizer(opening *o) {
    as_sha256_hex found;
    assay_status status = as_bad_data(
        as_saved_tokenizer_load(o->arena, o->tokenizer, &o->cell->tokenizer, &found, o->error),
        o->error);
    return status == ASSAY_OK ? check_tokenizer(o, &found) : status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

assay_status as_saved_cell_open(as_arena *arena, const char *path, as_saved_cell **ret_cell,
                                assay_error *error) {
    opening o = {.arena = arena, .cell = as_arena_alloc(arena, sizeof *o.cell), .error = error};
    if (!o.cell)
        return no_memory(path, error);
    assay_status status = locate(&o, path);
    if (status == ASSAY_OK)
        status = as_safetensors_open(o.checkpoint, &o.cell->weights, error);
    if (status == ASSAY_OK)
        status = read_metadata(&o);
    if (status == ASSAY_OK)
        status = load_model(&o);
    if (status == ASSAY_OK)
        status = build_graph(&o);
    if (status == ASSAY_OK)
        status = check_weights(&o);
    if (status == ASSAY_OK)
        status = load_tokenizer(&o);
    if (status == ASSAY_OK)
        *ret_cell = o.cell;
    else
        as_saved_cell_free(o.cell);
    return status;
}

void as_saved_cell_free(as_saved_cell *cell) {
    if (!cell)
        return;
    as_saved_engine_free(cell->engine);
    as_graph_free(cell->graph);
    as_saved_tokenizer_free(cell->tokenizer);
    as_safetensors_close(cell->weights);
    json_decref(cell->options);
    *cell = (as_saved_cell){0};
}
