/* SPDX-License-Identifier: MIT */
/* Initial weights: the files of a Hugging Face folder, their tensors matched to a graph's
 * parameters by name, and what to do with those that have no partner (weights.h says what). */
#include "train/weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "train/engine.h"
#include "train/init.h"

enum { MAX_SHARDS = 1024, MAX_LISTED = 10 };

struct as_weights {
    as_arena *arena;
    const char *path, *config_path;
    bool has_config;
    as_weights_config config;
    as_safetensors **files;
    size_t n_files;
    size_t n_tensors;
};

/* ---- the files ------------------------------------------------------------------------------- */

static const char *join(as_weights *weights, const char *folder, const char *name) {
    char *path = as_path_join(folder, name);
    const char *copy = path ? as_arena_strdup(weights->arena, path) : NULL;
    free(path);
    return copy;
}

static assay_status no_memory(const char *path, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for its weights");
}

static assay_status add_file(as_weights *weights, const char *path, assay_error *error) {
    size_t n = 0;
    assay_status status = as_safetensors_open(path, &weights->files[weights->n_files], error);
    if (status != ASSAY_OK)
        return status;
    as_safetensors_tensors(weights->files[weights->n_files++], &n);
    weights->n_tensors += n;
    return ASSAY_OK;
}

/* A word of a shell: 'it'\''s'. A path that is too long, or would not be shown as it is, becomes
 * FOLDER. */
static void quote_for_shell(const char *text, char *quoted, size_t size) {
    size_t used = 0;
    bool plain = 4 * strlen(text) + 3 <= size;
    for (const char *p = text; *p && plain; p++)
        plain = (unsigned char)*p >= 0x20 && *p != 0x7f;
    if (!plain) {
        snprintf(quoted, size, "FOLDER");
        return;
    }
    quoted[used++] = '\'';
    for (const char *p = text; *p; p++)
        used += (size_t)snprintf(quoted + used, size - used, *p == '\'' ? "'\\''" : "%c", *p);
    snprintf(quoted + used, size - used, "'");
}

/* pytorch_model.bin is a pickle: reading one means to run what it says. */
static assay_status refuse_pickle(const char *path, const char *folder, assay_error *error) {
    char quoted[512];
    quote_for_shell(folder, quoted, sizeof quoted);
    return as_fail(
        error, ASSAY_BAD_DATA, path,
        "holds a pickle, which can run any code; convert it to safetensors: python3 -c \"import "
        "sys, glob, torch; from safetensors.torch import save_file; d = glob.escape(sys.argv[1]); "
        "save_file({k: v.contiguous().clone() for f in glob.glob(d + '/pytorch_model*.bin') for k, "
        "v in torch.load(f, map_location='cpu', weights_only=True).items()}, sys.argv[1] + "
        "'/model.safetensors')\" %s",
        quoted);
}

/* File `name` of a weight_map among those opened, which is opened if it is new. */
static assay_status shard_of(as_weights *weights, const char *folder, const char *index,
                             const json_t *name, const as_safetensors **ret_file,
                             assay_error *error) {
    const char *text = json_string_value(name), *path;
    if (!text || !*text || *text == '.' || strchr(text, '/')) {
        char found[80];
        as_json_describe(name, found, sizeof found);
        return as_fail(error, ASSAY_BAD_DATA, index,
                       "weight_map: found %s; expected the name of a file in the same folder",
                       found);
    }
    if (!(path = join(weights, folder, text)))
        return no_memory(index, error);
    for (size_t i = 0; i < weights->n_files; i++) {
        if (strcmp(as_safetensors_path(weights->files[i]), path) == 0) {
            *ret_file = weights->files[i];
            return ASSAY_OK;
        }
    }
    if (weights->n_files == MAX_SHARDS)
        return as_fail(error, ASSAY_LIMIT, index, "names more than %d files", MAX_SHARDS);
    assay_status status = add_file(weights, path, error);
    if (status == ASSAY_OK)
        *ret_file = weights->files[weights->n_files - 1];
    return status;
}

/* Every tensor of the map must be in its file, and the files hold nothing else. */
static assay_status open_map(as_weights *weights, const char *folder, const char *index,
                             const json_t *map, assay_error *error) {
    const char *name;
    json_t *value;
    if (!json_is_object(map))
        return as_fail(error, ASSAY_BAD_DATA, index, "weight_map: found %s; expected an object",
                       as_json_type_name(map));
    json_object_foreach((json_t *)(uintptr_t)map, name, value) {
        const as_safetensors *file = NULL;
        char quoted[160];
        assay_status status = shard_of(weights, folder, index, value, &file, error);
        if (status != ASSAY_OK)
            return status;
        as_tensor_name_text(name, quoted, sizeof quoted);
        if (!as_safetensors_find(file, name))
            return as_fail(error, ASSAY_BAD_DATA, as_safetensors_path(file),
                           "has no tensor %s, which model.safetensors.index.json promises", quoted);
    }
    if (weights->n_tensors != json_object_size(map))
        return as_fail(error, ASSAY_BAD_DATA, index,
                       "weight_map has %zu tensors; its files have %zu", json_object_size(map),
                       weights->n_tensors);
    return ASSAY_OK;
}

static assay_status open_shards(as_weights *weights, const char *folder, const char *index,
                                assay_error *error) {
    json_t *json = NULL;
    assay_status status = as_json_load(index, &json, error);
    if (status == ASSAY_OK)
        status = open_map(weights, folder, index, json_object_get(json, "weight_map"), error);
    json_decref(json);
    return status;
}

static assay_status open_folder(as_weights *weights, assay_error *error) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    const char *folder = weights->path, *paths[4];
    for (int i = 0; i < 4; i++)
        if (!(paths[i] = join(weights, folder, names[i])))
            return no_memory(folder, error);
    if (as_path_exists(paths[0]))
        return add_file(weights, paths[0], error);
    if (as_path_exists(paths[1]))
        return open_shards(weights, folder, paths[1], error);
    for (int i = 2; i < 4; i++)
        if (as_path_exists(paths[i]))
            return refuse_pickle(paths[i], folder, error);
    return as_fail(error, ASSAY_NOT_FOUND, folder,
                   "found no model.safetensors and no model.safetensors.index.json");
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A file by itself: its folder is where config.json may be. */
static assay_status open_file(as_weights *weights, assay_error *error) {
    const char *slash = strrchr(weights->path, '/');
    size_t n = slash ? (size_t)(slash - weights->path) + 1 : 0;
    const char *folder = n ? as_arena_strndup(weights->arena, weights->path, n) : ".";
    if (!folder || !(weights->config_path = join(weights, folder, "config.json")))
        return no_memory(weights->path, error);
    if (ends_with(weights->path, ".bin"))
        return refuse_pickle(weights->path, folder, error);
    return add_file(weights, weights->path, error);
}

static assay_status open_all(as_weights *weights, assay_error *error) {
    struct stat info;
    bool folder = stat(weights->path, &info) == 0 && S_ISDIR(info.st_mode);
    assay_status status = folder ? open_folder(weights, error) : open_file(weights, error);
    if (status != ASSAY_OK)
        return status;
    if (folder && !(weights->config_path = join(weights, weights->path, "config.json")))
        return no_memory(weights->path, error);
    weights->has_config = as_path_exists(weights->config_path);
    if (weights->has_config)
        return as_weights_config_load(weights->config_path, &weights->config, error);
    if (folder)
        return as_fail(error, ASSAY_NOT_FOUND, weights->config_path,
                       "is missing; a folder of weights has the config.json they came with");
    return ASSAY_OK;
}

assay_status as_weights_open(as_arena *arena, const char *path, as_weights **ret_weights,
                             assay_error *error) {
    as_weights *weights = as_arena_alloc(arena, sizeof *weights);
    if (!weights)
        return no_memory(path, error);
    weights->arena = arena;
    weights->path = as_arena_strdup(arena, path);
    weights->files = as_arena_alloc_array(arena, MAX_SHARDS, sizeof(as_safetensors *));
    if (!weights->path || !weights->files)
        return no_memory(path, error);
    assay_status status = open_all(weights, error);
    if (status != ASSAY_OK)
        as_weights_close(weights);
    else
        *ret_weights = weights;
    return status;
}

void as_weights_close(as_weights *weights) {
    if (!weights)
        return;
    for (size_t i = 0; i < weights->n_files; i++)
        as_safetensors_close(weights->files[i]);
    weights->n_files = 0;
}

const as_weights_config *as_weights_configuration(const as_weights *weights) {
    return weights->has_config ? &weights->config : NULL;
}

int64_t as_weights_classes(const as_weights *weights) {
    for (size_t i = 0; i < weights->n_files; i++) {
        const as_tensor *tensor = as_safetensors_find(weights->files[i], "classifier.weight");
        if (tensor && tensor->rank == 2)
            return tensor->dims[0];
    }
    return 0;
}

const char *as_weights_file(const as_weights *weights, size_t i) {
    return i < weights->n_files ? as_safetensors_path(weights->files[i]) : NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* A name as it is compared: without the model's prefix, a layer norm's with today's endings. */
static const char *plain_name(as_arena *arena, const char *name, const char *model_id) {
    static const char *const old[][2] = {{".gamma", ".weight"}, {".beta", ".bias"}};
    size_t n = strlen(model_id);
    if (strncmp(name, model_id, n) == 0 && name[n] == '.')
        name += n + 1;
    for (int i = 0; i < 2; i++) {
        if (!ends_with(name, old[i][0]))
            continue;
        size_t stem = strlen(name) - strlen(old[i][0]);
        char *renamed = as_arena_alloc(arena, stem + strlen(old[i][1]) + 1);
        if (renamed)
            sprintf(renamed, "%.*s%s", (int)stem, name, old[i][1]);
        return renamed;
    }
    return name;
}

/* What a task adds to an encoder. */
static bool is_head(const char *name) {
    return starts_with(name, "classifier.") || starts_with(name, "pre_classifier.") ||
           starts_with(name, "pooler.") || starts_with(name, "qa_outputs.");
}

/* What pretraining leaves in a file and no classifier needs. */
static bool is_ignored(const char *name) {
    return starts_with(name, "cls.") || starts_with(name, "vocab_") ||
           ends_with(name, ".position_ids") || ends_with(name, ".token_type_ids");
}

/* ---- matching -------------------------------------------------------------------------------- */

typedef struct found_tensor {
    const char *name; /* plain */
    const as_tensor *tensor;
    const as_safetensors *file;
    bool used;
} found_tensor;

typedef struct matching {
    as_arena *arena;
    const as_weights *weights;
    const assay_graph_view *view;
    const char *model_id;
    found_tensor *tensors; /* [n_tensors] by plain name */
    size_t n_tensors;
    found_tensor **of_parameter; /* [n_parameters], NULL: drawn */
    char problems[900];
    size_t n_problems;
    as_weights_result result;
} matching;

static int by_plain_name(const void *a, const void *b) {
    return strcmp(((const found_tensor *)a)->name, ((const found_tensor *)b)->name);
}

static assay_status collect(matching *m, assay_error *error) {
    const as_weights *weights = m->weights;
    m->tensors = as_arena_alloc_array(m->arena, weights->n_tensors, sizeof *m->tensors);
    if (!m->tensors)
        return no_memory(weights->path, error);
    for (size_t f = 0; f < weights->n_files; f++) {
        size_t n = 0;
        const as_tensor *tensors = as_safetensors_tensors(weights->files[f], &n);
        for (size_t i = 0; i < n; i++) {
            const char *name = plain_name(m->arena, tensors[i].name, m->model_id);
            if (!name)
                return no_memory(weights->path, error);
            m->tensors[m->n_tensors++] =
                (found_tensor){name, &tensors[i], weights->files[f], false};
        }
    }
    qsort(m->tensors, m->n_tensors, sizeof *m->tensors, by_plain_name);
    for (size_t i = 1; i < m->n_tensors; i++) {
        char one[160], other[160];
        if (by_plain_name(&m->tensors[i - 1], &m->tensors[i]) != 0)
            continue;
        as_tensor_name_text(m->tensors[i - 1].tensor->name, one, sizeof one);
        as_tensor_name_text(m->tensors[i].tensor->name, other, sizeof other);
        return as_fail(error, ASSAY_BAD_DATA, weights->path,
                       "has tensors %s and %s, which are the same parameter", one, other);
    }
    return ASSAY_OK;
}

/* Adds `"NAME" WHAT` to the list, as long as it is short. */
static void add_problem(matching *m, const char *name, const char *what) {
    char quoted[96];
    size_t used = strlen(m->problems);
    if (m->n_problems++ >= MAX_LISTED)
        return;
    as_tensor_name_text(name, quoted, sizeof quoted);
    snprintf(m->problems + used, sizeof m->problems - used, "%s%s %s", used ? "; " : "", quoted,
             what);
}

static void match_parameter(matching *m, uint32_t index, const char *name) {
    const assay_parameter_info *parameter = &m->view->parameters[index];
    const found_tensor key = {.name = name};
    found_tensor *found =
        bsearch(&key, m->tensors, m->n_tensors, sizeof *m->tensors, by_plain_name);
    char what[160], expected[64], shape[64];
    as_tensor_shape_text(parameter->dims, parameter->rank, expected, sizeof expected);
    if (!found) {
        snprintf(what, sizeof what, "%s is missing", expected);
        if (is_head(name))
            m->result.drawn.names[m->result.drawn.n++] = parameter->name;
        else
            add_problem(m, parameter->name, what);
        return;
    }
    found->used = true;
    as_tensor_shape_text(found->tensor->dims, found->tensor->rank, shape, sizeof shape);
    if (found->tensor->rank != parameter->rank ||
        memcmp(found->tensor->dims, parameter->dims, parameter->rank * sizeof *parameter->dims)) {
        snprintf(what, sizeof what, "has shape %s, the model's %s", shape, expected);
        add_problem(m, found->tensor->name, what);
    }
    if (!as_tensor_type_is_real(found->tensor->type)) {
        snprintf(what, sizeof what, "has dtype %s; weights are F64, F32, F16 or BF16",
                 as_tensor_type_name(found->tensor->type));
        add_problem(m, found->tensor->name, what);
    }
    m->of_parameter[index] = found;
    m->result.loaded.names[m->result.loaded.n++] = parameter->name;
}

static assay_status match_parameters(matching *m, assay_error *error) {
    for (uint32_t i = 0; i < m->view->n_parameters; i++) {
        const char *name;
        if (m->view->parameters[i].values) /* the host's own constant, no part of the model */
            continue;
        if (!(name = plain_name(m->arena, m->view->parameters[i].name, m->model_id)))
            return no_memory(m->weights->path, error);
        match_parameter(m, i, name);
    }
    return ASSAY_OK;
}

/* Tensors without a parameter. */
static assay_status sort_rest(matching *m, assay_error *error) {
    for (size_t i = 0; i < m->n_tensors; i++) {
        const found_tensor *found = &m->tensors[i];
        char what[96], shape[64];
        as_name_list *list = is_head(found->name) ? &m->result.unused : &m->result.ignored;
        if (found->used)
            continue;
        if (!is_head(found->name) && !is_ignored(found->name)) {
            as_tensor_shape_text(found->tensor->dims, found->tensor->rank, shape, sizeof shape);
            snprintf(what, sizeof what, "%s has no place in the model", shape);
            add_problem(m, found->tensor->name, what);
            continue;
        }
        list->names[list->n] = as_arena_strdup(m->arena, found->tensor->name);
        if (!list->names[list->n++])
            return no_memory(m->weights->path, error);
    }
    return ASSAY_OK;
}

/* What config.json would say of this graph. */
static as_weights_config describe_graph(const assay_graph_view *view, const char *model_id) {
    as_weights_config model = {.layer_norm_epsilon = 0};
    snprintf(model.model_type, sizeof model.model_type, "%.15s", model_id);
    for (uint32_t i = 0; i < view->n_forward_nodes; i++) {
        const assay_node *node = &view->nodes[i];
        int64_t channels = view->values[node->outputs[0]].dims[0];
        if (node->op == ASSAY_OP_ATTENTION) {
            model.layers++;
            model.heads = node->attrs.heads;
            model.channels = channels;
        } else if (node->op == ASSAY_OP_GELU) {
            model.feed_forward = channels;
        } else if (node->op == ASSAY_OP_LAYER_NORM) {
            model.layer_norm_epsilon = node->attrs.epsilon;
        }
    }
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        if (ends_with(view->parameters[i].name, ".word_embeddings.weight"))
            model.vocab_size = view->parameters[i].dims[0];
        else if (ends_with(view->parameters[i].name, ".position_embeddings.weight"))
            model.positions = view->parameters[i].dims[0];
    }
    return model;
}

static assay_status prepare(matching *m, assay_error *error) {
    size_t n = m->view->n_parameters, most = n > m->weights->n_tensors ? n : m->weights->n_tensors;
    as_name_list *lists[] = {&m->result.loaded, &m->result.drawn, &m->result.unused,
                             &m->result.ignored};
    m->of_parameter = as_arena_alloc_array(m->arena, n, sizeof(found_tensor *));
    if (!m->of_parameter)
        return no_memory(m->weights->path, error);
    for (int i = 0; i < 4; i++)
        if (!(lists[i]->names = as_arena_alloc_array(m->arena, most, sizeof(const char *))))
            return no_memory(m->weights->path, error);
    return ASSAY_OK;
}

static assay_status match(matching *m, assay_error *error) {
    assay_status status = ASSAY_OK;
    if (m->weights->has_config) {
        as_weights_config model = describe_graph(m->view, m->model_id);
        status =
            as_weights_config_check(&m->weights->config, &model, m->weights->config_path, error);
    }
    if (status == ASSAY_OK)
        status = prepare(m, error);
    if (status == ASSAY_OK)
        status = collect(m, error);
    if (status == ASSAY_OK)
        status = match_parameters(m, error);
    if (status == ASSAY_OK)
        status = sort_rest(m, error);
    if (status == ASSAY_OK && m->n_problems)
        status = as_fail(error, ASSAY_BAD_DATA, m->weights->path, "%zu %s not fit the model: %s%s",
                         m->n_problems, m->n_problems == 1 ? "tensor does" : "tensors do",
                         m->problems, m->n_problems > MAX_LISTED ? "; ..." : "");
    return status;
}

/* Every value that would be loaded; what was looked at needn't stay in memory. */
static assay_status check_values(const matching *m, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < m->n_tensors; i++) {
        const found_tensor *found = &m->tensors[i];
        if (!found->used)
            continue;
        status = as_tensor_check_finite(found->file, found->tensor, error);
        as_tensor_release(found->file, found->tensor);
    }
    return status;
}

assay_status as_weights_match(as_arena *arena, const as_weights *weights,
                              const assay_graph_view *view, const char *model_id,
                              as_weights_result *ret_result, assay_error *error) {
    matching m = {.arena = arena, .weights = weights, .view = view, .model_id = model_id};
    assay_status status = match(&m, error);
    if (status == ASSAY_OK)
        status = check_values(&m, error);
    if (status == ASSAY_OK)
        *ret_result = m.result;
    return status;
}

/* ---- loading --------------------------------------------------------------------------------- */

typedef struct loading {
    matching match;
    uint64_t seed;
} loading;

static assay_status fill(void *context, uint32_t parameter, double *values, assay_error *error) {
    const loading *l = context;
    const found_tensor *found = l->match.of_parameter[parameter];
    if (!found)
        return as_init_parameter(&l->match.view->parameters[parameter], l->seed, values, error);
    assay_status status = as_tensor_check_finite(found->file, found->tensor, error);
    if (status == ASSAY_OK)
        status = as_tensor_read_f64(found->file, found->tensor, values, found->tensor->n_elements,
                                    error);
    return status;
}

assay_status as_weights_load(as_arena *arena, const as_weights *weights, as_engine *engine,
                             const char *model_id, uint64_t seed, as_weights_result *ret_result,
                             assay_error *error) {
    loading l = {.match = {.arena = arena,
                           .weights = weights,
                           .view = as_graph_view(as_engine_graph(engine)),
                           .model_id = model_id},
                 .seed = seed};
    assay_status status = match(&l.match, error);
    if (status == ASSAY_OK)
        status = as_engine_fill(engine, fill, &l, error);
    if (status == ASSAY_OK)
        *ret_result = l.match.result;
    return status;
}
