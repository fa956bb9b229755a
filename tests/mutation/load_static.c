/* SPDX-License-Identifier: MIT */
/* load_static.c: stands for tests/ops/load.c in a program that has the reference backend linked in
 * as its static twin, without the host's loader: fewer sources to compile for each mutant. */
#include "ops/harness.h"

const assay_plugin *assay_plugin_query_reference(const assay_host *host);

const assay_backend *load_backend(as_arena *arena, const char *id) {
    assay_host host = {(uint32_t)sizeof host, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR, 0, "test"};
    (void)arena;
    if (strcmp(id, "reference") != 0)
        tap_bail("only the reference backend is linked in, not %s", id);
    return assay_plugin_query_reference(&host)->get_interface(ASSAY_BACKEND);
}
