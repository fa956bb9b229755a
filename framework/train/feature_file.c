/* SPDX-License-Identifier: MIT */
/* Features on disk, and the key they are found by. */
#include "train/feature_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/sha256.h"
#include "data/cache/store.h"
#include "train/engine.h"

enum { VERSION = 1, ENDIAN = 0x01020304, KEY_BYTES = 64 };
static const char magic[16] = "assay features";

typedef struct header {
    char magic[16];
    uint32_t version, endian;
    char key[KEY_BYTES];
    uint64_t n_rows, channels, element_bytes;
    unsigned char sha256[AS_SHA256_BYTES];
} header;

_Static_assert(sizeof(header) == 144, "no padding is written");

/* ---- in memory ------------------------------------------------------------------------------- */

static size_t element_bytes(const as_feature_matrix *matrix) {
    return matrix->wide ? sizeof(double) : sizeof(float);
}

bool as_feature_matrix_init(as_feature_matrix *matrix, uint64_t n_rows, int64_t channels,
                            bool wide) {
    as_feature_matrix made = {NULL, n_rows, channels, wide};
    size_t row;
    if (channels < 1 || !as_mul_size((size_t)channels, element_bytes(&made), &row))
        return false;
    made.elements = calloc((size_t)n_rows, row);
    if (!made.elements)
        return false;
    *matrix = made;
    return true;
}

void as_feature_matrix_done(as_feature_matrix *matrix) {
    free(matrix->elements);
    matrix->elements = NULL;
}

size_t as_feature_matrix_bytes(const as_feature_matrix *matrix) {
    return (size_t)matrix->n_rows * (size_t)matrix->channels * element_bytes(matrix);
}

void as_feature_matrix_set(const as_feature_matrix *matrix, uint64_t row, const double *values) {
    size_t n = (size_t)matrix->channels;
    if (matrix->wide) {
        memcpy((double *)matrix->elements + row * n, values, n * sizeof *values);
        return;
    }
    float *to = (float *)matrix->elements + row * n;
    for (size_t i = 0; i < n; i++)
        to[i] = (float)values[i];
}

void as_feature_matrix_widen(const as_feature_matrix *matrix, double *values) {
    size_t n = (size_t)matrix->n_rows * (size_t)matrix->channels;
    if (matrix->wide) {
        memcpy(values, matrix->elements, n * sizeof *values);
        return;
    }
    for (size_t i = 0; i < n; i++)
        values[i] = (double)((const float *)matrix->elements)[i];
}

static void digest_of(const as_feature_matrix *matrix, unsigned char digest[AS_SHA256_BYTES]) {
    as_sha256 state = as_sha256_init();
    as_sha256_update(&state, matrix->elements, as_feature_matrix_bytes(matrix));
    as_sha256_final(&state, digest);
}

/* ---- the key --------------------------------------------------------------------------------- */

static as_sha256_hex finish(as_sha256 *state) {
    unsigned char digest[AS_SHA256_BYTES];
    as_sha256_hex hex;
    as_sha256_final(state, digest);
    sodium_bin2hex(hex.text, sizeof hex.text, digest, sizeof digest);
    return hex;
}

/* What the rows are to the model, in order. */
static as_sha256_hex digest_of_rows(const as_prepared *data) {
    static const as_split which[] = {AS_SPLIT_TRAIN, AS_SPLIT_VALIDATION};
    as_sha256 state = as_sha256_init();
    for (int s = 0; s < 2; s++) {
        const as_split_rows *split = &data->splits[which[s]];
        as_sha256_update(&state, &split->n_rows, sizeof split->n_rows);
        for (uint32_t i = 0; i < split->n_rows; i++) {
            const as_row *row = &split->rows[i];
            size_t n = (size_t)row->n_ids;
            int32_t has_weights = row->weights != NULL;
            as_sha256_update(&state, &row->n_ids, sizeof row->n_ids);
            as_sha256_update(&state, &has_weights, sizeof has_weights);
            as_sha256_update(&state, row->ids, n * sizeof *row->ids);
            if (has_weights)
                as_sha256_update(&state, row->weights, n * sizeof *row->weights);
        }
    }
    return finish(&state);
}

/* The graph's text, and all of its attributes, of which the text has six digits. */
static assay_status digest_of_graph(const assay_graph_view *view, as_sha256_hex *ret_hex,
                                    assay_error *error) {
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    if (stream)
        as_graph_print(view, stream);
    if (!stream || fclose(stream) != 0) {
        free(text);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "features", "no memory for the graph's text");
    }
    as_sha256 state = as_sha256_init();
    as_sha256_update(&state, text, n);
    for (uint32_t i = 0; i < view->n_forward_nodes; i++) {
        assay_attrs attrs = view->nodes[i].attrs;
        attrs.stream = 0; /* nothing is drawn */
        as_sha256_update(&state, &attrs, sizeof attrs);
    }
    free(text);
    *ret_hex = finish(&state);
    return ASSAY_OK;
}

/* Values of the frozen parameters as the whole engine holds them. */
static assay_status digest_of_parameters(as_engine *engine, const assay_graph_view *frozen,
                                         as_sha256_hex *ret_hex, assay_error *error) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    assay_status status = ASSAY_OK;
    size_t largest = 1;
    for (uint32_t i = 0; i < frozen->n_parameters; i++)
        if ((size_t)frozen->parameters[i].n_elements > largest)
            largest = (size_t)frozen->parameters[i].n_elements;
    double *values = calloc(largest, sizeof *values);
    if (!values)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "features", "no memory for the parameters");
    as_sha256 state = as_sha256_init();
    for (uint32_t i = 0; status == ASSAY_OK && i < view->n_parameters; i++) {
        const assay_parameter_info *one = &view->parameters[i];
        for (uint32_t k = 0; k < frozen->n_parameters; k++) {
            if (strcmp(frozen->parameters[k].name, one->name) != 0)
                continue;
            status = as_engine_get_parameter(engine, ASSAY_STATE_PARAMETER, i, values, error);
            as_sha256_update(&state, one->name, strlen(one->name) + 1);
            as_sha256_update(&state, values, (size_t)one->n_elements * sizeof *values);
            break;
        }
    }
    *ret_hex = finish(&state);
    free(values);
    return status;
}

/* Another build of the backend may round differently; a static twin is the program's own. */
static json_t *backend_identity(const as_plugin *plugin, const assay_backend *backend) {
    struct stat info;
    memset(&info, 0, sizeof info);
    if (plugin->path[0] && stat(plugin->path, &info) != 0)
        return NULL;
    return json_pack("[s, s, s, I, I, I]", plugin->descriptor->id, plugin->descriptor->version,
                     backend->libraries(), (json_int_t)info.st_size,
                     (json_int_t)info.st_mtim.tv_sec, (json_int_t)info.st_mtim.tv_nsec);
}

/* What the processor can do decides which loops run: its "flags" line, "" where there is none. */
static as_sha256_hex processor_identity(void) {
    FILE *stream = fopen("/proc/cpuinfo", "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    while (stream && !found && getline(&line, &room, stream) >= 0)
        found = strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0;
    as_sha256_hex hex = as_sha256_bytes(found ? line : "", found ? strlen(line) : 0);
    free(line);
    if (stream)
        fclose(stream);
    return hex;
}

assay_status as_feature_key(const as_features_config *config, const assay_graph_view *frozen,
                            as_sha256_hex *ret_key, assay_error *error) {
    const as_engine_config *engine = as_engine_configuration(config->engine);
    as_sha256_hex graph, parameters, rows = digest_of_rows(config->data),
                                     processor = processor_identity();
    assay_status status = digest_of_graph(frozen, &graph, error);
    if (status == ASSAY_OK)
        status = digest_of_parameters(config->engine, frozen, &parameters, error);
    if (status != ASSAY_OK)
        return status;
    json_t *parts = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:o, s:s, s:i, s:i, s:i, s:I}", "what", "features", "version",
        VERSION, "rows", rows.text, "graph", graph.text, "parameters", parameters.text, "backend",
        backend_identity(config->backend, engine->backend), "processor", processor.text, "dtype",
        (int)engine->dtype, "threads", (int)engine->threads, "batch_rows", (int)config->batch_rows,
        "max_tokens", (json_int_t)engine->max_tokens);
    return as_cache_key(parts, ret_key, error); /* takes the parts, NULL is no memory */
}

/* ---- the file -------------------------------------------------------------------------------- */

static header header_for(const char *key, const as_feature_matrix *matrix) {
    header h = {.version = VERSION,
                .endian = ENDIAN,
                .n_rows = matrix->n_rows,
                .channels = (uint64_t)matrix->channels,
                .element_bytes = element_bytes(matrix)};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.key, key, KEY_BYTES);
    return h;
}

bool as_feature_file_read(const char *folder, const char *key, const as_feature_matrix *matrix) {
    FILE *stream = NULL;
    header expected = header_for(key, matrix), found;
    if (as_cache_file_open(folder, key, &stream, NULL) != ASSAY_OK)
        return false;
    size_t n = as_feature_matrix_bytes(matrix);
    bool whole = fread(&found, sizeof found, 1, stream) == 1 &&
                 memcmp(&found, &expected, offsetof(header, sha256)) == 0 &&
                 fread(matrix->elements, 1, n, stream) == n && fgetc(stream) == EOF;
    fclose(stream);
    if (whole) {
        digest_of(matrix, expected.sha256);
        whole = memcmp(found.sha256, expected.sha256, sizeof found.sha256) == 0;
    }
    if (!whole)
        as_cache_file_drop(folder, key);
    return whole;
}

void as_feature_file_write(const char *folder, const char *key, const as_feature_matrix *matrix,
                           char why_not[200]) {
    assay_error error = ASSAY_ERROR_INIT;
    as_file_writer writer;
    header h = header_for(key, matrix);
    digest_of(matrix, h.sha256);
    why_not[0] = '\0';
    assay_status status = as_cache_file_begin(folder, key, &writer, &error);
    if (status == ASSAY_OK) {
        fwrite(&h, sizeof h, 1, writer.stream); /* errors surface in commit */
        fwrite(matrix->elements, 1, as_feature_matrix_bytes(matrix), writer.stream);
        status = as_cache_file_commit(folder, key, &writer, &error);
    }
    if (status != ASSAY_OK)
        snprintf(why_not, 200, "%.100s: %.90s", error.where, error.text);
}
