/* SPDX-License-Identifier: MIT */
/* Hugging Face folders: what decides when a file and a model differ, and which files and
 * configurations are refused. test_bert.c has the figures that loaded weights give. */
#include <math.h>

#include "base/json.h"
#include "pretrained.h"

TestSuite(weights, .init = set_up, .fini = tear_down);

/* ---- files that differ from the model -------------------------------------------------------- */

/* distilbert's golden tensors under other names, some left out, some added. */
typedef struct edit {
    const char *from, *to; /* replaced in names; to NULL: those tensors are left out */
    const char *added[4];  /* F32 [2] each */
    double value;          /* of what is added */
} edit;

typedef struct edited_file {
    const as_safetensors *file;
    const as_tensor *tensors[128];
    as_tensor_out out[128];
    size_t n;
    double value;
} edited_file;

static assay_status edited_source(void *context, size_t index, double *values, uint64_t n,
                                  assay_error *ret_error) {
    const edited_file *e = context;
    if (e->tensors[index])
        return as_tensor_read_f64(e->file, e->tensors[index], values, n, ret_error);
    for (uint64_t i = 0; i < n; i++)
        values[i] = e->value;
    return ASSAY_OK;
}

static void edit_names(edited_file *e, const edit *change) {
    size_t n;
    const as_tensor *tensors = as_safetensors_tensors(e->file, &n);
    for (size_t i = 0; i < n; i++) {
        const char *name = tensors[i].name, *at = strstr(name, change->from);
        char renamed[160];
        if (at && !change->to)
            continue;
        if (at)
            snprintf(renamed, sizeof renamed, "%.*s%s%s", (int)(at - name), name, change->to,
                     at + strlen(change->from));
        e->tensors[e->n] = &tensors[i];
        e->out[e->n].name = at ? as_arena_strdup(arena, renamed) : name;
        e->out[e->n].type = AS_TENSOR_F32;
        e->out[e->n].rank = tensors[i].rank;
        memcpy(e->out[e->n++].dims, tensors[i].dims, sizeof tensors[i].dims);
    }
    for (size_t i = 0; i < 4 && change->added[i]; i++)
        e->out[e->n++] = (as_tensor_out){change->added[i], AS_TENSOR_F32, 1, {2}};
}

/* Opens the edited file, in a folder of its own. */
static void open_edited(const edit *change) {
    static edited_file e;
    as_safetensors *file = NULL;
    scratch_path path = scratch_join(scratch.text, "edited.safetensors");
    OK(as_safetensors_open(golden("bert/distilbert/model.safetensors").text, &file, &error));
    memset(&e, 0, sizeof e);
    e.file = file;
    e.value = change->value;
    edit_names(&e, change);
    OK(as_safetensors_write(path.text, e.out, e.n, NULL, edited_source, &e, &error));
    as_safetensors_close(file);
    as_weights_close(weights);
    OK(as_weights_open(arena, path.text, &weights, &error));
}

static void load_edited(const edit *change) {
    open_edited(change);
    cr_assert_null(as_weights_configuration(weights));
    OK(as_weights_load(arena, weights, engine, "distilbert", 1, &result, &error));
}

static double *get_all(void) {
    uint64_t n = as_engine_n_elements(engine);
    double *all = as_arena_alloc_array(arena, n, sizeof *all);
    OK(as_engine_get(engine, ASSAY_STATE_PARAMETER, all, n, &error));
    return all;
}

Test(weights, other_spellings_of_a_name_load_the_same) {
    static const edit edits[] = {{"distilbert.", "", {NULL}, 0},
                                 {"LayerNorm.weight", "LayerNorm.gamma", {NULL}, 0},
                                 {"layer_norm.bias", "layer_norm.beta", {NULL}, 0}};
    build_tiny("distilbert", NULL);
    open_engine("reference", ASSAY_DTYPE_F64);
    load_edited(&(edit){"nothing", "", {NULL}, 0});
    double *expected = get_all();
    for (size_t i = 0; i < 3; i++) {
        OK(as_engine_zero(engine, ASSAY_STATE_PARAMETER, &error));
        load_edited(&edits[i]);
        cr_assert_eq(result.loaded.n, view->n_parameters);
        cr_assert_arr_eq(get_all(), expected, as_engine_n_elements(engine) * sizeof(double));
    }
}

Test(weights, a_missing_head_is_drawn_as_without_a_file) {
    build_tiny("distilbert", NULL);
    open_engine("reference", ASSAY_DTYPE_F64);
    OK(as_engine_init_parameters(engine, 1, &error));
    double *drawn = get_all(), *found;
    load_edited(&(edit){"classifier", NULL, {NULL}, 0}); /* pre_classifier too */
    cr_assert_eq(result.drawn.n, 4);
    cr_assert_eq(result.loaded.n, view->n_parameters - 4);
    found = get_all();
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        size_t n = (size_t)view->parameters[i].n_elements;
        bool head = strstr(view->parameters[i].name, "classifier") != NULL;
        cr_assert_eq(memcmp(drawn, found, n * sizeof *found) == 0, head, "%s",
                     view->parameters[i].name);
        drawn += n;
        found += n;
    }
}

Test(weights, what_pretraining_left_is_ignored_and_said) {
    build_tiny("distilbert", "mean");
    open_engine("reference", ASSAY_DTYPE_F64);
    load_edited(&(edit){"nothing",
                        "",
                        {"distilbert.embeddings.position_ids", "vocab_projector.bias",
                         "cls.predictions.bias", "qa_outputs.bias"},
                        0});
    cr_assert_eq(result.drawn.n, 0);
    cr_assert_eq(result.ignored.n, 3);
    cr_assert_str_eq(result.ignored.names[0], "cls.predictions.bias");
    cr_assert_eq(result.unused.n, 3); /* and pre_classifier's two, which the mean head lacks */
    cr_assert_str_eq(result.unused.names[0], "pre_classifier.bias");
    cr_assert_str_eq(result.unused.names[2], "qa_outputs.bias");
}

static char last_text[sizeof error.text]; /* of refuse_edited */

static int count_character(const char *text, char character) {
    int n = 0;
    for (; *text; text++)
        n += *text == character;
    return n;
}

static void refuse_edited(const edit *change, const char *const *texts) {
    as_weights_result untouched = {.loaded = {NULL, 77}};
    open_edited(change);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_weights_load(arena, weights, engine, "distilbert", 1, &untouched, &error),
                 ASSAY_BAD_DATA);
    cr_assert_eq(untouched.loaded.n, 77);
    for (int i = 0; texts[i]; i++)
        cr_assert(strstr(error.text, texts[i]), "expected \"%s\"; found %s", texts[i], error.text);
    memcpy(last_text, error.text, sizeof last_text);
    error = (assay_error)ASSAY_ERROR_INIT;
}

Test(weights, an_encoder_that_does_not_fit_is_refused) {
    build_tiny("distilbert", NULL);
    open_engine("reference", ASSAY_DTYPE_F64);
    refuse_edited(&(edit){"layer.1.ffn.lin1.weight", NULL, {NULL}, 0},
                  (const char *const[]){
                      "1 tensor does not fit",
                      "\"distilbert.transformer.layer.1.ffn.lin1.weight\" [20, 16] is missing",
                      NULL});
    refuse_edited(
        &(edit){"layer.1.ffn.lin1.bias", NULL, {"distilbert.transformer.layer.1.ffn.lin1.bias"}, 0},
        (const char *const[]){"lin1.bias\" has shape [2], the model's [20]", NULL});
    refuse_edited(&(edit){"nothing", "", {"distilbert.transformer.layer.2.ffn.lin1.bias"}, 0},
                  (const char *const[]){"layer.2.ffn.lin1.bias\" [2] has no place", NULL});
    refuse_edited(&(edit){"layer.0", "layer.7", {NULL}, 0},
                  (const char *const[]){"32 tensors do not fit", "; ...", NULL});
    cr_assert_eq(count_character(last_text, ';'), 10); /* ten names, and that there are more */
    refuse_edited(&(edit){"nothing", "", {"embeddings.LayerNorm.gamma"}, 0},
                  (const char *const[]){"\"distilbert.embeddings.LayerNorm.weight\"",
                                        "\"embeddings.LayerNorm.gamma\"", "same parameter", NULL});
    refuse_edited(
        &(edit){"classifier.bias", NULL, {"classifier.bias"}, 0},
        (const char *const[]){"\"classifier.bias\" has shape [2], the model's [3]", NULL});
}

Test(weights, weights_that_are_not_finite_are_refused) {
    const as_option_value values[] = {tiny[0], tiny[1], tiny[2], tiny[3], tiny[4]};
    OK(build_model("distilbert", values, 5, (model_size){2, 50, 12}));
    open_engine("reference", ASSAY_DTYPE_F64);
    open_edited(&(edit){"classifier", NULL, {"classifier.bias"}, NAN});
    cr_assert_eq(as_weights_load(arena, weights, engine, "distilbert", 1, &result, &error),
                 ASSAY_BAD_DATA);
    cr_assert(strstr(error.where, "tensor \"classifier.bias\""), "%s", error.where);
    cr_assert(strstr(error.text, "element 0 is"), "%s", error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_weights_match(arena, weights, view, "distilbert", &result, &error),
                 ASSAY_BAD_DATA);
    cr_assert(strstr(error.where, "tensor \"classifier.bias\""), "%s", error.where);
}

/* ---- folders --------------------------------------------------------------------------------- */

static void copy_golden(const char *name, const char *to) {
    char *content;
    size_t n;
    OK(as_file_read(golden(name).text, 1 << 20, &content, &n, &error));
    scratch_write(scratch.text, to, content, n);
    free(content);
}

static void refuse_folder(const char *path, assay_status status, const char *where,
                          const char *text) {
    weights = NULL;
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_weights_open(arena, path, &weights, &error), status, "expected %s; found %s",
                 text, error.text);
    cr_assert_null(weights);
    cr_assert(strstr(error.where, where), "where: %s", error.where);
    cr_assert(strstr(error.text, text), "expected %s; found %s", text, error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
}

Test(weights, a_pickle_is_refused_with_the_command_that_converts_it) {
    copy_golden("bert/bert/config.json", "config.json");
    refuse_folder(scratch.text, ASSAY_NOT_FOUND, scratch.text, "no model.safetensors");
    scratch_path path = scratch_write(scratch.text, "pytorch_model.bin", "PK", 2);
    refuse_folder(scratch.text, ASSAY_BAD_DATA, "pytorch_model.bin", "python3 -c");
    refuse_folder(path.text, ASSAY_BAD_DATA, "pytorch_model.bin", "save_file");
    refuse_folder("/nonexistent/model.safetensors", ASSAY_NOT_FOUND, "/nonexistent", "cannot open");
}

Test(weights, a_folder_needs_its_configuration) {
    copy_golden("bert/distilbert/model.safetensors", "model.safetensors");
    refuse_folder(scratch.text, ASSAY_NOT_FOUND, "config.json", "is missing");
    copy_golden("bert/distilbert/config.json", "config.json");
    OK(as_weights_open(arena, scratch.text, &weights, &error));
    cr_assert_eq(as_weights_configuration(weights)->feed_forward, 20);
    as_weights_close(weights);
    OK(as_weights_open(arena, scratch_join(scratch.text, "model.safetensors").text, &weights,
                       &error));
    cr_assert_str_eq(as_weights_configuration(weights)->model_type, "distilbert");
}

static void write_index(const char *text) {
    scratch_write(scratch.text, "model.safetensors.index.json", text, strlen(text));
}

Test(weights, an_index_that_lies_is_refused) {
    static const char *const outside[] = {"\"../x\"", "\"/etc/passwd\"", "\"\"", "\".x\"", "3"};
    char text[256];
    copy_golden("bert/bert/config.json", "config.json");
    copy_golden("safetensors/written.safetensors", "one.safetensors");
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        snprintf(text, sizeof text, "{\"weight_map\":{\"a\":%s}}", outside[i]);
        write_index(text);
        refuse_folder(scratch.text, ASSAY_BAD_DATA, "index.json", "in the same folder");
    }
    write_index("{}");
    refuse_folder(scratch.text, ASSAY_BAD_DATA, "index.json", "found nothing; expected an object");
    write_index("{\"weight_map\":{\"a\":\"none.safetensors\"}}");
    refuse_folder(scratch.text, ASSAY_NOT_FOUND, "none.safetensors", "cannot open");
    write_index("{\"weight_map\":{\"other\":\"one.safetensors\"}}");
    refuse_folder(scratch.text, ASSAY_BAD_DATA, "one.safetensors", "has no tensor \"other\"");
    write_index("{\"weight_map\":{\"a\":\"one.safetensors\"}}");
    refuse_folder(scratch.text, ASSAY_BAD_DATA, "index.json", "1 tensors; its files have 5");
}

/* ---- config.json ----------------------------------------------------------------------------- */

/* One field of a golden config.json set to a JSON text, NULL: left out. */
static scratch_path edit_config(const char *model, const char *field, const char *value) {
    char name[64];
    json_t *json = NULL;
    snprintf(name, sizeof name, "bert/%s/config.json", model);
    OK(as_json_load(golden(name).text, &json, &error));
    if (value)
        json_object_set_new(json, field, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(json, field);
    char *text = json_dumps(json, 0);
    scratch_path path = scratch_write(scratch.text, "config.json", text, strlen(text));
    free(text);
    json_decref(json);
    return path;
}

Test(weights, a_configuration_for_something_else_is_refused_by_field) {
    static const struct {
        const char *model, *field, *value, *text;
    } cases[] = {
        {"distilbert", "model_type", "\"roberta\"", "found \"roberta\"; expected \"distilbert\""},
        {"distilbert", "model_type", NULL, "is missing"},
        {"distilbert", "model_type", "3", "expected a string"},
        {"distilbert", "activation", "\"relu\"", "found \"relu\"; expected \"gelu\""},
        {"distilbert", "activation", NULL, "is missing"},
        {"bert", "hidden_act", "\"gelu_new\"", "found \"gelu_new\""},
        {"bert", "hidden_act", "null", "is missing"},
        {"distilbert", "dim", NULL, "is missing"},
        {"distilbert", "dim", "0", "found 0 (integer); expected an integer from 1"},
        {"distilbert", "n_layers", "\"6\"", "expected an integer"},
        {"distilbert", "n_heads", "3", "found 3 heads; they must divide the 16 channels of dim"},
        {"distilbert", "hidden_dim", "-4", "expected an integer from 1"},
        {"distilbert", "vocab_size", NULL, "is missing"},
        {"distilbert", "max_position_embeddings", "1e3", "expected an integer"},
        {"bert", "hidden_size", NULL, "is missing"},
        {"bert", "num_hidden_layers", "100000", "from 1 to 1024"},
        {"bert", "num_attention_heads", "5", "must divide the 16 channels of hidden_size"},
        {"bert", "intermediate_size", NULL, "is missing"},
        {"bert", "layer_norm_eps", NULL, "is missing"},
        {"bert", "layer_norm_eps", "0", "expected a number"},
        {"bert", "position_embedding_type", "\"relative_key\"", "found relative_key"},
        {"bert", "is_decoder", "true", "found true"},
        {"distilbert", "dropout", "1.5", "from 0 to 1"},
        {"distilbert", "seq_classif_dropout", "-0.1", "from 0 to 1"},
        {"bert", "hidden_dropout_prob", "\"0.1\"", "expected a number"},
    };
    as_weights_config config = {.layers = 77};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_path path = edit_config(cases[i].model, cases[i].field, cases[i].value);
        error = (assay_error)ASSAY_ERROR_INIT;
        cr_assert_eq(as_weights_config_load(path.text, &config, &error), ASSAY_BAD_DATA, "%s",
                     cases[i].field);
        cr_assert_eq(config.layers, 77);
        cr_assert(strstr(strrchr(error.where, '/'), cases[i].field), "%s: where %s", cases[i].field,
                  error.where);
        cr_assert(strstr(error.text, cases[i].text), "%s: %s", cases[i].field, error.text);
    }
    scratch_path path = scratch_write(scratch.text, "config.json", "[]", 2);
    cr_assert_eq(as_weights_config_load(path.text, &config, NULL), ASSAY_BAD_DATA);
}

/* "layers 2, dim 16, ..." of an edited config.json. */
static const char *options_of(const char *model, const char *field, const char *value) {
    as_weights_config config;
    scratch_path path = edit_config(model, field, value);
    OK(as_weights_config_load(path.text, &config, &error));
    json_t *options = as_weights_config_options(&config);
    char *text = json_dumps(options, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(4));
    const char *copy = as_arena_strdup(arena, text);
    free(text);
    json_decref(options);
    return copy;
}

Test(weights, a_configuration_gives_the_models_options) {
    cr_assert_str_eq(
        options_of("distilbert", "attention_dropout", "0.3"),
        "{\"attention_dropout\":0.3,\"classifier_dropout\":0.2,\"dim\":16,"
        "\"dropout\":0.1,\"heads\":2,\"hidden_dim\":20,\"layers\":2,\"positions\":12}");
    cr_assert_str_eq(options_of("distilbert", "dropout", NULL),
                     "{\"attention_dropout\":0.1,\"classifier_dropout\":0.2,\"dim\":16,"
                     "\"heads\":2,\"hidden_dim\":20,\"layers\":2,\"positions\":12}");
    /* BERT's classifier has the layers' dropout where it has none of its own */
    cr_assert_str_eq(
        options_of("bert", "hidden_dropout_prob", "0.25"),
        "{\"attention_dropout\":0.1,\"classifier_dropout\":0.25,\"dim\":16,"
        "\"dropout\":0.25,\"heads\":2,\"hidden_dim\":20,\"layers\":2,\"positions\":12}");
    cr_assert(
        strstr(options_of("bert", "classifier_dropout", "0.4"), "\"classifier_dropout\":0.4,"));
}

Test(weights, the_classifier_tells_the_classes) {
    OK(as_weights_open(arena, golden("bert/distilbert").text, &weights, &error));
    cr_assert_eq(as_weights_classes(weights), CLASSES);
    as_weights_close(weights);
    OK(as_weights_open(arena, golden("bert/bert").text, &weights, &error));
    cr_assert_eq(as_weights_classes(weights), CLASSES);
    as_weights_close(weights);
    weights = NULL;
    open_edited(&(edit){.from = "classifier.", .to = "qa_outputs."});
    cr_assert_eq(as_weights_classes(weights), 0);
}

Test(weights, a_configuration_that_is_not_the_models_is_refused_by_field) {
    static const struct {
        const char *model, *field, *value, *text;
    } cases[] = {
        {"distilbert", "n_layers", "3", "found 3; the model has 2"},
        {"distilbert", "n_layers", "1", "found 1; the model has 2"},
        {"distilbert", "n_heads", "4", "found 4; the model has 2"},
        {"distilbert", "dim", "32", "found 32; the model has 16"},
        {"distilbert", "hidden_dim", "21", "found 21; the model has 20"},
        {"distilbert", "max_position_embeddings", "13", "found 13; the model has 12"},
        {"distilbert", "vocab_size", "51", "found 51; the model has 50: use the vocabulary"},
        {"distilbert", "model_type", "\"bert\"", NULL}, /* BERT's fields are missing */
        {"bert", "vocab_size", "50", "found \"bert\"; the model is \"distilbert\""},
    };
    build_tiny("distilbert", NULL);
    copy_golden("bert/distilbert/model.safetensors", "model.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        edit_config(cases[i].model, cases[i].field, cases[i].value);
        assay_status status = as_weights_open(arena, scratch.text, &weights, &error);
        cr_assert_eq(status, cases[i].text ? ASSAY_OK : ASSAY_BAD_DATA, "%s", error.text);
        if (status == ASSAY_OK) {
            cr_assert_eq(as_weights_match(arena, weights, view, "distilbert", &result, &error),
                         ASSAY_BAD_DATA);
            cr_assert(strstr(error.where, "config.json/"), "%s", error.where);
            cr_assert(strstr(error.text, cases[i].text), "%s", error.text);
            as_weights_close(weights);
            weights = NULL;
        }
        error = (assay_error)ASSAY_ERROR_INIT;
    }
}

Test(weights, another_epsilon_is_refused) {
    build_tiny("bert", NULL);
    edit_config("bert", "layer_norm_eps", "1e-05");
    copy_golden("bert/distilbert/model.safetensors", "model.safetensors");
    OK(as_weights_open(arena, scratch.text, &weights, &error));
    cr_assert_eq(as_weights_match(arena, weights, view, "bert", &result, &error), ASSAY_BAD_DATA);
    cr_assert(strstr(error.where, "/layer_norm_eps"), "%s", error.where);
}
