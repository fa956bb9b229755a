/* SPDX-License-Identifier: MIT */
/* What is kept of equivalence checks: only passed ones, only whole ones, each under a key over
 * everything that could change it. */
#include "tiny.h"

#include <unistd.h>

#include "train/equivalence_cache.h"

static char folder[64];
static char path[200];
static const as_equivalence passed = {1e-7, 2e-6, 1e-4, 1e-3, true};
static const as_checked_at when = {"2026-11-22T09:00:00Z"};

/* 64 hex digits */
#define DIGITS "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY "0" DIGITS
#define OTHER_KEY "f" DIGITS

static void set_up(void) {
    tiny_set_up();
    strcpy(folder, "/tmp/assay-equivalence-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/prepared/" KEY, folder);
}

static void tear_down(void) {
    OK(as_remove_folder(folder, &error));
    tiny_tear_down();
}

TestSuite(equivalence_cache, .init = set_up, .fini = tear_down);

static bool recall(const char *key) {
    as_equivalence found = {0, 0, 0, 0, false};
    as_checked_at at = {""};
    bool known = as_equivalence_recall(folder, key, &found, &at);
    cr_assert_eq(known, found.passed, "untouched where nothing is known");
    if (known) {
        cr_assert_eq(found.logits_error, passed.logits_error);
        cr_assert_eq(found.gradient_bound, passed.gradient_bound);
        cr_assert_str_eq(at.text, when.text);
    }
    return known;
}

static void remember(const as_equivalence *result) {
    char why_not[200];
    as_equivalence_remember(folder, KEY, result, &when, why_not);
    cr_assert_str_eq(why_not, "");
}

Test(equivalence_cache, a_passed_check_is_known_under_its_key) {
    cr_assert_not(recall(KEY));
    remember(&passed);
    cr_assert(recall(KEY));
    cr_assert(recall(KEY), "looking does no harm");
    cr_assert_not(recall(OTHER_KEY));
}

Test(equivalence_cache, a_graph_without_gradient_has_none) {
    as_equivalence forward = passed, found;
    as_checked_at at;
    forward.gradient_error = NAN;
    remember(&forward);
    cr_assert(as_equivalence_recall(folder, KEY, &found, &at));
    cr_assert(isnan(found.gradient_error) && found.passed);
}

Test(equivalence_cache, a_failed_check_is_never_kept) {
    as_equivalence bad[] = {passed, passed, passed, passed};
    bad[0].passed = false;
    bad[1].logits_error = 1; /* whatever the flag says */
    bad[2].gradient_error = 1;
    bad[3].logits_error = NAN;
    for (size_t i = 0; i < 4; i++) {
        remember(&passed);
        remember(&bad[i]);
        cr_assert_not(recall(KEY), "case %zu: what was known before is gone too", i);
    }
}

Test(equivalence_cache, a_flipped_bit_makes_it_unknown) {
    char *text = NULL;
    size_t n = 0;
    remember(&passed);
    OK(as_file_read(path, 1 << 16, &text, &n, &error));
    for (size_t bit = 0; bit < 8 * n; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        OK(as_file_write(path, text, n, &error));
        cr_assert_not(recall(KEY), "bit %zu", bit);
        cr_assert_not(as_path_exists(path), "a broken file is removed");
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t length = 0; length < n; length++) {
        OK(as_file_write(path, text, length, &error));
        cr_assert_not(recall(KEY), "cut to %zu", length);
    }
    OK(as_file_write(path, text, n, &error));
    cr_assert(recall(KEY));
    free(text);
}

/* A file that is right in itself but stands under another's key. */
Test(equivalence_cache, another_keys_file_is_not_taken) {
    char other[200], *text = NULL;
    size_t n = 0;
    remember(&passed);
    OK(as_file_read(path, 1 << 16, &text, &n, &error));
    snprintf(other, sizeof other, "%s/prepared/" OTHER_KEY, folder);
    OK(as_file_write(other, text, n, &error));
    cr_assert_not(recall(OTHER_KEY));
    free(text);
}

static as_plugin plugin_named(int32_t kind, const char *id) {
    as_plugin plugin;
    OK(as_plugin_load(arena, kind, id, &plugin, &error));
    return plugin;
}

static as_sha256_hex key_of(const as_equivalence_parts *parts) {
    as_sha256_hex key;
    OK(as_equivalence_key(parts, &key, &error));
    return key;
}

#define DIFFERS(parts, what)                                                                       \
    cr_assert_str_neq(key_of(parts).text, key.text, "%s must change the key", what)

Test(equivalence_cache, the_key_follows_everything_that_matters) {
    const as_graph_options closed = {.with_gradient = 1}, forward = {0};
    assay_graph *graph = tiny_model("gru", 1, 0, &closed),
                *deeper = tiny_model("gru", 2, 0, &closed),
                *only_forward = tiny_model("gru", 1, 0, &forward);
    as_engine *engine = tiny_engine(graph, "reference", ASSAY_DTYPE_F32);
    as_engine *others[] = {tiny_engine(deeper, "reference", ASSAY_DTYPE_F32),
                           tiny_engine(only_forward, "reference", ASSAY_DTYPE_F32),
                           tiny_engine(graph, "reference", ASSAY_DTYPE_F64)};
    as_plugin backend = plugin_named(ASSAY_PLUGIN_KIND_BACKEND, "reference");
    as_plugin model = plugin_named(ASSAY_PLUGIN_KIND_MODEL, "gru");
    as_plugin other_model = plugin_named(ASSAY_PLUGIN_KIND_MODEL, "transformer"), rebuilt = backend;
    const as_equivalence_parts parts = {.engine = engine,
                                        .device = as_engine_device(engine),
                                        .backend = &backend,
                                        .reference = &backend,
                                        .model = &model,
                                        .options = "{}",
                                        .n_rows = 8};
    as_sha256_hex key = key_of(&parts);
    cr_assert_str_eq(key_of(&parts).text, key.text, "the same is the same");
    for (size_t i = 0; i < 3; i++) {
        as_equivalence_parts p = parts;
        p.engine = others[i];
        DIFFERS(&p, i == 0 ? "another layer" : i == 1 ? "no gradient" : "another precision");
    }
    as_equivalence_parts p = parts;
    p.options = "{\"hidden\":6}";
    DIFFERS(&p, "an option");
    p = parts;
    p.weights = "{\"name\":\"bert\"}";
    DIFFERS(&p, "pretrained weights");
    p = parts;
    p.n_rows = 4;
    DIFFERS(&p, "a smaller batch");
    p = parts;
    p.model = &other_model;
    DIFFERS(&p, "another model");
    p = parts;
    rebuilt.path = "/proc/self/exe"; /* some other file */
    p.backend = &rebuilt;
    DIFFERS(&p, "another build of the backend");
    p = parts;
    p.reference = &rebuilt;
    DIFFERS(&p, "another build of the reference");
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
    DIFFERS(&parts, "a limit on the processor");
    unsetenv("ONEDNN_MAX_CPU_ISA");
    setenv("UNRELATED", "AVX2", 1);
    cr_assert_str_eq(key_of(&parts).text, key.text, "an unrelated variable");
    rebuilt.path = "/nowhere/plugin.so";
    p = parts;
    p.backend = &rebuilt;
    cr_assert_neq(as_equivalence_key(&p, &key, NULL), ASSAY_OK);
    for (size_t i = 0; i < 3; i++)
        as_engine_free(others[i]);
    as_engine_free(engine);
    as_graph_free(graph);
    as_graph_free(deeper);
    as_graph_free(only_forward);
}
