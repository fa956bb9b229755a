/* SPDX-License-Identifier: MIT */
/* Fifty optimizer steps of every model that is trained from scratch stay at PyTorch's losses: Adam
 * 1e-3, clipped at norm 1, dropout off, weights and batches by the formulas that stand in
 * make_curves_golden.py. In f32 each loss is within 1e-4, in f64 within 1e-11 of PyTorch's in f64.
 * --verbose=1 tells how near each model came. */
#include "golden.h"

TestSuite(curves, .init = set_up, .fini = tear_down);

enum { STEPS = 50, BATCHES = 5, ROWS = 16, WORDS = 200, LONGEST = 60, N_MODELS = 6 };

typedef struct formula_batch {
    assay_batch batch;
    int32_t ids[ROWS * LONGEST], positions[ROWS * LONGEST], offsets[ROWS + 1], labels[ROWS];
    uint64_t keys[ROWS];
} formula_batch;

static uint64_t fnv1a64(const char *text) {
    uint64_t x = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        x = (x ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return x;
}

static void set_weights(void) {
    uint64_t n = as_engine_n_elements(engine), offset = 0;
    double *values = as_arena_alloc_array(arena, n, sizeof *values);
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        const char *name = view->parameters[p].name;
        size_t length = strlen(name);
        double scale = strcmp(name, "embedding.weight") == 0 ? 1 : 0.25;
        bool is_norm = strstr(name, "norm") && strcmp(name + length - 6, "weight") == 0;
        for (int64_t k = 0; k < view->parameters[p].n_elements; k++) {
            uint64_t bits = assay_mix64(fnv1a64(name) + (uint64_t)k) >> 40;
            values[offset++] = is_norm ? 1 : ((double)bits / 8388608.0 - 1) * scale;
        }
    }
    OK(as_engine_set(engine, ASSAY_STATE_PARAMETER, values, n, &error));
}

static void fill_batch(int32_t b, formula_batch *f) {
    int32_t n = 0;
    f->offsets[0] = 0;
    for (int32_t r = 0; r < ROWS; r++) {
        int32_t y = (r + b) % 3;
        int32_t length = 5 + (int32_t)(assay_mix64((uint64_t)(1000 * b + r + 1)) % 56);
        for (int32_t t = 0; t < length; t++, n++) {
            uint64_t h = assay_mix64((uint64_t)(100000 * (16 * b + r + 1) + t));
            bool tells = t == length - 1 || h % 2 == 1;
            f->ids[n] =
                tells ? 2 + 30 * y + (int32_t)((h >> 8) % 30) : 92 + (int32_t)((h >> 8) % 108);
            f->positions[n] = t;
        }
        f->labels[r] = y;
        f->keys[r] = (uint64_t)r;
        f->offsets[r + 1] = n;
    }
    f->batch = (assay_batch){.struct_size = sizeof(assay_batch),
                             .n_rows = ROWS,
                             .n_tokens = n,
                             .ids = f->ids,
                             .positions = f->positions,
                             .offsets = f->offsets,
                             .labels = f->labels,
                             .row_keys = f->keys};
}

static void open_model(const json_t *curve, const char *backend_id, int32_t dtype) {
    const char *id = json_string_value(json_object_get(curve, "model"));
    as_option_value values[MOST_OPTIONS + 2];
    size_t n = options_of(json_object_get(curve, "options"), values);
    as_plugin plugin;
    as_engine_config config = {NULL, dtype, 1, ROWS, LONGEST, 0};
    values[n++] = (as_option_value){"dropout", AS_OPTION_NUMBER, 0, NULL};
    if (strcmp(id, "transformer") == 0)
        values[n++] = (as_option_value){"encoder_dropout", AS_OPTION_NUMBER, 0, NULL};
    OK(build_model(id, values, n, (model_size){3, WORDS, LONGEST}));
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, backend_id, &plugin, &error));
    OK(as_plugin_backend(&plugin, &config.backend, &error));
    OK(as_engine_new(&config, graph, &engine, &error));
    set_weights();
}

static void follow(const json_t *curve, const char *backend_id, int32_t dtype, double bound) {
    const assay_update_config adam = {.struct_size = (uint32_t)sizeof adam,
                                      .optimizer = ASSAY_OPTIMIZER_ADAM,
                                      .beta1 = 0.9,
                                      .beta2 = 0.999,
                                      .epsilon = 1e-8,
                                      .clip_norm = 1};
    const char *id = json_string_value(json_object_get(curve, "model"));
    const json_t *losses = json_object_get(curve, "losses");
    static formula_batch f; /* 12 KB */
    double worst = 0;
    open_model(curve, backend_id, dtype);
    cr_assert_eq(json_array_size(losses), STEPS);
    /* A curve that doesn't fall would say nothing. */
    cr_assert_lt(json_number_value(json_array_get(losses, STEPS - 1)),
                 0.8 * json_number_value(json_array_get(losses, 0)), "%s", id);
    for (int32_t s = 0; s < STEPS; s++) {
        double expected = json_number_value(json_array_get(losses, (size_t)s)), loss = 0, norm = 0;
        /* dropout on: there is none in the models */
        const assay_step step = {(uint32_t)sizeof step, 1, (uint64_t)s, s + 1, 1e-3, 1.0 / ROWS, 0};
        fill_batch(s % BATCHES, &f);
        OK(as_engine_accumulate(engine, &f.batch, &step, NULL, &loss, &error));
        OK(as_engine_update(engine, &adam, &step, &norm, &error));
        worst = fmax(worst, fabs(loss / ROWS - expected) / expected);
        cr_assert_leq(fabs(loss / ROWS - expected), bound * expected,
                      "%s on %s, dtype %d: step %d: %.9g for %.9g", id, backend_id, (int)dtype,
                      (int)s + 1, loss / ROWS, expected);
    }
    cr_log_info("%s on %s, dtype %d: within %.1e of PyTorch's losses, %lld steps skipped", id,
                backend_id, (int)dtype, worst, (long long)as_engine_loss_scale(engine)->n_skipped);
    close_model();
}

static void follow_all(const char *backend_id, int32_t dtype, double bound) {
    json_t *json = NULL;
    OK(as_json_load(golden("curves.json").text, &json, &error));
    const json_t *curves = json_object_get(json, "curves");
    cr_assert_eq(json_array_size(curves), N_MODELS);
    for (size_t i = 0; i < N_MODELS; i++)
        follow(json_array_get(curves, i), backend_id, dtype, bound);
    json_decref(json);
}

Test(curves, reference_f64_follows_pytorch) {
    follow_all("reference", ASSAY_DTYPE_F64, 1e-11);
}

Test(curves, reference_f32_follows_pytorch) {
    follow_all("reference", ASSAY_DTYPE_F32, 1e-4);
}

/* On a GPU, or the emulated one; 16 bits follow as long as a few hundred roundings let them. */
static void follow_on_gpu(int32_t dtype, double bound) {
    if (!getenv("ASSAY_TEST_CUDNN"))
        cr_skip_test("ASSAY_TEST_CUDNN is not set: no GPU to test on");
    follow_all("cudnn", dtype, bound);
}

Test(curves, cudnn_f32_follows_pytorch) {
    follow_on_gpu(ASSAY_DTYPE_F32, 1e-4);
}

Test(curves, cudnn_tf32_follows_pytorch) {
    follow_on_gpu(ASSAY_DTYPE_TF32, 1e-2);
}

Test(curves, cudnn_bf16_follows_pytorch) {
    follow_on_gpu(ASSAY_DTYPE_BF16, 5e-2);
}

Test(curves, cudnn_fp16_follows_pytorch) {
    follow_on_gpu(ASSAY_DTYPE_FP16, 1e-2);
}

#ifdef HAVE_ONEDNN
Test(curves, onednn_f32_follows_pytorch) {
    follow_all("onednn", ASSAY_DTYPE_F32, 1e-4);
}
#endif
