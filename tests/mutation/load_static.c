/* SPDX-License-Identifier: MIT */
/* load_static.c: stands for tests/ops/load.c in a program that has one backend (ASSAY_STATIC_ID)
 * linked in as its static twin and no model, without the host's loader: fewer sources to compile
 * for each mutant. */
#include "ops/harness.h"

#define QUERY_OF(id) assay_plugin_query_##id
#define QUERY(id) QUERY_OF(id)
#define NAME_OF(id) #id
#define NAME(id) NAME_OF(id)

const assay_plugin *QUERY(ASSAY_STATIC_ID)(const assay_host *host);

const assay_backend *load_backend(as_arena *arena, const char *id) {
    assay_host host = {(uint32_t)sizeof host, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR, 0, "test"};
    (void)arena;
    if (strcmp(id, NAME(ASSAY_STATIC_ID)) != 0)
        tap_bail("only the backend " NAME(ASSAY_STATIC_ID) " is linked in, not %s", id);
    return QUERY(ASSAY_STATIC_ID)(&host)->get_interface(ASSAY_BACKEND);
}

assay_graph *load_model(as_arena *arena, const char *id, const as_option_value *options,
                        size_t n_options, int64_t n_ids, int32_t n_classes) {
    (void)arena;
    (void)options;
    (void)n_options;
    (void)n_ids;
    (void)n_classes;
    tap_bail("no model is linked in, not %s either", id);
}
