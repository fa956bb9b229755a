# SPDX-License-Identifier: MIT
# assay plugin new: its file compiles as printed, passes assay plugin check and is under 60 lines; and
# assay plugin check: what it finds in models, backends and broken plugins.
. "$HARNESS"

must 0 "$ASSAY" plugin new my_model
prints 'my_model.c: written'
prints 'assay plugin check ./my_model.so'
must 64 "$ASSAY" plugin new my_model
says 'is there already'
must 64 "$ASSAY" plugin new My-Model
says 'found "My-Model"'
must 64 "$ASSAY" plugin build my_model
says 'new or check'
[ "$(wc -l <my_model.c)" -lt 60 ] || complain "the template has 60 lines or more"
${CC:-cc} -std=c11 -Wall -Wextra -Werror -O2 -fPIC -shared -fvisibility=hidden -I "$SDK" my_model.c \
    -o my_model.so -lm

must 0 "$ASSAY" plugin check ./my_model.so --set embedding=8
prints 'my_model 0.1  graph model, MIT'
prints 'builds for 2, 3 and 20'
prints 'from the reference: logits'
prints ' 0 failed'
must 0 "$ASSAY" plugin check gru --set embedding=8 --set hidden=4
prints 'ok    gradient'
prints 'ok    learns'
prints 'ok    repeats'
must 0 "$ASSAY" plugin check naive_bayes
prints 'opaque model'
prints 'ok    learns'
must 0 "$ASSAY" plugin check bert
prints 'check a smaller configuration with --set'
must 0 "$ASSAY" plugin check reference
prints 'ok    f64         opens'
prints 'skip  bf16'

must 64 "$ASSAY" plugin check ./my_model.so --set hidden=0
says 'hidden'
must 64 "$ASSAY" plugin check ./my_model.so --set widht=3
says 'widht'
must 3 "$ASSAY" plugin check "$ABI/bad_build_crash.so"
says 'Segmentation fault'
must 3 "$ASSAY" plugin check "$ABI/bad_wrong_major.so"
says 'interface version'

# An opaque model that learns nothing and never says the same twice.
cat >unruly.c <<'EOF'
#include "assay/model.h"
static int n_calls;
static assay_status create(const assay_model_config *config, void **ret_model, assay_error *error) {
    (void)config, (void)error;
    *ret_model = &n_calls;
    return ASSAY_OK;
}
static assay_status train_step(void *model, const assay_batch *batch, const assay_train_step *step,
                               double *ret_loss, assay_error *error) {
    (void)model, (void)batch, (void)step, (void)error;
    *ret_loss = 1;
    return ASSAY_OK;
}
static assay_status predict(void *model, const assay_batch *batch, float *logits, assay_error *error) {
    (void)model, (void)error;
    for (int32_t i = 0; i < 2 * batch->n_rows; i++)
        logits[i] = i % 2 ? 0.0f : (float)++n_calls;
    return ASSAY_OK;
}
static int64_t n_parameters(const void *model) { return model == &n_calls; }
static void destroy(void *model) { (void)model; }
static const assay_model_opaque unruly = {sizeof unruly, 0, create, train_step, predict, 0, 0, n_parameters, destroy};
static const void *get_interface(const char *name) {
    return strcmp(name, ASSAY_MODEL_OPAQUE) == 0 ? &unruly : 0;
}
static const assay_plugin descriptor = {sizeof descriptor, ASSAY_ABI_MAJOR, 0, ASSAY_PLUGIN_KIND_MODEL,
    "unruly", "1", "MIT", "counts", "", 0, 0, 0, get_interface, 0};
ASSAY_DEFINE_PLUGIN(descriptor)
EOF
${CC:-cc} -std=c11 -O2 -fPIC -shared -fvisibility=hidden -I "$SDK" unruly.c -o unruly.so
must 65 "$ASSAY" plugin check ./unruly.so
prints 'FAIL  learns'
prints 'FAIL  repeats'
prints 'skip  keeps'
prints ' 2 failed, 1 skipped'
