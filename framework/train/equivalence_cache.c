/* SPDX-License-Identifier: MIT */
/* The outcome of equivalence checks on disk: a file of the cache (data/cache/store.h) with two
 * lines, a JSON object and its SHA-256. It is used only where key and digest are right and its
 * errors are within its bounds. */
#include "train/equivalence_cache.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "data/cache/store.h"
#include "train/engine.h"

enum { VERSION = 1, MAX_FILE_BYTES = 4096, HEX_DIGITS = 64 };

extern char **environ;

/* ---- the key --------------------------------------------------------------------------------- */

static as_sha256_hex finish(as_sha256 *state) {
    unsigned char digest[AS_SHA256_BYTES];
    as_sha256_hex hex;
    as_sha256_final(state, digest);
    sodium_bin2hex(hex.text, sizeof hex.text, digest, sizeof digest);
    return hex;
}

/* All nodes with their attributes, all values, all parameters but for their contents. */
static as_sha256_hex digest_of_graph(const assay_graph_view *view) {
    as_sha256 state = as_sha256_init();
    as_sha256_update(&state, &view->n_forward_nodes, sizeof view->n_forward_nodes);
    for (uint32_t v = 0; v < view->n_values; v++)
        as_sha256_update(&state, &view->values[v], sizeof view->values[v]);
    for (uint32_t n = 0; n < view->n_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        const int32_t head[4] = {node->op, (int32_t)node->n_inputs, (int32_t)node->n_outputs,
                                 node->forward_node};
        as_sha256_update(&state, head, sizeof head);
        as_sha256_update(&state, node->inputs, node->n_inputs * sizeof *node->inputs);
        as_sha256_update(&state, node->outputs, node->n_outputs * sizeof *node->outputs);
        as_sha256_update(&state, &node->attrs, sizeof node->attrs);
    }
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        const assay_parameter_info *parameter = &view->parameters[p];
        as_sha256_update(&state, parameter->name, strlen(parameter->name) + 1);
        as_sha256_update(&state, &parameter->gradient, sizeof parameter->gradient);
        as_sha256_update(&state, parameter->dims, sizeof parameter->dims);
    }
    return finish(&state);
}

/* "id version sha256"; a static twin is the program's own, which the key has anyway. */
static json_t *plugin_identity(const as_plugin *plugin, assay_status *status, assay_error *error) {
    as_sha256_hex hex = {""};
    if (plugin->path[0] && *status == ASSAY_OK)
        *status = as_sha256_file(plugin->path, &hex, error);
    return json_pack("[s, s, s]", plugin->descriptor->id, plugin->descriptor->version, hex.text);
}

/* Model and features of the first processor, or the device's own name and driver. */
static json_t *processor_identity(const as_equivalence_parts *parts) {
    const assay_backend *backend = as_engine_configuration(parts->engine)->backend;
    static const char *const keys[] = {"model name", "flags", "Features", "CPU part", "microcode"};
    json_t *list = json_array();
    char *line = NULL;
    size_t room = 0;
    FILE *stream = fopen("/proc/cpuinfo", "re");
    while (stream && getline(&line, &room, stream) > 1)
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
            if (strncmp(line, keys[k], strlen(keys[k])) == 0)
                json_array_append_new(list, json_string(line));
    free(line);
    if (stream)
        fclose(stream);
    if (backend->device_info) {
        assay_device_info info;
        memset(&info, 0, sizeof info);
        backend->device_info(parts->device, &info);
        json_array_append_new(list, json_string(info.name));
        json_array_append_new(list, json_string(info.driver));
    }
    return list;
}

/* Variables that limit or steer what the libraries choose. */
static json_t *environment_identity(void) {
    static const char *const prefixes[] = {"ONEDNN_",        "DNNL_",      "CUDNN_",
                                           "CUBLAS_",        "NVIDIA_",    "OMP_",
                                           "GLIBC_TUNABLES", "ASSAY_MAX_", "ASSAY_ISA"};
    json_t *object = json_object();
    for (char **pair = environ; *pair; pair++)
        for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
            if (strncmp(*pair, prefixes[i], strlen(prefixes[i])) == 0)
                json_object_set_new(object, *pair, json_true());
    return object;
}

assay_status as_equivalence_key(const as_equivalence_parts *parts, as_sha256_hex *ret_key,
                                assay_error *error) {
    const as_engine_config *engine = as_engine_configuration(parts->engine);
    as_sha256_hex graph = digest_of_graph(as_graph_view(as_engine_graph(parts->engine)));
    assay_status status = ASSAY_OK;
    json_t *backend = plugin_identity(parts->backend, &status, error);
    json_t *reference = plugin_identity(parts->reference, &status, error);
    json_t *json = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:s?, s:o, s:o, s:s, s:o, s:o, s:i, s:i, s:i, s:I, s:i}", "what",
        "equivalence", "version", VERSION, "graph", graph.text, "model",
        parts->model->descriptor->id, "options", parts->options, "weights", parts->weights,
        "backend", backend, "reference", reference, "libraries",
        engine->backend->libraries ? engine->backend->libraries() : "", "processor",
        processor_identity(parts), "environment", environment_identity(), "dtype",
        (int)engine->dtype, "threads", (int)engine->threads, "max_rows", (int)engine->max_rows,
        "max_tokens", (json_int_t)engine->max_tokens, "rows", (int)parts->n_rows);
    if (status == ASSAY_OK)
        return as_cache_key(json, ret_key, error); /* takes it over, NULL is no memory */
    json_decref(json);
    return status;
}

/* ---- the file -------------------------------------------------------------------------------- */

as_checked_at as_checked_now(void) {
    as_checked_at when;
    struct tm utc;
    time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(when.text, sizeof when.text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return when;
}

static bool is_passed(const as_equivalence *r) {
    bool gradient = isnan(r->gradient_error) || r->gradient_error <= r->gradient_bound;
    return r->passed && r->logits_error >= 0 && r->logits_error <= r->logits_bound && gradient;
}

static bool parse(const char *text, size_t n, const char *key, as_equivalence *ret_result,
                  as_checked_at *ret_when) {
    assay_error ignored = ASSAY_ERROR_INIT;
    json_t *json = NULL;
    if (as_json_parse(text, n, "equivalence", &json, &ignored) != ASSAY_OK)
        return false;
    const char *found = json_string_value(json_object_get(json, "key"));
    const char *when = json_string_value(json_object_get(json, "checked_at"));
    const json_t *gradient = json_object_get(json, "gradient_error");
    as_equivalence r = {
        .logits_error = json_number_value(json_object_get(json, "logits_error")),
        .gradient_error = json_is_number(gradient) ? json_number_value(gradient) : NAN,
        .logits_bound = json_number_value(json_object_get(json, "logits_bound")),
        .gradient_bound = json_number_value(json_object_get(json, "gradient_bound")),
        .passed = json_is_true(json_object_get(json, "passed"))};
    bool good = found && strcmp(found, key) == 0 && when && strlen(when) < sizeof ret_when->text &&
                is_passed(&r);
    if (good) {
        *ret_result = r;
        snprintf(ret_when->text, sizeof ret_when->text, "%s", when);
    }
    json_decref(json);
    return good;
}

bool as_equivalence_recall(const char *folder, const char *key, as_equivalence *ret_result,
                           as_checked_at *ret_when) {
    char text[MAX_FILE_BYTES];
    FILE *stream = NULL;
    if (as_cache_file_open(folder, key, &stream, NULL) != ASSAY_OK)
        return false;
    size_t n = fread(text, 1, sizeof text, stream);
    fclose(stream);
    const char *end = memchr(text, '\n', n);
    size_t length = end ? (size_t)(end - text) : 0;
    bool whole = end && n == length + 1 + HEX_DIGITS + 1 && text[n - 1] == '\n';
    if (whole) {
        as_sha256_hex hex = as_sha256_bytes(text, length);
        whole = memcmp(end + 1, hex.text, HEX_DIGITS) == 0;
    }
    if (whole && parse(text, length, key, ret_result, ret_when))
        return true;
    as_cache_file_drop(folder, key);
    return false;
}

static char *content(const char *key, const as_equivalence *r, const as_checked_at *when) {
    json_t *json = json_pack("{s:s, s:s, s:b, s:f, s:f, s:o, s:f}", "key", key, "checked_at",
                             when->text, "passed", (int)r->passed, "logits_error", r->logits_error,
                             "logits_bound", r->logits_bound, "gradient_error",
                             isnan(r->gradient_error) ? json_null() : json_real(r->gradient_error),
                             "gradient_bound", r->gradient_bound);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(json);
    return text;
}

void as_equivalence_remember(const char *folder, const char *key, const as_equivalence *result,
                             const as_checked_at *when, char why_not[200]) {
    assay_error error = ASSAY_ERROR_INIT;
    as_file_writer writer;
    char *text = NULL;
    why_not[0] = '\0';
    if (!is_passed(result)) {
        as_cache_file_drop(folder, key);
        return;
    }
    assay_status status = (text = content(key, result, when))
                              ? as_cache_file_begin(folder, key, &writer, &error)
                              : assay_fail(&error, ASSAY_OUT_OF_MEMORY, "equivalence", "no memory");
    if (status == ASSAY_OK) {
        as_sha256_hex hex = as_sha256_bytes(text, strlen(text));
        fprintf(writer.stream, "%s\n%s\n", text, hex.text);
        status = as_cache_file_commit(folder, key, &writer, &error);
    }
    if (status != ASSAY_OK)
        snprintf(why_not, 200, "%.60s: %.120s", error.where, error.text);
    free(text);
}
