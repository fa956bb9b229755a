/* SPDX-License-Identifier: MIT */
/* engines.c: has cuDNN an engine for every graph of the backend, at every shape of the models? No
 * GPU is needed: the device is only described, in the JSON text that cuDNN writes for one (those of
 * this folder are guessed but for their names, until a real one has been saved).
 *
 *     engines offers DEVICE.json TABLE   what the heuristics offer, with the toolkit's stub driver
 *     engines few DEVICE.json TABLE      the same for fewer shapes
 *     engines plans DEVICE.json TABLE    the plans that are made for these, with the mock driver
 *     engines save FILE                  on a machine with a GPU: writes the text of its device
 *     engines ... --write                writes the table's lines instead
 *
 * TABLE is what was found with one version of cuDNN. With that version every line must be as it
 * stands there; with another only the graphs that must have an engine are looked at. */
#include <stdbool.h>

#include "graph_ops.h"
#include "tap.h"

enum { MOST_LINES = 2048, LINE = 160 };

static cudnn_dnn_api api;
static gpu_target target = {.workspace_limit = (uint64_t)8 << 30, .deterministic = 1};
static bool makes_plans, writes, compares;
static char device[64], table[MOST_LINES][LINE];
static int n_lines;

/* ---- the table ------------------------------------------------------------------------------- */

static void read_table(const char *path) {
    char version[64], line[LINE];
    size_t v = api.GetVersion();
    FILE *file = fopen(path, "r");
    snprintf(version, sizeof version, "cuDNN %zu.%zu.%zu\n", v / 10000, v / 100 % 100, v % 100);
    if (!file)
        return;
    compares = fgets(line, sizeof line, file) && strcmp(line, version) == 0;
    while (n_lines < MOST_LINES && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        strcpy(table[n_lines++], line);
    }
    fclose(file);
}

static const char *find_line(const char *key) {
    for (int i = 0; i < n_lines; i++)
        if (strncmp(table[i], key, strlen(key)) == 0 && table[i][strlen(key)] == ' ')
            return table[i];
    return NULL;
}

/* Builds what the builder has, and compares. must: 0 for graphs that are known to have no engine.
 */
static void check(gpu_builder *builder, const char *name, bool must) {
    assay_error error = ASSAY_ERROR_INIT;
    gpu_search search = {.engine = -1};
    gpu_graph *graph = NULL;
    char key[LINE], line[2 * LINE];
    assay_status status;
    snprintf(key, sizeof key, "%s %s %s", makes_plans ? "plan" : "offer", device, name);
    if (makes_plans) {
        status = gpu_graph_finish(builder, &target, &graph, &search, &error);
        snprintf(line, sizeof line, "%s engine %d workspace %llu%s", key, (int)search.engine,
                 graph ? (unsigned long long)gpu_graph_workspace(graph) : 0ULL,
                 search.from_fallback ? " fallback" : "");
    } else {
        status = gpu_graph_offer(builder, &target, &search, &error);
        snprintf(line, sizeof line, "%s configurations %d", key, search.n_configurations);
    }
    bool found = status == ASSAY_OK && (graph || (!makes_plans && search.n_configurations > 0));
    gpu_graph_free(graph);
    if (writes) {
        puts(line);
        return;
    }
    const char *expected = find_line(key);
    if (found != must)
        tap_ok(0, "%s: %s", line, must ? error.text : "now has an engine: use it");
    else if (compares)
        tap_ok(expected && strcmp(expected, line) == 0, "%s%s%s", line,
               expected && strcmp(expected, line) == 0 ? "" : "; the table has: ",
               expected && strcmp(expected, line) == 0 ? ""
               : expected                              ? expected
                                                       : "nothing");
    else
        tap_ok(1, "%s # not compared: the table is of another cuDNN", line);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static const char *name_of(cudnnDataType_t type) {
    return type == CUDNN_DATA_FLOAT ? "f32" : type == CUDNN_DATA_BFLOAT16 ? "bf16" : "fp16";
}

static void check_attention(int64_t rows, int64_t length, int64_t heads, int64_t size,
                            cudnnDataType_t type) {
    /* forward for inference, for training, with dropout; backward without and with */
    for (int form = 0; form < 5; form++) {
        bool backward = form > 2, masked = form == 2 || form == 4;
        gpu_attention_shape shape = {.rows = rows,
                                     .length = length,
                                     .heads = heads,
                                     .size = size,
                                     .type = type,
                                     .masked = masked,
                                     .keep = masked ? 0.9f : 1,
                                     .with_stats = form > 0};
        char name[LINE];
        snprintf(name, sizeof name, "attention%s%s%s B%d S%d H%d D%d %s", backward ? "_grad" : "",
                 form == 0 ? "_inference" : "", masked ? "_dropout" : "", (int)rows, (int)length,
                 (int)heads, (int)size, name_of(type));
        check(backward ? gpu_attention_backward(&api, &shape) : gpu_attention_forward(&api, &shape),
              name, true);
    }
}

static void check_norm(int64_t rows, int64_t channels, cudnnDataType_t type) {
    gpu_norm_shape shape = {rows, channels, type, 1e-12f};
    char name[LINE];
    snprintf(name, sizeof name, "layer_norm M%d C%d %s", (int)rows, (int)channels, name_of(type));
    check(gpu_norm_forward(&api, &shape), name, true);
    snprintf(name, sizeof name, "layer_norm_grad M%d C%d %s", (int)rows, (int)channels,
             name_of(type));
    check(gpu_norm_backward(&api, &shape), name, true);
}

static void check_gelu(int64_t m, int64_t n, int64_t k, cudnnDataType_t type) {
    for (int with_h = 0; with_h < 2; with_h++) {
        gpu_linear_shape shape = {.m = m, .n = n, .k = k, .type = type, .saved = with_h};
        char name[LINE];
        snprintf(name, sizeof name, "linear_gelu%s M%d N%d K%d %s", with_h ? "_saved" : "", (int)m,
                 (int)n, (int)k, name_of(type));
        check(gpu_linear_gelu(&api, &shape), name, true);
    }
}

static const cudnnDataType_t types[] = {CUDNN_DATA_BFLOAT16, CUDNN_DATA_HALF, CUDNN_DATA_FLOAT};

#define EACH(type, name, ...)                                                                      \
    for (const type *name = (const type[]){__VA_ARGS__},                                           \
                    *name##_end = name + sizeof((const type[]){__VA_ARGS__}) / sizeof(type);       \
         name < name##_end; name++)

/* BERT-base and DistilBERT 12 x 64, MiniLM 12 x 32, BERT-tiny 2 x 64, the transformer's default and
 * its widest; rows of the longest length that a bucket has. A product with GELU of few rows is that
 * of the last layer where a head reads first tokens. */
static void check_all(void) {
    EACH(int64_t, heads, 2, 4, 12)
    EACH(int64_t, size, 32, 64)
    EACH(int64_t, rows, 1, 32, 256)
    EACH(int64_t, length, 128, 512)
    for (int t = 0; t < 2; t++)
        check_attention(*rows, *length, *heads, *size, types[t]);
    EACH(int64_t, rows, 16, 4096, 131072)
    EACH(int64_t, channels, 64, 312, 768, 3072)
    for (int t = 0; t < 3; t++)
        check_norm(*rows, *channels, types[t]);
    EACH(int64_t, rows, 1, 32, 128, 8192)
    for (int t = 0; t < 3; t++)
        check_gelu(*rows, 3072, 768, types[t]);
}

static void check_few(void) {
    EACH(int64_t, length, 128, 512)
    check_attention(32, *length, 12, 64, CUDNN_DATA_BFLOAT16);
    check_norm(4096, 768, CUDNN_DATA_BFLOAT16);
    check_norm(4096, 768, CUDNN_DATA_FLOAT);
    EACH(int64_t, rows, 32, 8192)
    check_gelu(*rows, 3072, 768, CUDNN_DATA_BFLOAT16);
}

/* ---- the device ------------------------------------------------------------------------------ */

static void describe_device(const char *path) {
    assay_error error = ASSAY_ERROR_INIT;
    char json[8192];
    FILE *file = fopen(path, "r");
    const char *begin = strrchr(path, '/');
    size_t n;
    if (!file) {
        printf("Bail out! %s: cannot be read\n", path);
        exit(1);
    }
    n = fread(json, 1, sizeof json - 1, file);
    fclose(file);
    json[n] = '\0';
    snprintf(device, sizeof device, "%.40s", begin ? begin + 1 : path);
    device[strcspn(device, "_.")] = '\0';
    if (gpu_properties_parse(&api, json, &target.properties, &error) != ASSAY_OK) {
        printf("Bail out! %s: %s\n", path, error.text);
        exit(1);
    }
}

/* Writes the text that cuDNN has for the first GPU. */
static int save_device(const char *path) {
    cudnnBackendDescriptor_t properties = NULL;
    static char json[8192];
    int32_t number = 0;
    int64_t n = 0;
    FILE *file;
    cudnnStatus_t status =
        api.BackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &properties);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api.BackendSetAttribute(properties, CUDNN_ATTR_DEVICEPROP_DEVICE_ID,
                                         CUDNN_TYPE_INT32, 1, &number);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api.BackendFinalize(properties);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api.BackendGetAttribute(properties, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                         CUDNN_TYPE_CHAR, (int64_t)sizeof json - 1, &n, json);
    if (status != CUDNN_STATUS_SUCCESS) {
        api.GetLastErrorString(json, sizeof json);
        fprintf(stderr, "engines: no description of GPU 0: %s: %s\n", api.GetErrorString(status),
                json);
        return 1;
    }
    json[n > 0 && n < (int64_t)sizeof json ? n : (int64_t)sizeof json - 1] = '\0';
    file = fopen(path, "w");
    if (!file || fprintf(file, "%s\n", json) < 0 || fclose(file) != 0) {
        fprintf(stderr, "engines: %s cannot be written\n", path);
        return 1;
    }
    gpu_properties_free(&api, properties);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "save") == 0) {
        open_cudnn(&api);
        return save_device(argv[2]);
    }
    if (argc < 4) {
        fprintf(stderr, "usage: engines offers|few|plans DEVICE.json TABLE [--write]\n"
                        "       engines save FILE\n");
        return 2;
    }
    makes_plans = strcmp(argv[1], "plans") == 0;
    writes = argc > 4 && strcmp(argv[4], "--write") == 0;
    open_cudnn(&api);
    describe_device(argv[2]);
    read_table(argv[3]);
    if (strcmp(argv[1], "offers") == 0)
        check_all();
    else
        check_few();
    gpu_properties_free(&api, target.properties);
    return writes ? 0 : tap_done();
}
