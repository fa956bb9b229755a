/* SPDX-License-Identifier: MIT */
/* tests/abi/valid.h: a plugin that is right, for the others to spoil in one place each. */
#ifndef TESTS_ABI_VALID_H
#define TESTS_ABI_VALID_H

#include "assay/blocks.h"

typedef struct valid_options {
    int64_t size;
    int64_t pooling;
} valid_options;

static const char *const valid_poolings[] = {"mean", "max", NULL};

static assay_option valid_table[2] = {
    ASSAY_OPTION_INT(valid_options, size, 8, 1, 64, "channels"),
    ASSAY_OPTION_CHOICE(valid_options, pooling, 0, valid_poolings, "how tokens become a row"),
};

static inline assay_value valid_build(const assay_builder *b, const assay_model_config *config) {
    const valid_options *o = (const valid_options *)config->options;
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, o->size);
    return assay_linear(b, "fc", assay_mean_pool(b, x), config->n_classes);
}

static assay_model_graph valid_model = {(uint32_t)sizeof(assay_model_graph), 0, valid_build};

static inline const void *valid_interface(const char *name) {
    return strcmp(name, ASSAY_MODEL_GRAPH) == 0 ? &valid_model : NULL;
}

/* Entry point of a plugin `name`; the statements change `p`, valid_table or valid_model. */
#define SPOILED_PLUGIN(name, ...)                                                                  \
    ASSAY_EXPORT const assay_plugin *assay_plugin_query(const assay_host *host);                   \
    const assay_plugin *assay_plugin_query(const assay_host *host) {                               \
        static assay_plugin p;                                                                     \
        (void)host;                                                                                \
        p.struct_size = sizeof p;                                                                  \
        p.abi_major = ASSAY_ABI_MAJOR;                                                             \
        p.kind = ASSAY_PLUGIN_KIND_MODEL;                                                          \
        p.id = name;                                                                               \
        p.version = "1.0";                                                                         \
        p.license = "MIT";                                                                         \
        p.summary = "for tests";                                                                   \
        p.build = "";                                                                              \
        p.options = valid_table;                                                                   \
        p.n_options = 2;                                                                           \
        p.options_size = sizeof(valid_options);                                                    \
        p.get_interface = valid_interface;                                                         \
        __VA_ARGS__                                                                                \
        return &p;                                                                                 \
    }

#endif
