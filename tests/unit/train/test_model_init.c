/* SPDX-License-Identifier: MIT */
/* Initial values of every layer of every built-in model, as it is built: the distribution that its
 * framework draws from, by four moments, bounds and the Kolmogorov-Smirnov distance; and the
 * moments of what Keras and PyTorch themselves draw (make_init_golden.py). Bounds follow from the
 * numbers of values: five standard errors. */
#include <math.h>

#include "base/json.h"
#include "pretrained.h"
#include "train/init.h"

enum { WORDS = 300, IN = 48, HIDDEN = 32, DENSE = 64, SEEDS = 40 };

typedef enum shape { CONSTANT, UNIFORM, NORMAL, TRUNCATED, ORTHOGONAL, FORGET } shape;
typedef struct expected {
    shape kind;
    double scale;
} expected;

TestSuite(model_init, .init = set_up, .fini = tear_down);

/* ---- distributions --------------------------------------------------------------------------- */

/* Central moments 2, 4, 6, 8 for scale 1. Truncated at c = 2, with Z the share inside:
 * m(k + 2) = (k + 1) m(k) - 2 c^(k + 1) phi(c) / Z. */
static void true_moments(shape kind, double moments[4]) {
    double edge = 2 * exp(-2) / sqrt(2 * acos(-1)) / erf(sqrt(2)), m = 1, power = 2;
    for (int i = 0; i < 4; i++, power *= 4) {
        m = (2 * i + 1) * m - (kind == TRUNCATED ? edge * power : 0);
        moments[i] = kind == UNIFORM ? 1 / (2.0 * i + 3) : m;
    }
}

static double distribution(const expected *e, double x) {
    double share = erf(sqrt(2));
    x /= e->scale;
    if (e->kind == UNIFORM)
        return (x + 1) / 2;
    return e->kind == NORMAL ? erfc(-x / sqrt(2)) / 2 : (erf(x / sqrt(2)) / share + 1) / 2;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double central_moment(const double *x, size_t n, double mean, int power) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += pow(x[i] - mean, power);
    return sum / (double)n;
}

/* About the mean that the distribution has, 0. */
static void check_moments(const char *name, double *x, size_t n, const expected *e) {
    double m[4], count = (double)n, s2 = e->scale * e->scale;
    true_moments(e->kind, m);
    cr_assert_leq(fabs(central_moment(x, n, 0, 1)), 5 * e->scale * sqrt(m[0] / count), "%s", name);
    cr_assert_leq(fabs(central_moment(x, n, 0, 2) - s2 * m[0]),
                  5 * s2 * sqrt((m[1] - m[0] * m[0]) / count), "%s: variance %g", name,
                  central_moment(x, n, 0, 2));
    cr_assert_leq(fabs(central_moment(x, n, 0, 3)), 5 * s2 * e->scale * sqrt(m[2] / count), "%s",
                  name);
    cr_assert_leq(fabs(central_moment(x, n, 0, 4) - s2 * s2 * m[1]),
                  5 * s2 * s2 * sqrt((m[3] - m[1] * m[1]) / count), "%s: fourth %g", name,
                  central_moment(x, n, 0, 4));
}

/* Kolmogorov-Smirnov: D sqrt n is over 2.3 once in 20,000. */
static void check_distribution(const char *name, double *x, size_t n, const expected *e) {
    double worst = 0, bound = e->kind == UNIFORM ? 1 : 2;
    qsort(x, n, sizeof *x, ascending);
    if (e->kind != NORMAL)
        cr_assert(x[0] >= -bound * e->scale * (1 + 1e-7) &&
                      x[n - 1] <= bound * e->scale * (1 + 1e-7),
                  "%s: %g to %g", name, x[0], x[n - 1]);
    for (size_t i = 0; i < n; i++) {
        double p = distribution(e, x[i]);
        worst = fmax(worst,
                     fmax(fabs(p - (double)i / (double)n), fabs(p - (double)(i + 1) / (double)n)));
    }
    cr_assert_leq(worst * sqrt((double)n), 2.3, "%s: %g", name, worst * sqrt((double)n));
}

/* W^T W = I, or W W^T where there are fewer rows. */
static void check_orthogonal(const assay_parameter_info *p, const double *x) {
    int64_t rows = p->dims[0], columns = p->dims[1], n = rows >= columns ? columns : rows;
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = 0; b < n; b++) {
            double sum = 0;
            for (int64_t i = 0; i < (rows >= columns ? rows : columns); i++)
                sum += rows >= columns ? x[i * columns + a] * x[i * columns + b]
                                       : x[a * columns + i] * x[b * columns + i];
            cr_assert_leq(fabs(sum - (a == b)), 1e-6, "%s: %lld, %lld: %g", p->name, (long long)a,
                          (long long)b, sum);
        }
}

static void check_parameter(const assay_parameter_info *p, const expected *e) {
    size_t n = (size_t)p->n_elements;
    double *x = as_arena_alloc_array(arena, n, sizeof *x);
    OK(as_init_parameter(p, 11, x, &error));
    if (e->kind == ORTHOGONAL) {
        check_orthogonal(p, x);
    } else if (e->kind == CONSTANT || e->kind == FORGET) {
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(x[i], e->kind == FORGET && (i < n / 4 || i >= n / 2) ? 0 : e->scale, "%s",
                         p->name);
    } else {
        check_moments(p->name, x, n, e);
        check_distribution(p->name, x, n, e);
    }
}

/* ---- what each layer draws from -------------------------------------------------------------- */

static bool has(const char *name, const char *part) {
    return strstr(name, part) != NULL;
}

static double inverse_root(int64_t n) {
    return 1 / sqrt((double)n);
}

/* A bias has its weight's inputs. */
static int64_t inputs_of(const char *name) {
    char weight[128];
    snprintf(weight, sizeof weight, "%.*sweight", (int)(strlen(name) - 4), name);
    for (uint32_t i = 0; i < view->n_parameters; i++)
        if (strcmp(view->parameters[i].name, weight) == 0)
            return view->parameters[i].dims[1];
    cr_assert_fail("no %s", weight);
    return 0;
}

/* torch.nn's own (Embedding, RNN, GRU, LSTM, Linear, MultiheadAttention, LayerNorm). */
static expected of_torch(const assay_parameter_info *p) {
    bool is_bias = has(p->name, "bias");
    if (has(p->name, "_l0") || has(p->name, "_l1") || has(p->name, "_l2"))
        return (expected){UNIFORM, inverse_root(HIDDEN)};
    if (has(p->name, "embedding") || has(p->name, "positions"))
        return (expected){NORMAL, 1};
    if (has(p->name, "norm"))
        return (expected){CONSTANT, is_bias ? 0 : 1};
    if (has(p->name, "in_proj_weight"))
        return (expected){UNIFORM, sqrt(6.0 / (double)(p->dims[0] + p->dims[1]))};
    if (has(p->name, "in_proj_bias") || has(p->name, "out_proj.bias"))
        return (expected){CONSTANT, 0};
    return (expected){UNIFORM, inverse_root(is_bias ? inputs_of(p->name) : p->dims[1])};
}

/* keras.layers' own (Embedding, SimpleRNN, GRU, LSTM with unit_forget_bias, Dense). */
static expected of_keras(const assay_parameter_info *p) {
    if (has(p->name, "embedding"))
        return (expected){UNIFORM, 0.05};
    if (has(p->name, "lstm.bias_ih"))
        return (expected){FORGET, 1};
    if (has(p->name, "bias"))
        return (expected){CONSTANT, 0};
    if (has(p->name, "weight_hh"))
        return (expected){ORTHOGONAL, 1};
    return (expected){UNIFORM, sqrt(6.0 / (double)(p->dims[0] + p->dims[1]))};
}

/* google-research/bert's modeling.py; a head of plain layers is PyTorch's. */
static expected of_bert(const assay_parameter_info *p) {
    if (has(p->name, "LayerNorm") || has(p->name, "layer_norm"))
        return (expected){CONSTANT, has(p->name, "bias") ? 0 : 1};
    return has(p->name, "bias") ? (expected){CONSTANT, 0} : (expected){TRUNCATED, 0.02};
}

static void check_model(expected (*of)(const assay_parameter_info *p)) {
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const expected e = of(&view->parameters[i]);
        check_parameter(&view->parameters[i], &e);
    }
    close_model();
}

static void build_recurrent(const char *id, const char *init) {
    const as_option_value values[] = {
        {"embedding", AS_OPTION_NUMBER, IN, NULL},   {"hidden", AS_OPTION_NUMBER, HIDDEN, NULL},
        {"layers", AS_OPTION_NUMBER, 3, NULL},       {"init", AS_OPTION_TEXT, 0, init},
        {"pooling", AS_OPTION_TEXT, 0, "attention"}, {"dense", AS_OPTION_NUMBER, DENSE, NULL}};
    bool stack = strncmp(id, "bilstm", 6) != 0, attention = strcmp(id, "bilstm_attention") == 0;
    OK(build_model(id, values, stack ? 6 : attention ? 4 : 5, (model_size){7, WORDS, 12}));
}

Test(model_init, recurrent_models_start_as_pytorch_or_keras_does) {
    static const char *const ids[] = {"rnn", "lstm", "gru", "bilstm", "bilstm_attention"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        build_recurrent(ids[i], "torch");
        check_model(of_torch);
        build_recurrent(ids[i], "keras");
        check_model(of_keras);
    }
}

Test(model_init, the_transformer_starts_as_pytorch_does) {
    const as_option_value positions = {"positions", AS_OPTION_TEXT, 0, "learned"};
    OK(build_model("transformer", &positions, 1, (model_size){7, WORDS, 12}));
    check_model(of_torch);
}

Test(model_init, encoders_start_as_bert_does) {
    static const char *const cases[][2] = {{"distilbert", "cls_relu"}, {"bert", "pooler"}};
    for (size_t i = 0; i < 2; i++) {
        const as_option_value values[] = {{"layers", AS_OPTION_NUMBER, 2, NULL},
                                          {"dim", AS_OPTION_NUMBER, 96, NULL},
                                          {"hidden_dim", AS_OPTION_NUMBER, 64, NULL},
                                          {"head", AS_OPTION_TEXT, 0, cases[i][1]}};
        OK(build_model(cases[i][0], values, 4, (model_size){7, WORDS, 12}));
        check_model(of_bert);
    }
}

/* "mean" and "two_linear" are heads of plain layers; what lies below them stays BERT's. */
static expected of_plain_head(const assay_parameter_info *p) {
    return strncmp(p->name, "classifier", 10) == 0 ? of_torch(p) : of_bert(p);
}

Test(model_init, heads_of_plain_layers_start_as_pytorch_does) {
    static const char *const cases[][2] = {{"distilbert", "mean"},
                                           {"distilbert", "two_linear"},
                                           {"bert", "mean"},
                                           {"bert", "two_linear"}};
    for (size_t i = 0; i < 4; i++) {
        const as_option_value values[] = {{"layers", AS_OPTION_NUMBER, 1, NULL},
                                          {"dim", AS_OPTION_NUMBER, 96, NULL},
                                          {"head", AS_OPTION_TEXT, 0, cases[i][1]}};
        OK(build_model(cases[i][0], values, 3, (model_size){7, WORDS, 12}));
        check_model(of_plain_head);
    }
}

/* ---- the frameworks' own draws --------------------------------------------------------------- */

static double field(const json_t *figures, const char *name) {
    const json_t *value = json_object_get(figures, name);
    cr_assert(json_is_number(value), "%s", name);
    return json_number_value(value);
}

/* Mean over SEEDS draws of the central moments 1 .. 4, and the largest magnitude; against the same
 * of the framework's draws. Both have errors: each is estimated from these draws themselves. */
static void compare_draws(const assay_parameter_info *p, const json_t *figures, const char *what) {
    static const char *const names[] = {"mean", "variance", "third", "fourth"};
    size_t n = (size_t)p->n_elements;
    double *x = as_arena_alloc_array(arena, n, sizeof *x), sums[4] = {0}, most = 0,
           squares[4] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        OK(as_init_parameter(p, seed, x, &error));
        double mean = central_moment(x, n, 0, 1);
        for (int k = 0; k < 4; k++) {
            double m = k ? central_moment(x, n, mean, k + 1) : mean;
            sums[k] += m / SEEDS;
            squares[k] += m * m / SEEDS;
        }
        for (size_t i = 0; i < n; i++)
            most = fmax(most, fabs(x[i]));
    }
    for (int k = 0; k < 4; k++) {
        double spread = sqrt(fmax(squares[k] - sums[k] * sums[k], 0));
        double bound = 5 * spread * sqrt(2.0 / SEEDS) + 1e-7 * fabs(sums[k]);
        cr_assert_leq(fabs(sums[k] - field(figures, names[k])), bound, "%s: %s %g, theirs %g", what,
                      names[k], sums[k], field(figures, names[k]));
    }
    cr_assert(most == 0 || fabs(most / field(figures, "most") - 1) < 0.15, "%s: %g, theirs %g",
              what, most, field(figures, "most"));
}

static void compare(const json_t *golden_figures, const char *layer, const char *weight,
                    const char *parameter) {
    const json_t *figures = json_object_get(json_object_get(golden_figures, layer), weight);
    const json_t *dims = json_object_get(figures, "shape");
    json_int_t n;
    char what[128];
    snprintf(what, sizeof what, "%s.%s for %s", layer, weight, parameter);
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const assay_parameter_info *p = &view->parameters[i];
        if (strcmp(p->name, parameter) != 0)
            continue;
        n = 1; /* Keras' GRU has both its biases as rows of one matrix */
        for (size_t k = 0; k < (p->rank == 1 ? 1 : json_array_size(dims)); k++)
            n *= json_integer_value(json_array_get(dims, k));
        cr_assert_eq(p->n_elements, n, "%s", what);
        compare_draws(p, figures, what);
        return;
    }
    cr_assert_fail("no %s", parameter);
}

Test(model_init, draws_have_the_moments_of_the_frameworks_own) {
    static const char *const ids[] = {"rnn", "gru", "lstm"}, *const styles[] = {"keras", "torch"};
    json_t *json = NULL;
    OK(as_json_load(golden("init.json").text, &json, &error));
    cr_assert_eq(json_integer_value(json_object_get(json, "draws")), SEEDS);
    for (size_t i = 0; i < 3; i++)
        for (size_t s = 0; s < 2; s++) {
            const json_t *figures = json_object_get(json, styles[s]);
            char ih[64], hh[64], bias[64];
            snprintf(ih, sizeof ih, "%s.weight_ih_l0", ids[i]);
            snprintf(hh, sizeof hh, "%s.weight_hh_l0", ids[i]);
            snprintf(bias, sizeof bias, "%s.bias_ih_l0", ids[i]);
            const as_option_value values[] = {{"embedding", AS_OPTION_NUMBER, IN, NULL},
                                              {"hidden", AS_OPTION_NUMBER, HIDDEN, NULL},
                                              {"bidirectional", AS_OPTION_BOOL, 0, NULL},
                                              {"init", AS_OPTION_TEXT, 0, styles[s]}};
            OK(build_model(ids[i], values, 4, (model_size){2, WORDS, 12}));
            compare(figures, ids[i], s ? "weight_ih_l0" : "weight_ih", ih);
            compare(figures, ids[i], s ? "weight_hh_l0" : "weight_hh", hh);
            compare(figures, ids[i], s ? "bias_ih_l0" : "bias", bias);
            compare(figures, "embedding", "weight", "embedding.weight");
            close_model();
        }
    json_decref(json);
}

Test(model_init, linear_attention_and_truncated_draws_have_theirs) {
    json_t *json = NULL;
    OK(as_json_load(golden("init.json").text, &json, &error));
    const json_t *keras = json_object_get(json, "keras"), *torch = json_object_get(json, "torch");
    const as_option_value dense[] = {{"hidden", AS_OPTION_NUMBER, IN, NULL},
                                     {"dense", AS_OPTION_NUMBER, DENSE, NULL},
                                     {"bidirectional", AS_OPTION_BOOL, 0, NULL},
                                     {"init", AS_OPTION_TEXT, 0, "keras"}};
    OK(build_model("gru", dense, 4, (model_size){2, WORDS, 12}));
    compare(keras, "linear", "weight", "dense.weight");
    compare(keras, "linear", "bias", "dense.bias");
    close_model();
    OK(build_model("gru", dense, 3, (model_size){2, WORDS, 12}));
    compare(torch, "linear", "weight", "dense.weight");
    compare(torch, "linear", "bias", "dense.bias");
    close_model();
    const as_option_value hidden = {"hidden", AS_OPTION_NUMBER, IN, NULL};
    OK(build_model("transformer", &hidden, 1, (model_size){2, WORDS, 12}));
    compare(torch, "attention", "in_proj_weight", "encoder.layers.0.self_attn.in_proj_weight");
    compare(torch, "attention", "in_proj_bias", "encoder.layers.0.self_attn.in_proj_bias");
    compare(torch, "attention", "out_proj.weight", "encoder.layers.0.self_attn.out_proj.weight");
    compare(torch, "attention", "out_proj.bias", "encoder.layers.0.self_attn.out_proj.bias");
    close_model();
    const as_option_value dim = {"dim", AS_OPTION_NUMBER, IN, NULL};
    OK(build_model("distilbert", &dim, 1, (model_size){2, WORDS, 12}));
    compare(keras, "truncated_normal", "weight", "distilbert.embeddings.word_embeddings.weight");
    json_decref(json);
}
